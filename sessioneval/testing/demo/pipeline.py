"""The whole way on one machine: trace apps, store their spans as Parquet, judge the sessions, read the result back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from sessioneval.analysis.frames import spans_df
from sessioneval.errors import StoreError
from sessioneval.model import columns as c
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.progress import Progress
from sessioneval.runs.run import RunResult
from sessioneval.sessions.selection import Selection
from sessioneval.store.layout import EVALUATIONS, SPANS, table_files
from sessioneval.testing.demo.chat_model import ChatModel, chat_model
from sessioneval.testing.demo.conversations import Conversation, conversations, trace
from sessioneval.testing.demo.report import Labels, Report

JUDGES = ("coherence", "goal_completion", "frustration", "correctness")
_PREFIX = "session_eval."


@dataclass(frozen=True, kw_only=True)
class DemoResult:
    """What the demo did.

    Attributes:
        store: The directory.
        labels: Session id -> judge -> label, of this run's sessions.
        differences: Where a controlled session got another label than it was written for, a line each.
        progress: Counts of the judging.
        is_stand_in: Whether the judge followed the written rules, so that a difference is a fault.
    """

    store: Path
    labels: Labels
    differences: tuple[str, ...]
    progress: Progress
    is_stand_in: bool

    @property
    def exit_code(self) -> int:
        """0 done, 1 the stand-in's labels differ from the expected ones, 3 some evaluations failed."""
        if self.differences and self.is_stand_in:
            return 1
        return 3 if self.progress.failed else 0


def run(
    store: Path,
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    console: Console,
) -> DemoResult:
    """Run the demo and tell on `console` what happens; a store that exists gets nine more sessions.

    Args:
        store: Directory to write to.
        model: A real model for all parts; by default the stand-in, which is started on a free port.
        base_url: Where the model is; by default ``OPENAI_BASE_URL`` or OpenAI itself.
        api_key: By default ``OPENAI_API_KEY``; not needed with a `base_url`.
        console: Where to print.

    Raises:
        InputError: Model, address or key cannot be used.
        JudgeUnavailable: The model gave the tutor, the student or the support agent no answer.
        StoreError: The store cannot be written or read.
    """
    with chat_model(model, base_url, api_key) as chosen:
        return _Demo(store, chosen, Report(console)).run()


class _Demo:
    """One run of the demo."""

    def __init__(self, store: Path, model: ChatModel, report: Report) -> None:
        self._store = store
        self._model = model
        self._report = report
        self._planned = conversations(model)
        self._selection = Selection(session_ids=frozenset(planned.session_id for planned in self._planned))

    def run(self) -> DemoResult:
        self._report.model(self._model)
        self._trace()
        result = self._evaluate()
        spans = spans_df(self._store, self._selection)
        labels = _labels(spans)
        differences = _differences(self._planned, labels)
        self._write_back(spans)
        self._tables(labels, differences)
        return DemoResult(
            store=self._store,
            labels=labels,
            differences=tuple(differences),
            progress=result.progress,
            is_stand_in=self._model.is_stand_in,
        )

    def _trace(self) -> None:
        self._report.step(1, "Trace: each conversation runs inside session(...); the student's calls are not traced")
        before = table_files(self._store, SPANS)
        counts = trace(self._store, self._planned, on_end=self._report.conversation)
        self._report.step(2, "Export: the spans are Parquet files now, which pandas and DuckDB read as they are")
        if not counts.exported or counts.failed:
            raise StoreError(
                f"{counts.exported} spans were stored in {str(self._store)!r} and {counts.failed} failed; use a directory "
                "that can be written to, and look whether OTEL_SDK_DISABLED is set"
            )
        self._report.spans(counts.exported, self._files_since(before, SPANS))

    def _evaluate(self) -> RunResult:
        self._report.step(3, "Evaluate: four judges read whole transcripts, put together from these files")
        before = table_files(self._store, EVALUATIONS)
        started = time.perf_counter()
        endpoint = self._model.endpoint
        result = evaluate(
            self._store,
            JUDGES,
            model=self._model.name,
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            selection=self._selection,
        )
        self._report.progress(result.progress, len(JUDGES), time.perf_counter() - started)
        self._report.files(self._files_since(before, EVALUATIONS))
        return result

    def _write_back(self, spans: pd.DataFrame) -> None:
        self._report.step(4, "Write back: spans_df() has session_eval.* on each session's anchor span")
        session_id = next(planned.session_id for planned in self._planned if planned.name == "incoherent")
        rows = spans[spans[c.SESSION_ID] == session_id]
        for anchor in _anchor_rows(rows).to_dict("records"):
            shown = {str(name): value for name, value in anchor.items() if str(name).startswith(f"{_PREFIX}coherence.")}
            self._report.anchor(session_id, str(anchor[c.SPAN_ID]), len(rows), shown)

    def _files_since(self, before: Sequence[Path], table: str) -> list[Path]:
        return [path for path in table_files(self._store, table) if path not in before]

    def _tables(self, labels: Labels, differences: Sequence[str]) -> None:
        controlled = [planned for planned in self._planned if planned.expected]
        self._report.step(5, "Four sessions written by hand: every turn looks fine, the session may not")
        self._report.labels("case", controlled, labels, JUDGES)
        self._report.differences(differences, is_stand_in=self._model.is_stand_in)
        self._report.step(6, "The traced apps: an AI tutor with three students, a support agent with two customers")
        self._report.labels("session", [p for p in self._planned if not p.expected], labels, JUDGES)
        self._report.next_commands(self._store, controlled[0].session_id)


def _anchor_rows(spans: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that carry any evaluation."""
    columns = [name for name in spans.columns if name.startswith(_PREFIX) and name.endswith(".label")]
    rows: pd.DataFrame = spans[spans[columns].notna().any(axis="columns")]
    return rows


def _labels(spans: pd.DataFrame) -> Labels:
    """Return the labels that the anchor rows carry, by session id."""
    names = {f"{_PREFIX}{name}.label": name for name in JUDGES}
    rows = _anchor_rows(spans).set_index(c.SESSION_ID)[list(names)].rename(columns=names)
    return {
        str(session_id): {str(name): str(label) for name, label in found.items() if pd.notna(label)}
        for session_id, found in rows.to_dict("index").items()
    }


def _differences(planned: Sequence[Conversation], labels: Labels) -> list[str]:
    found = {conversation.session_id: labels.get(conversation.session_id, {}) for conversation in planned}
    return [
        f"{conversation.name}: {name} is {found[conversation.session_id].get(name)!r}, expected {label!r}"
        for conversation in planned
        for name, label in conversation.expected.items()
        if found[conversation.session_id].get(name) != label
    ]
