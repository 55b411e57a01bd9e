"""Judging the sessions of a store: plan, decide with bounded concurrency, keep every decision safe at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice

import pyarrow.compute as pc

from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.channel import Channel
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import from_row
from sessioneval.model.transcript import Transcript
from sessioneval.reader.contexts import with_context
from sessioneval.reader.listing import Listing, list_sessions
from sessioneval.reader.transcripts import DEFAULT_MEMORY_BYTES, read_transcripts
from sessioneval.runs.budget import Budget
from sessioneval.runs.deciding import Decision, skip_row
from sessioneval.runs.engine import Engine
from sessioneval.runs.history import History
from sessioneval.runs.places import Places
from sessioneval.runs.plan import Plan, Skip, plan
from sessioneval.runs.progress import Progress, Tally
from sessioneval.runs.run_channel import RunChannel
from sessioneval.runs.run_journal import RunJournal
from sessioneval.runs.stopping import Stop
from sessioneval.sessions.due import OVER_BUDGET, DueRule
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION
from sessioneval.store.journal import abandoned
from sessioneval.store.run_records import RunRecord, RunState, write_record
from sessioneval.store.store import Store

OnProgress = Callable[[Progress], object]
_SKIPS_AT_ONCE = 1_000
_READ_AT_ONCE = 32
# Judges take minutes for what is read in a second: reading further ahead would only cost memory.
_READING_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which sessions a run is about, and when one of them is due.

    Attributes:
        selection: Which sessions; None for all.
        rule: When a session is due.
        completion: Attribute key and value that mark a session as ended.
        only_failed: Whether only what failed when it was tried last is judged.
        memory_bytes: What messages may take up while they are read.
    """

    selection: Selection | None = None
    rule: DueRule = field(default_factory=DueRule)
    completion: tuple[str, str] = DEFAULT_COMPLETION
    only_failed: bool = False
    memory_bytes: int = DEFAULT_MEMORY_BYTES


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did.

    Attributes:
        run_id: Names the run in the evaluations' rows.
        store: Where they are.
        progress: The final counts.
        started_at, ended_at: UTC.
        is_stopped: Whether it ended early because it was asked to.
        given_up: A sentence for each model that was not asked any more because its calls only failed.
        is_over_budget: Whether it ended early because its budget was spent.
        spent_usd: Money for its calls, those of failed evaluations included.
    """

    run_id: str
    store: Store
    progress: Progress
    started_at: datetime
    ended_at: datetime
    is_stopped: bool = False
    given_up: tuple[str, ...] = ()
    is_over_budget: bool = False
    spent_usd: float = 0.0

    @property
    def evaluations(self) -> list[Evaluation]:
        """The decisions of this run, read from the store."""
        rows = self.store.evaluations()
        return [from_row(row) for row in rows.filter(pc.equal(rows.column("run_id"), self.run_id)).to_pylist()]

    @property
    def failures(self) -> list[Evaluation]:
        """The decisions of this run that failed, with error class and message."""
        return [evaluation for evaluation in self.evaluations if evaluation.status == "failed"]


class Run:
    """One run: its journal, its record and its counts.

    Args:
        store: What is judged.
        evaluators: Who judges, already through the run's channel.
        channel: The run's channel.
        on_progress: Called with the counts after every decision.
        stop: Ends the run early.
        budget: What it may spend; the channel charges it.
    """

    def __init__(
        self,
        store: Store,
        evaluators: Sequence[Evaluator],
        channel: RunChannel,
        *,
        on_progress: OnProgress,
        stop: Stop,
        budget: Budget,
    ) -> None:
        self._store = store
        self._evaluators = evaluators
        self._channel = channel
        self._on_progress = on_progress
        self._stop = stop
        self._budget = budget
        self._run_id = uuid.uuid4().hex
        self._started_at = datetime.now(UTC)

    async def carry_out(self, scope: Scope, places: Places) -> RunResult:
        """Judge what is due.

        Raises:
            StoreError: The store cannot be read, or a decision cannot be kept.
            OSError: The store cannot be written.
        """
        publish_abandoned(self._store)
        listing = list_sessions(self._store, scope.selection, scope.completion)
        history = History(self._store.evaluations())
        todo = plan(listing, self._evaluators, history, scope.rule, self._started_at, only_failed=scope.only_failed)
        tally = Tally(len(listing.sessions), todo.n_planned, todo.n_reused)
        record = self._record("running", tally)
        write_record(self._store.evaluations_folder, record)
        journal = RunJournal(self._store, self._run_id)
        try:
            await self._decide(listing, todo, history, scope=scope, tally=tally, journal=journal, places=places)
            record = self._record("stopped" if self._stop.is_requested else "finished", tally)
        finally:
            await journal.aclose()
        write_record(self._store.evaluations_folder, record)
        return self._result(tally)

    async def _decide(
        self,
        listing: Listing,
        todo: Plan,
        history: History,
        *,
        scope: Scope,
        tally: Tally,
        journal: RunJournal,
        places: Places,
    ) -> None:
        rule = scope.rule
        tally.skip(todo.standing_skips)
        self._tell(tally)
        await self._skip(todo.skips, rule, tally, journal)

        async def keep(decision: Decision) -> None:
            if decision.origin != "repeated":
                rows = [*decision.evaluation.votes, decision.evaluation]
                await journal.append_all(self._stamped(row, rule) for row in rows)
            if self._budget.is_spent:
                self._stop.request()

        def finished(decision: Decision) -> None:
            tally.finish(decision)
            self._tell(tally)

        left = todo
        while left.due and not self._stop.is_requested:
            engine = Engine(
                plan=left, history=history, rule=rule, places=places, keep=keep, finished=finished, stop=self._stop
            )
            await engine.run(due_transcripts(listing, left, scope.memory_bytes))
            left = left.narrowed(engine.deferred)
            await self._channel.answer_deferred(self._stop)
        if self._budget.is_spent:
            await self._skip(todo.rest(self._decided(), OVER_BUDGET), rule, tally, journal)
        self._tell(tally)

    async def _skip(self, skips: Iterable[Skip], rule: DueRule, tally: Tally, journal: RunJournal) -> None:
        left = iter(skips)
        while some := list(islice(left, _SKIPS_AT_ONCE)):
            rows = [self._stamped(skip_row(skip), rule) for skip in some]
            await journal.append_all(rows)
            for row in rows:
                tally.add(row)

    def _decided(self) -> set[tuple[str, str]]:
        """Return session and evaluator of each decision of this run, as they are in the store."""
        rows = self._store.evaluations()
        own = rows.filter(pc.and_(pc.equal(rows["run_id"], self._run_id), pc.is_null(rows["vote_of"])))
        return set(zip(own["session_id"].to_pylist(), own["name"].to_pylist(), strict=True))

    def _tell(self, tally: Tally) -> None:
        self._on_progress(tally.progress(is_stopping=self._stop.is_requested))

    def _stamped(self, evaluation: Evaluation, rule: DueRule) -> Evaluation:
        """Return the row with what the run knows of it."""
        cost_usd = self._budget.prices.cost_usd(evaluation.model, evaluation.usage)
        return replace(evaluation, run_id=self._run_id, cost_usd=cost_usd, sample_rate=rule.sample)

    def _record(self, state: RunState, tally: Tally) -> RunRecord:
        return RunRecord(
            run_id=self._run_id,
            state=state,
            started_at=self._started_at,
            ended_at=None if state == "running" else datetime.now(UTC),
            evaluators=tuple(evaluator.name for evaluator in self._evaluators),
            models=tuple(sorted({evaluator.model for evaluator in self._evaluators if evaluator.model})),
            n_sessions=tally.progress().n_sessions,
            n_planned=tally.progress().planned,
            n_reused=tally.progress().reused,
        )

    def _result(self, tally: Tally) -> RunResult:
        return RunResult(
            run_id=self._run_id,
            store=self._store,
            progress=tally.progress(),
            started_at=self._started_at,
            ended_at=datetime.now(UTC),
            is_stopped=self._stop.is_requested,
            given_up=self._channel.given_up,
            is_over_budget=self._budget.is_spent,
            spent_usd=self._budget.spent_usd,
        )


def publish_abandoned(store: Store) -> None:
    """Publish what a crashed run had finished."""
    for path in abandoned(store.evaluations_folder):
        store.publish_journal(path)


async def due_transcripts(listing: Listing, todo: Plan, memory_bytes: int) -> AsyncIterator[Transcript]:
    """Yield what is due; Parquet is read in a thread, and only as fast as there is room."""
    transcripts = read_transcripts(listing, todo.due, memory_bytes=min(memory_bytes, _READING_BYTES))
    if any(getattr(evaluator, "needs_context", False) for evaluator in todo.all_evaluators):
        transcripts = with_context(listing, todo.due, transcripts)
    while some := await asyncio.to_thread(lambda: list(islice(transcripts, _READ_AT_ONCE))):
        for transcript in some:
            yield transcript


def through(evaluator: Evaluator, channel: Channel) -> Evaluator:
    """Return the evaluator with its calls, if it makes any, through a channel."""
    bind = getattr(evaluator, "through", None)
    return evaluator if bind is None else bind(channel)
