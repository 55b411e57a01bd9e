"""Judging the sessions of a store: plan, run with bounded concurrency, keep every decision safe at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import PathLike
from typing import Any

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.registry import Spec, resolve_all
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import from_row
from sessioneval.reader import Listing, list_sessions, read_transcripts
from sessioneval.runs.concurrency import run_blocking, run_bounded
from sessioneval.runs.deciding import Decision, Pair, decide, skip_row
from sessioneval.runs.plan import History, Plan, plan
from sessioneval.runs.progress import Progress, Tally
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.grouping import DEFAULT_COMPLETION
from sessioneval.sessions.selection import Selection
from sessioneval.store.journal import Journal, abandoned
from sessioneval.store.store import Store

DEFAULT_CONCURRENCY = 16
OnProgress = Callable[[Progress], object]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did.

    Attributes:
        run_id: Names the run in the evaluations' rows.
        store: Where they are.
        progress: The final counts.
        started_at, ended_at: UTC.
    """

    run_id: str
    store: Store
    progress: Progress
    started_at: datetime
    ended_at: datetime

    @property
    def evaluations(self) -> list[Evaluation]:
        """The decisions of this run, read from the store."""
        rows = self.store.evaluations().to_pylist()
        return [from_row(row) for row in rows if row["run_id"] == self.run_id]

    @property
    def failures(self) -> list[Evaluation]:
        """The decisions of this run that failed, with error class and message."""
        return [evaluation for evaluation in self.evaluations if evaluation.status == "failed"]


def evaluate(store: "str | PathLike[str] | Store", evaluators: Sequence[Spec], **options: Any) -> RunResult:
    """Judge the sessions of a store; the blocking form of `evaluate_async`, also inside a notebook.

    Args:
        store: The store, or its directory.
        evaluators: Names, rubrics, judges or code evaluators.
        options: As for `evaluate_async`.

    Raises:
        InputError: An argument cannot be used; nothing was called or written.
        StoreError: There is no store, or it cannot be read.
        OSError: The store cannot be written; what was decided is in the journal, and the next run publishes it.

    Example:
        >>> evaluate("traces/", ["turn_count"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        sessioneval.errors.StoreError: no store at 'traces': ...
    """
    return run_blocking(lambda: evaluate_async(store, evaluators, **options))


async def evaluate_async(
    store: "str | PathLike[str] | Store",
    evaluators: Sequence[Spec],
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    selection: Selection | None = None,
    rule: DueRule | None = None,
    completion: tuple[str, str] = DEFAULT_COMPLETION,
    on_progress: OnProgress = lambda _: None,
) -> RunResult:
    """Judge the sessions of a store with several evaluators at once.

    Every finished evaluation is fsynced before its worker takes the next one, and a later run reuses it:
    what is paid for is kept, whatever kills the process.

    Args:
        store: The store, or its directory.
        evaluators: Names (``"coherence"``), `Rubric`, `Judge` or code evaluators.
        model: Model of judges that are given by name or rubric.
        base_url: Any OpenAI-compatible address; the OpenAI API by default.
        api_key: Its key; `OPENAI_API_KEY` by default.
        concurrency: Evaluations in flight at once.
        selection: Which sessions; all by default.
        rule: When a session is due; by default at once.
        completion: Attribute key and value that mark a session as ended.
        on_progress: Called with the counts after every decision.

    Returns:
        The counts; the evaluations are in the store.

    Raises:
        InputError: An argument cannot be used; nothing was called or written.
        StoreError: There is no store, or it cannot be read.
        OSError: The store cannot be written; what was decided is in the journal, and the next run publishes it.
    """
    if concurrency < 1:
        raise InputError(f"concurrency {concurrency!r} is too small; use 1 or more")
    resolved = resolve_all(evaluators, model=model, base_url=base_url, api_key=api_key)
    run = _Run(Store.existing(store), resolved, on_progress)
    async with AsyncExitStack() as stack:
        for evaluator in resolved:
            stack.push_async_callback(evaluator.aclose)
        return await run.carry_out(selection, rule or DueRule(), completion, concurrency)


class _Run:
    """One run: its journal, its counts, and the work on one (transcript, evaluator) pair."""

    def __init__(self, store: Store, evaluators: Sequence[Evaluator], on_progress: OnProgress) -> None:
        self._store = store
        self._evaluators = evaluators
        self._on_progress = on_progress
        self._run_id = uuid.uuid4().hex
        self._started_at = datetime.now(UTC)

    async def carry_out(
        self, selection: Selection | None, rule: DueRule, completion: tuple[str, str], concurrency: int
    ) -> RunResult:
        _publish_abandoned(self._store)
        listing = list_sessions(self._store, selection, completion)
        history = History(self._store.evaluations())
        todo = plan(listing.sessions, self._evaluators, history, rule, self._started_at)
        tally = Tally(len(listing.sessions), todo.n_planned, todo.n_reused)
        async with Journal.open(self._store.evaluations_folder, self._run_id) as journal:
            try:
                await self._decide(listing, todo, history, tally=tally, journal=journal, concurrency=concurrency)
            finally:
                await journal.aclose()
                self._store.publish_journal(journal.path)
        return self._result(tally)

    async def _decide(
        self, listing: Listing, todo: Plan, history: History, *, tally: Tally, journal: Journal, concurrency: int
    ) -> None:
        tally.skip(todo.standing_skips)
        self._on_progress(tally.progress())
        skipped = [self._stamped(skip_row(skip)) for skip in todo.skips]
        await asyncio.gather(*map(journal.append, skipped))
        for evaluation in skipped:
            tally.add(evaluation)

        async def work(pair: Pair) -> Decision:
            decision = await decide(pair, history)
            if decision.origin != "repeated":
                await journal.append(self._stamped(decision.evaluation))
            return decision

        def emit(decision: Decision) -> None:
            tally.finish(decision)
            self._on_progress(tally.progress())

        await run_bounded(work, _pairs(listing, todo), limit=concurrency, emit=emit)
        self._on_progress(tally.progress())

    def _stamped(self, evaluation: Evaluation) -> Evaluation:
        return replace(evaluation, run_id=self._run_id)

    def _result(self, tally: Tally) -> RunResult:
        return RunResult(
            run_id=self._run_id,
            store=self._store,
            progress=tally.progress(),
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
        )


def _publish_abandoned(store: Store) -> None:
    """Publish what a crashed run had finished."""
    for path in abandoned(store.evaluations_folder):
        store.publish_journal(path)


async def _pairs(listing: Listing, todo: Plan) -> AsyncIterator[Pair]:
    """Yield what is due; Parquet is read in a thread, and only as fast as workers come free."""
    due = {item.stored.session.session_id: item for item in todo.due}
    transcripts = read_transcripts(listing, [item.stored for item in todo.due])
    while (transcript := await asyncio.to_thread(next, transcripts, None)) is not None:
        for evaluator in due[transcript.session_id].evaluators:
            yield Pair(transcript, evaluator)
