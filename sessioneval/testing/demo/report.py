"""What the demo prints."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sessioneval.model.display import visible
from sessioneval.runs.progress import Progress
from sessioneval.testing.demo.chat_model import ChatModel
from sessioneval.testing.demo.conversations import Conversation

Labels = Mapping[str, Mapping[str, str]]
"""Session id -> evaluator name -> label."""

_BYTES_PER_KB = 1000
_NEXT = (
    ("{program} sessions {store}", "one row for each session"),
    ("{program} show {store} {session}", "a transcript with its evaluations"),
    ("{program} evaluate {store} tool_errors turn_count", "more evaluators; these need no model"),
    ("{program} export {store} -o spans.parquet", "all spans with session_eval.* on the anchor rows"),
)


class Report:
    """Tells on a console what the demo does, step by step."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def model(self, model: ChatModel) -> None:
        """Say who answers."""
        if not model.is_stand_in:
            self._say(f"Model {model.name} at {model.endpoint.shown} plays tutor, student, support agent and judge.")
            return
        self._say(
            f"The model is the stand-in at {model.endpoint.shown}: a server that answers by written rules. It is NOT a "
            "language model. For a real one set OPENAI_API_KEY and add --model NAME."
        )

    def step(self, number: int, text: str) -> None:
        """Open a step."""
        self._say("")
        self._console.print(Text(f"{number}. {text}", style="bold"), soft_wrap=True)

    def conversation(self, conversation: Conversation) -> None:
        """Name a session that is traced."""
        self._say(f"   {conversation.session_id}")

    def spans(self, n_spans: int, files: Sequence[Path]) -> None:
        """Say how many spans are in which files."""
        self._say(f"   {n_spans} spans")
        self.files(files)

    def files(self, files: Sequence[Path]) -> None:
        """List files with their sizes."""
        for path in files:
            self._say(f"   {path}  {path.stat().st_size / _BYTES_PER_KB:,.1f} kB")

    def progress(self, progress: Progress, n_evaluators: int, seconds: float) -> None:
        """Sum up the judging."""
        self._say(
            f"   {progress.n_sessions} sessions x {n_evaluators} judges: {progress.evaluated} evaluated, "
            f"{progress.failed} failed, {progress.usage.input_tokens + progress.usage.output_tokens:,} tokens, {seconds:.1f} s"
        )
        for (name, reason), count in progress.failures.items():
            self._say(f"   {count} x {name} failed: {reason}", style="red")

    def anchor(self, session_id: str, span_id: str, n_spans: int, columns: Mapping[str, object]) -> None:
        """Show what one anchor row carries."""
        self._say(f"   session {session_id}: on span {span_id}, empty on its {n_spans - 1} other spans")
        width = max(map(len, columns), default=0)
        for name, value in columns.items():
            self._say(f"   {name:<{width}}  {value}")

    def labels(self, title: str, rows: Iterable[Conversation], labels: Labels, names: Sequence[str]) -> None:
        """Print the labels of some sessions as a table."""
        table = Table(title, *names, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for row in rows:
            found = labels.get(row.session_id, {})
            table.add_row(visible(row.name), *(Text(visible(found.get(name, "no label"))) for name in names))
        self._console.print(table)

    def differences(self, differences: Sequence[str], *, is_stand_in: bool) -> None:
        """Say whether the controlled sessions got the labels they were written for."""
        if not differences:
            self._say("   As written down beforehand: each session fails where it was built to fail.")
        for difference in differences:
            self._say(f"   differs: {difference}", style="red" if is_stand_in else "yellow")

    def next_commands(self, store: Path, session_id: str) -> None:
        """Suggest what to try."""
        self._say("")
        self._say("Next:", style="bold")
        for command, why in _NEXT:
            line = command.format(program=_program(), store=shlex.quote(str(store)), session=session_id)
            self._say(f"   # {why}\n   {line}")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(Text(visible(text), style=style), soft_wrap=True)


def _program() -> str:
    """Return how the reader can call the command: by name if it is on the PATH, else where it was run from."""
    here = Path(sys.argv[0])
    if shutil.which("sessioneval") or here.name != "sessioneval":
        return "sessioneval"
    return os.path.relpath(here)
