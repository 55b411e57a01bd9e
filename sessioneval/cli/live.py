"""Live progress on stderr, only where a person looks on."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Display
from rich.text import Text

from sessioneval.cli.output import note
from sessioneval.runs.batch.mode import BatchProgress
from sessioneval.runs.importing import ImportReport
from sessioneval.runs.progress import Progress


class _Rate(ProgressColumn):
    """Evaluations a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f}/s")


@contextmanager
def evaluation_progress() -> Iterator[Callable[[Progress], object]]:
    """Yield what an evaluation reports its counts to."""
    if not sys.stderr.isatty():
        yield _Stopping()
        return
    failed = TextColumn("{task.fields[failed]} failed, {task.fields[reused]} reused, {task.fields[tokens]} tokens")
    done = TextColumn("{task.completed:.0f} of {task.total:.0f} done,")
    with _display(BarColumn(), done, failed, _Rate(), TimeRemainingColumn()) as display:
        task = display.add_task("", total=0, failed=0, reused=0, tokens=0)

        tell_stopping = _Stopping()

        def show(now: Progress) -> None:
            tell_stopping(now)
            tokens = now.usage.input_tokens + now.usage.output_tokens
            counts: Any = {"failed": now.failed, "reused": now.reused, "tokens": tokens}
            display.update(task, completed=now.done, total=now.planned, **counts)

        yield show


def batch_progress() -> Callable[[BatchProgress], object]:
    """Return what a batch run reports to: a line on stderr whenever something has changed."""
    told: list[BatchProgress] = []

    def tell(now: BatchProgress) -> None:
        if told[-1:] != [now]:
            told[:] = [now]
            batches = f"{now.n_collected} of {now.n_batches} batches ended"
            waiting = f", {now.n_waiting} batches wait for room at the provider" if now.n_waiting else ""
            note(f"{batches}, {now.n_done} of {now.n_requests} requests done{waiting}")

    return tell


class _Stopping:
    """Says once that the run was asked to stop."""

    def __init__(self) -> None:
        self._is_told = False

    def __call__(self, now: Progress) -> None:
        if now.is_stopping and not self._is_told:
            self._is_told = True
            note("stopping: what is in flight is finished and kept; press Ctrl-C again to end at once")


@contextmanager
def import_progress() -> Iterator[Callable[[ImportReport], object]]:
    """Yield what an import reports its counts to."""
    if not sys.stderr.isatty():
        yield _unseen
        return
    spans = TextColumn("{task.fields[read]} spans read, {task.fields[rejected]} rejected")
    with _display(BarColumn(), DownloadColumn(), spans, TimeRemainingColumn()) as display:
        task = display.add_task("", total=None, read=0, rejected=0)

        def show(now: ImportReport) -> None:
            counts: Any = {"read": now.read, "rejected": now.n_rejected}
            display.update(task, completed=now.bytes_done, total=now.bytes_total, **counts)

        yield show


def _display(*columns: ProgressColumn) -> Display:
    return Display(*columns, console=Console(stderr=True), transient=True)


def _unseen(now: ImportReport) -> None:
    del now
