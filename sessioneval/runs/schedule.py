"""Which evaluation is next: sessions in order, judges fairly, the first judge of a session before the others."""

import asyncio
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field

from sessioneval.evaluators.base import Evaluator
from sessioneval.model.transcript import Transcript


@dataclass(eq=False, kw_only=True)
class Job:
    """One evaluation to make.

    Attributes:
        transcript: What is judged.
        evaluator: Who judges.
        followers: Jobs of the same session whose prompts share this one's prefix; they start when it has ended.
    """

    transcript: Transcript
    evaluator: Evaluator
    followers: "list[Job]" = field(default_factory=list)


class Schedule:
    """Jobs of the sessions that are open: read, and not yet decided by all their evaluators.

    The next job is one of the evaluator with the fewest jobs under way, so a slow judge does not hold up the
    others. Use it from one event loop, with one caller of `add` and one of `take`.

    Args:
        max_sessions: Sessions that are open at once, at least 1; who adds more waits.
    """

    def __init__(self, max_sessions: int) -> None:
        self._max_sessions = max_sessions
        self._ready: dict[Evaluator, deque[Job]] = {}
        self._under_way: dict[Evaluator, int] = {}
        self._jobs_left: dict[int, int] = {}
        self._is_complete = False
        self._is_closed = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def add(self, transcript: Transcript, evaluators: Sequence[Evaluator]) -> None:
        """Open a session, as soon as there is room for it."""
        await self._has_room.wait()
        self._jobs_left[id(transcript)] = len(evaluators)
        if len(self._jobs_left) >= self._max_sessions:
            self._has_room.clear()
        for job in primed(transcript, evaluators):
            self._put(job)

    def complete(self) -> None:
        """Say that no session follows."""
        self._is_complete = True
        self._changed.set()

    def close(self) -> None:
        """Give out no further job."""
        self._is_closed = True
        self._changed.set()

    async def take(self) -> Job | None:
        """Return the next job once there is one; None when all jobs are done or the schedule is closed."""
        while not self._is_closed:
            job = self._next()
            if job is not None:
                return job
            if self._is_complete and not self._jobs_left:
                return None
            self._changed.clear()
            await self._changed.wait()
        return None

    def finish(self, job: Job, *, is_primed: bool) -> None:
        """Let the followers of an ended job start.

        Args:
            job: The job.
            is_primed: Whether a model has read the prompt; else the first follower goes ahead of the others.
        """
        self._under_way[job.evaluator] -= 1
        key = id(job.transcript)
        self._jobs_left[key] -= 1
        if not self._jobs_left[key]:
            del self._jobs_left[key]
            self._has_room.set()
            self._changed.set()
        for follower in job.followers if is_primed else _chained(job.followers):
            self._put(follower)

    def _put(self, job: Job) -> None:
        self._ready.setdefault(job.evaluator, deque()).append(job)
        self._under_way.setdefault(job.evaluator, 0)
        self._changed.set()

    def _next(self) -> Job | None:
        waiting = [evaluator for evaluator, jobs in self._ready.items() if jobs]
        if not waiting:
            return None
        evaluator = min(waiting, key=self._under_way.__getitem__)
        self._under_way[evaluator] += 1
        return self._ready[evaluator].popleft()


def primed(transcript: Transcript, evaluators: Iterable[Evaluator]) -> list[Job]:
    """Return the jobs of a session that may start at once, each with those that follow it.

    Evaluators with one `prefix_key` share a prompt prefix: the first of them fills the provider's cache.
    """
    groups: dict[Hashable, list[Job]] = {}
    for evaluator in evaluators:
        key: Hashable = getattr(evaluator, "prefix_key", None) or id(evaluator)
        groups.setdefault(key, []).append(Job(transcript=transcript, evaluator=evaluator))
    return [job for group in groups.values() for job in _chained(group)]


def _chained(jobs: Sequence[Job]) -> list[Job]:
    """Return the first of some jobs with the others as its followers."""
    if not jobs:
        return []
    first, *others = jobs
    first.followers = others
    return [first]
