"""Doing the jobs of a run: as many at once as there are places, each kept before its place is free again."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.channel import CallDeferred
from sessioneval.model.transcript import Transcript
from sessioneval.runs.deciding import Decision, Pair, decide
from sessioneval.runs.garbage import rare_collections
from sessioneval.runs.history import History
from sessioneval.runs.places import Places
from sessioneval.runs.plan import Plan
from sessioneval.runs.schedule import Job, Schedule
from sessioneval.runs.stopping import Stop
from sessioneval.sessions.due import DueRule

# How long calls in flight may take to end once a run is asked to stop.
GRACE_SECONDS = 20.0

Keep = Callable[[Decision], Awaitable[None]]


class Engine:
    """Decides what a plan says.

    A failure of an evaluator is a decision. An exception that escapes all the same is a bug or a broken store:
    it cancels the rest and is raised as itself.

    Args:
        plan: Who judges which session.
        history: What earlier runs decided.
        rule: Which transcripts can be judged.
        places: How many evaluations at once.
        keep: Makes a decision durable; the next one takes the place only after that.
        finished: Called once a decision, after it is kept.
        stop: Ends the run early.

    Attributes:
        deferred: Session id to the evaluators whose answers are not known yet; nothing is decided about these.
    """

    def __init__(
        self,
        *,
        plan: Plan,
        history: History,
        rule: DueRule,
        places: Places,
        keep: Keep,
        finished: Callable[[Decision], object],
        stop: Stop,
    ) -> None:
        self._plan = plan
        self._history = history
        self._rule = rule
        self._places = places
        self._keep = keep
        self._finished = finished
        self._stop = stop
        self._schedule = Schedule(max_sessions=2 * places.n_places)
        self._tasks: set[asyncio.Task[None]] = set()
        self.deferred: dict[str, list[Evaluator]] = {}

    async def run(self, transcripts: AsyncIterator[Transcript]) -> None:
        """Decide about all transcripts, or about as many as there is time for until the stop.

        Raises:
            StoreError: A decision cannot be kept.
        """
        self._stop.listen(self._end_early)
        try:
            with rare_collections():
                await self._decide_all(transcripts)
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def _decide_all(self, transcripts: AsyncIterator[Transcript]) -> None:
        async with asyncio.TaskGroup() as group:
            feeding = group.create_task(self._feed(transcripts))
            await self._dispatch(group)
            feeding.cancel()

    async def _feed(self, transcripts: AsyncIterator[Transcript]) -> None:
        async for transcript in transcripts:
            await self._schedule.add(transcript, self._plan.evaluators_of(transcript.session_id))
        self._schedule.complete()

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while (job := await self._schedule.take()) is not None:
            # The job first, the place after: who waits for a place is never what a place waits for.
            await self._places.take()
            if self._stop.is_requested:
                self._places.leave()
                return
            task = group.create_task(self._do(job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _do(self, job: Job) -> None:
        try:
            decision = await decide(Pair(job.transcript, job.evaluator), self._history, self._rule)
            await self._keep(decision)
        except CallDeferred:
            self.deferred.setdefault(job.transcript.session_id, []).append(job.evaluator)
            self._schedule.finish(job, is_primed=True)
            return
        finally:
            self._places.leave()
        evaluation = decision.evaluation
        self._schedule.finish(job, is_primed=evaluation.status == "evaluated" or evaluation.usage.calls > 0)
        self._finished(decision)

    def _end_early(self) -> None:
        """Take no new job; jobs that wait for a retry are dropped, the others may end in the time of grace."""
        self._schedule.close()
        self._places.stop_waiting()
        asyncio.get_running_loop().call_later(GRACE_SECONDS, self._cancel_all)

    def _cancel_all(self) -> None:
        for task in self._tasks:
            task.cancel()
