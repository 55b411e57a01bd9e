"""Grouping spans into sessions, on columns: one row a session, and the spans of each in order."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_ints, combined, numpy_of, offsets_of
from sessioneval.model.session import Session
from sessioneval.sessions.lineage import NONE, Lineage, Rows, lineage
from sessioneval.sessions.session_facts import (
    SessionFacts,
    SessionRows,
    equals,
    json_object,
    nanoseconds,
    truth,
)

DEFAULT_COMPLETION = ("session_status", "completed")

# What grouping reads of every span; no message column is among them.
COLUMNS = (
    c.TRACE_ID,
    c.SPAN_ID,
    c.PARENT_ID,
    c.START_TIME,
    c.END_TIME,
    c.STATUS_CODE,
    c.SPAN_KIND,
    c.SESSION_ID,
    c.USER_ID,
    c.SOURCE,
    c.AGENT_VERSION,
    c.SESSION_STATUS,
    c.METADATA,
    c.TAGS,
    c.PROMPT_TOKENS,
    c.COMPLETION_TOKENS,
)
# Those whose texts repeat; they may come as dictionary codes.
REPEATING = (
    c.STATUS_CODE,
    c.SPAN_KIND,
    c.SESSION_ID,
    c.USER_ID,
    c.SOURCE,
    c.AGENT_VERSION,
    c.SESSION_STATUS,
    c.METADATA,
)


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
    conflicts: tuple[int, ...]
    skewed: tuple[int, ...]
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
        if isinstance(index, slice):
            return [self._facts.session(i) for i in range(*index.indices(len(self)))]
        return self._facts.session(range(len(self))[index])

    def columns(self, places: Rows) -> list[pa.Array]:
        """Return id, anchor span id, start, end, number of traces and of spans of some sessions."""
        return self._facts.columns(places)

    def candidates(self, ids: Collection[str], since: datetime | None, until: datetime | None) -> Rows:
        """Return the sessions with one of `ids` (any if there are none) that started in a span of time."""
        return self._facts.candidates(ids, since, until)


def completion_column(key: str) -> str:
    """Return the column that holds the completion marker `key`: its own for the default, else the JSON column."""
    return c.SESSION_STATUS if key == DEFAULT_COMPLETION[0] else c.ATTRIBUTES


def group(spans: pa.Table, completion: tuple[str, str] = DEFAULT_COMPLETION) -> Grouping:
    """Group a table with `COLUMNS` (each span once) into sessions.

    Args:
        spans: The table; also needs `completion_column` of the key if that is not the default.
        completion: Attribute key and value of the span that marks a session as ended.
    """
    family = lineage(spans)
    start = nanoseconds(spans, c.START_TIME)
    order = _anchor_order(spans, family, start)
    order = order[family.session[order] != NONE]
    rows = _by_start(order, family, start)
    facts = SessionFacts(spans, family, rows, _marked(spans, completion))
    return Grouping(
        sessions=Sessions(facts),
        rows=rows,
        n_without_session=int((family.session == NONE).sum()),
        conflicts=tuple(facts.conflicts.tolist()),
        skewed=tuple(facts.skewed.tolist()),
        parent=family.parent,
    )


def _anchor_order(spans: pa.Table, family: Lineage, start: Rows) -> Rows:
    """Order rows by (session, start time, root before child, span id); span ids are unique in a trace only."""
    order = np.lexsort((start, family.session))
    ordered = np.stack([family.session[order], start[order]])
    ties = _ties((ordered[:, 1:] == ordered[:, :-1]).all(axis=0))
    if len(ties):
        tied = order[ties]
        traces, ids = (_ranks(spans.column(name), tied) for name in (c.TRACE_ID, c.SPAN_ID))
        order[ties] = tied[np.lexsort((traces, ids, family.depth[tied], start[tied], family.session[tied]))]
    return order


def _ties(equals_last: NDArray[np.bool_]) -> Rows:
    """Return the places of ordered items that equal a neighbour."""
    return np.flatnonzero(np.append(equals_last, False) | np.append(False, equals_last))


def _ranks(column: pa.ChunkedArray, rows: Rows) -> NDArray[np.uint64]:
    texts = combined(column.take(arrow_ints(rows)))
    return numpy_of(pc.rank(texts, sort_keys="ascending", tiebreaker="dense"))


def _by_start(order: Rows, family: Lineage, start: Rows) -> SessionRows:
    """Order the sessions by start time, to the microsecond as their objects have it, then by id."""
    codes = family.session[order]
    begins = np.flatnonzero(np.append(True, codes[1:] != codes[:-1])) if len(order) else np.zeros(0, np.int64)
    lengths = np.diff(np.append(begins, len(order)))
    moment = start[order[begins]] // 1000
    sorted_by_start = np.argsort(moment, kind="stable")
    ties = _ties(np.diff(moment[sorted_by_start]) == 0) if len(begins) else begins
    if len(ties):
        tied = sorted_by_start[ties]
        names = family.session_ids.take(arrow_ints(codes[begins[tied]])).to_pylist()
        sorted_by_start[ties] = tied[sorted(range(len(tied)), key=lambda i: (moment[tied[i]], names[i]))]
    lengths, begins = lengths[sorted_by_start], begins[sorted_by_start]
    borders = offsets_of(lengths)
    places = np.arange(len(order)) + np.repeat(begins - borders[:-1], lengths)
    return SessionRows(order[places], borders)


def _marked(spans: pa.Table, completion: tuple[str, str]) -> NDArray[np.bool_]:
    key, value = completion
    if completion_column(key) == c.SESSION_STATUS:
        return truth(equals(spans.column(c.SESSION_STATUS), value))
    return np.array([_holds(text, key, value) for text in spans.column(c.ATTRIBUTES).to_pylist()], dtype=bool)


def _holds(text: str | None, key: str, value: str) -> bool:
    # The search for the key, as it is or with escapes, spares parsing the JSON of every span.
    if text is None or not (key in text or json.dumps(key)[1:-1] in text):
        return False
    found = json_object(text).get(key)
    return found is not None and (json.dumps(found) if isinstance(found, bool) else str(found)) == value
