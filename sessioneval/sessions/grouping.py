"""Grouping spans into sessions, on columns: one row a session, and the spans of each in order."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_ints, numpy_of, offsets_of, slim
from sessioneval.model.session import Session
from sessioneval.model.words import words_of
from sessioneval.sessions.lineage import NONE, Lineage, Rows, lineage
from sessioneval.sessions.session_facts import SessionFacts, SessionRows
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION, span_facts, span_ids


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The sessions of a span table.

    Attributes:
        sessions: One `Session` for each session, ordered by (start time, session id); made when asked for.
        rows: For each session, the row numbers of its spans in anchor order.
        n_without_session: Spans that belong to no session.
        conflicts: For each session, how many of its spans named another session themselves.
        skewed: For each session, spans that end before they start or start before their parent.
        parent: Row of each row's parent, `NONE` at roots.
    """

    sessions: "Sessions"
    rows: "SessionRows"
    n_without_session: int
    conflicts: Rows
    skewed: Rows
    parent: Rows

    def __iter__(self) -> Iterator[tuple[Session, Rows]]:
        return zip(self.sessions, self.rows, strict=True)


class Sessions(Sequence[Session]):
    """Sessions that become objects only when asked for."""

    def __init__(self, facts: "SessionFacts") -> None:
        self._facts = facts

    def __len__(self) -> int:
        return len(self._facts.rows)

    @overload
    def __getitem__(self, index: int) -> Session: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Session]: ...
    def __getitem__(self, index: int | slice) -> Session | Sequence[Session]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return list(self.of(np.array(places, dtype=np.int64)))
        return next(self.of(np.array([places])))

    def __iter__(self) -> Iterator[Session]:
        return self.of(np.arange(len(self)))

    def of(self, places: Rows) -> Iterator[Session]:
        """Yield some sessions."""
        return self._facts.sessions(places)

    def columns(self, places: Rows) -> list[pa.Array]:
        """Return id, anchor span id, start, end, number of traces and of spans of some sessions."""
        return self._facts.columns(places)

    def starts(self, places: Rows) -> Rows:
        """Return when some sessions began, in Unix nanoseconds."""
        return self._facts.start[places]

    def candidates(self, ids: Collection[str], since: datetime | None, until: datetime | None) -> Rows:
        """Return the sessions with one of `ids` (any if there are none) that started in a span of time."""
        return self._facts.candidates(ids, since, until)


def group(spans: pa.Table, completion: tuple[str, str] = DEFAULT_COMPLETION) -> Grouping:
    """Group a table with `span_facts.COLUMNS` (each span once) into sessions.

    Args:
        spans: The table; also needs `completion_column` of the key if that is not the default.
        completion: Attribute key and value of the span that marks a session as ended.
    """
    return group_facts(span_facts(spans, completion))


def group_facts(facts: pa.Table) -> Grouping:
    """Group spans (each once) into sessions by what `span_facts` keeps of them."""
    family = lineage(facts)
    start = numpy_of(facts.column(c.START_TIME))
    session = _numbers(family, start)
    n_spans = np.bincount(session)[: int(session.max(initial=-1)) + 1]
    n_without = int((family.session == NONE).sum())
    n_spans = n_spans[:-1] if n_without else n_spans
    order = _anchor_order(facts, family.depth, start, session)[: len(session) - n_without]
    rows = SessionRows(order, offsets_of(n_spans))
    of_session = SessionFacts(facts, family, rows)
    return Grouping(
        sessions=Sessions(of_session),
        rows=rows,
        n_without_session=n_without,
        conflicts=of_session.conflicts,
        skewed=of_session.skewed,
        parent=family.parent,
    )


def _numbers(family: Lineage, start: Rows) -> Rows:
    """Return the number of each row's session, in order of start and id; rows without a session come last.

    The start counts to the microsecond, as the objects of sessions have it.
    """
    first = np.full(len(family.session_ids) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, family.session, start)
    codes = np.flatnonzero(np.bincount(family.session + 1, minlength=len(first))[1:])
    moment = first[codes] // 1000
    by_start = np.argsort(moment, kind="stable")
    ties = _ties(np.diff(moment[by_start]) == 0) if len(codes) else codes
    if len(ties):
        tied = by_start[ties]
        names = family.session_ids.take(arrow_ints(codes[tied])).to_pylist()
        by_start[ties] = tied[sorted(range(len(tied)), key=lambda i: (moment[tied[i]], names[i]))]
    number = np.full(len(first), len(codes), dtype=np.int64)
    number[codes[by_start]] = np.arange(len(codes))
    return slim(number)[family.session]


def _anchor_order(facts: pa.Table, depth: Rows, start: Rows, session: Rows) -> Rows:
    """Order rows by (session, start time, root before child, span id); span ids are unique in a trace only."""
    order = slim(np.lexsort((start, session)))
    numbers, moments = session[order], start[order]
    ties = _ties((numbers[1:] == numbers[:-1]) & (moments[1:] == moments[:-1]))
    if len(ties):
        tied = order[ties]
        traces, ids = words_of(facts.column(c.TRACE_ID))[tied], _ranks(span_ids(facts, tied))
        order[ties] = tied[np.lexsort((traces, ids, depth[tied], start[tied], session[tied]))]
    return order


def _ties(equals_last: NDArray[np.bool_]) -> Rows:
    """Return the places of ordered items that equal a neighbour."""
    return np.flatnonzero(np.append(equals_last, False) | np.append(False, equals_last))


def _ranks(texts: pa.Array) -> NDArray[np.uint64]:
    return numpy_of(pc.rank(texts, sort_keys="ascending", tiebreaker="dense"))
