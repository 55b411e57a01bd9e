"""What is left to do: sessions x evaluators, minus what is done."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.evaluators.base import Evaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import from_row
from sessioneval.model.session import Session
from sessioneval.reader import StoredSession
from sessioneval.sessions.due import DueRule

_PAIR = ("session_id", "name", "identifier")


@dataclass(frozen=True, kw_only=True)
class Due:
    """A session with the evaluators that have not judged it as it is now."""

    stored: StoredSession
    evaluators: tuple[Evaluator, ...]


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
        skips: Decisions not to judge that are new; each becomes a row.
        n_reused: Evaluations that stand: same session, evaluator and spans.
        standing_skips: Reason to number of decisions not to judge that stand from earlier runs.
    """

    due: tuple[Due, ...]
    skips: tuple[Skip, ...]
    n_reused: int
    standing_skips: Counter[str]

    @property
    def n_planned(self) -> int:
        """Evaluations to make."""
        return sum(len(item.evaluators) for item in self.due)


class History:
    """What earlier runs decided, by session and evaluator."""

    def __init__(self, evaluations: pa.Table) -> None:
        self._done = evaluations.filter(pc.equal(evaluations.column("status"), "evaluated"))
        self._spans = set(_tuples(self._done, (*_PAIR, "spans_digest")))
        texts = _tuples(self._done, (*_PAIR, "transcript_digest"))
        self._row_of_text = {key: row for row, key in enumerate(texts)}
        # Oldest first, so the newest decision stays.
        self._newest = dict(zip(_tuples(evaluations, _PAIR), _tuples(evaluations, ("status", "reason")), strict=True))

    def has_judged_spans(self, session: Session, evaluator: Evaluator) -> bool:
        """Return whether the evaluator has judged exactly these spans."""
        return (session.session_id, evaluator.name, evaluator.identifier, session.spans_digest) in self._spans

    def judgement(self, session_id: str, evaluator: Evaluator, transcript_digest: str) -> Evaluation | None:
        """Return what the evaluator decided about exactly this transcript, if it did."""
        row = self._row_of_text.get((session_id, evaluator.name, evaluator.identifier, transcript_digest))
        return None if row is None else from_row(self._done.slice(row, 1).to_pylist()[0])

    def repeats(self, evaluation: Evaluation) -> bool:
        """Return whether the newest row about the pair is this very skip: another would be noise."""
        key = (evaluation.session_id, evaluation.name, evaluation.identifier)
        return evaluation.status == "skipped" and self._newest.get(key) == ("skipped", evaluation.reason)

    def says_already(self, skip: Skip) -> bool:
        """Return whether the newest row about the pair is this very skip."""
        key = (skip.session.session_id, skip.evaluator.name, skip.evaluator.identifier)
        return self._newest.get(key) == ("skipped", skip.reason)


def _tuples(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[object, ...]]:
    return zip(*(table.column(name).to_pylist() for name in names), strict=True)


def plan(
    sessions: Iterable[StoredSession], evaluators: Sequence[Evaluator], history: History, rule: DueRule, now: datetime
) -> Plan:
    """Decide for each session and evaluator: judge, reuse, or skip with a reason."""
    due: list[Due] = []
    skips: list[Skip] = []
    n_reused = 0
    for stored in sessions:
        left = tuple(e for e in evaluators if not history.has_judged_spans(stored.session, e))
        n_reused += len(evaluators) - len(left)
        reason = rule.reason_to_skip(stored.session, now)
        if reason is not None:
            skips += [Skip(session=stored.session, evaluator=evaluator, reason=reason) for evaluator in left]
        elif left:
            due.append(Due(stored=stored, evaluators=left))
    standing = [skip for skip in skips if history.says_already(skip)]
    return Plan(
        due=tuple(due),
        skips=tuple(skip for skip in skips if not history.says_already(skip)),
        n_reused=n_reused,
        standing_skips=Counter(skip.reason for skip in standing),
    )
