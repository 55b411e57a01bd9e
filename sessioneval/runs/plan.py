"""What is left to do: sessions x evaluators, minus what is done."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessioneval.evaluators.base import Evaluator
from sessioneval.model.session import Session
from sessioneval.reader.listing import Listing, StoredSessions
from sessioneval.runs.history import Flags, History
from sessioneval.sessions.due import DueRule


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A session that is not due for an evaluator, and why."""

    session: Session
    evaluator: Evaluator
    reason: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run will do.

    Attributes:
        due: Sessions to read and judge.
        n_planned: Evaluations to make.
        n_reused: Evaluations that stand: same session, evaluator and spans.
        skips: Decisions not to judge that are new; each becomes a row.
        standing_skips: Reason to number of decisions not to judge that stand from earlier runs.
        all_evaluators: Those of most sessions that are due.
        some_evaluators: Session id to those that are left, where it is not all of them.
    """

    due: StoredSessions
    n_planned: int
    n_reused: int
    skips: Sequence[Skip]
    standing_skips: Counter[str]
    all_evaluators: tuple[Evaluator, ...]
    some_evaluators: dict[str, tuple[Evaluator, ...]] = field(default_factory=dict)

    def evaluators_of(self, session_id: str) -> tuple[Evaluator, ...]:
        """Return who has not judged a due session as it is now."""
        return self.some_evaluators.get(session_id, self.all_evaluators)

    def narrowed(self, left: Mapping[str, Sequence[Evaluator]]) -> "Plan":
        """Return the plan of another round over what is left of this one.

        Args:
            left: Session id to the evaluators that have not decided.
        """
        is_left = np.zeros(len(self.due), dtype=bool)
        if left:  # else no session needs to become an object
            is_left[:] = [stored.session.session_id in left for stored in self.due]
        return replace(
            self,
            due=self.due.where(is_left),
            skips=(),
            standing_skips=Counter(),
            some_evaluators={session_id: tuple(evaluators) for session_id, evaluators in left.items()},
        )

    def rest(self, decided: Collection[tuple[str, str]], reason: str) -> Iterator[Skip]:
        """Yield what is due and not among the (session id, evaluator name) pairs that were decided."""
        for stored in self.due:
            for evaluator in self.evaluators_of(stored.session.session_id):
                if (stored.session.session_id, evaluator.name) not in decided:
                    yield Skip(session=stored.session, evaluator=evaluator, reason=reason)


def plan(
    listing: Listing,
    evaluators: Sequence[Evaluator],
    history: History,
    rule: DueRule,
    now: datetime,
    *,
    only_failed: bool = False,
) -> Plan:
    """Decide for each session and evaluator: judge, reuse, or skip with a reason.

    Args:
        listing: The sessions.
        evaluators: Who judges.
        history: What earlier runs decided; it is made ready for the sessions that are due.
        rule: When a session is due.
        now: The present, UTC.
        only_failed: Plan only what failed when it was tried last.
    """
    pairs = _Pairs(listing, evaluators, history)
    left = ~pairs.judged()
    n_reused = int(left.size - left.sum())
    if only_failed:
        left &= pairs.failed()
    held = _held_back(listing, rule, now, np.flatnonzero(left.any(axis=0)))
    is_held = np.array([reason is not None for reason in held], dtype=bool)
    due = left & ~is_held
    pairs.load(left)
    skips, standing = pairs.skips(left & is_held, held)
    return Plan(
        due=StoredSessions(listing.grouping, listing.sessions.places[due.any(axis=0)]),
        n_planned=int(due.sum()),
        n_reused=n_reused,
        skips=skips,
        standing_skips=standing,
        all_evaluators=tuple(evaluators),
        some_evaluators=pairs.some_evaluators(due),
    )


class _Pairs:
    """Sessions x evaluators as tables of flags: a row for each evaluator, a column for each session."""

    def __init__(self, listing: Listing, evaluators: Sequence[Evaluator], history: History) -> None:
        self._sessions = listing.grouping.sessions
        self._places = listing.sessions.places
        self._evaluators = evaluators
        self._pasts = [history.of(evaluator) for evaluator in evaluators]
        self._ids: pa.Array = self._sessions.columns(self._places)[0]
        self._known: Flags = np.array([past.knows(self._ids) for past in self._pasts])

    def judged(self) -> Flags:
        """Return which pairs are judged with the spans of now; only sessions of the past become objects."""
        judged = np.zeros_like(self._known)
        known = np.flatnonzero(self._known.any(axis=0))
        digests = [session.spans_digest for session in self._sessions.of(self._places[known])]
        ids = self._ids.take(pa.array(known))
        for row, past in enumerate(self._pasts):
            judged[row, known] = past.has_judged(ids, digests)
        return judged

    def failed(self) -> Flags:
        """Return which pairs failed when they were tried last."""
        return np.array([past.failed_last(self._ids) for past in self._pasts])

    def load(self, left: Flags) -> None:
        """Make the past of the pairs that are left ready."""
        for row, past in enumerate(self._pasts):
            past.load(self._ids.filter(pa.array(left[row] & self._known[row])))

    def skips(self, held: Flags, reasons: Sequence[str | None]) -> tuple[list[Skip], Counter[str]]:
        """Return the skips that are new, and the reasons of those that stand."""
        new: list[Skip] = []
        standing: Counter[str] = Counter()
        columns = np.flatnonzero(held.any(axis=0))
        for column, session in zip(columns.tolist(), self._sessions.of(self._places[columns]), strict=True):
            reason = reasons[column] or ""
            for row in np.flatnonzero(held[:, column]).tolist():
                if self._pasts[row].newest(session.session_id) == ("skipped", reason):
                    standing[reason] += 1
                else:
                    new.append(Skip(session=session, evaluator=self._evaluators[row], reason=reason))
        return new, standing

    def some_evaluators(self, due: Flags) -> dict[str, tuple[Evaluator, ...]]:
        """Return the evaluators of each session for which not all are due."""
        columns = np.flatnonzero(due.any(axis=0) & ~due.all(axis=0))
        return {
            session_id: tuple(self._evaluators[row] for row in np.flatnonzero(due[:, column]).tolist())
            for column, session_id in zip(columns.tolist(), self._ids.take(pa.array(columns)).to_pylist(), strict=True)
        }


def _held_back(listing: Listing, rule: DueRule, now: datetime, asked: NDArray[np.int64]) -> list[str | None]:
    """Return for each session why it is not due, None where it is or where nobody asks.

    Args:
        listing: The sessions.
        rule: When one is due.
        now: The present, UTC.
        asked: Numbers of the sessions for which somebody asks.
    """
    reasons: list[str | None] = [None] * len(listing.sessions)
    if rule == DueRule():
        return reasons
    sessions: Iterator[Session] = listing.grouping.sessions.of(listing.sessions.places[asked])
    for column, session in zip(asked.tolist(), sessions, strict=True):
        reasons[column] = rule.reason_to_skip(session, now)
    return reasons
