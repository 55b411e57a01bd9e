"""Grouping spans into sessions, on columns: one row a session, and the spans of each in order."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.session import Session
from sessioneval.sessions.lineage import NONE, Lineage, Rows, lineage

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


@dataclass(frozen=True, kw_only=True)
class Grouping:
    """The sessions of a span table.

    Attributes:
        sessions: One `Session` for each session, ordered by (start time, session id).
        rows: For each session, the row numbers of its spans in anchor order.
        n_without_session: Spans that belong to no session.
        conflicts: For each session, how many of its spans named another session themselves.
        skewed: For each session, spans that end before they start or start before their parent.
    """

    sessions: tuple[Session, ...]
    rows: tuple[Rows, ...]
    n_without_session: int
    conflicts: tuple[int, ...]
    skewed: tuple[int, ...]

    def __iter__(self) -> Iterator[tuple[Session, Rows]]:
        return zip(self.sessions, self.rows, strict=True)


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
    order = _anchor_order(spans, family)
    parts = _split(family.session, order)
    facts = _Facts(spans, family, completion)
    built = sorted(
        ((facts.session(session, rows), rows) for session, rows in parts),
        key=lambda pair: (pair[0].start_time, pair[0].session_id),
    )
    return Grouping(
        sessions=tuple(session for session, _ in built),
        rows=tuple(rows for _, rows in built),
        n_without_session=int((family.session == NONE).sum()),
        conflicts=tuple(int(facts.conflicts[rows].sum()) for _, rows in built),
        skewed=tuple(int(facts.skewed[rows].sum()) for _, rows in built),
    )


def _anchor_order(spans: pa.Table, family: Lineage) -> Rows:
    """Order rows by (session, start time, root before child, span id); span ids are unique in a trace only."""
    traces, ids = (
        pc.rank(spans.column(name), sort_keys="ascending", tiebreaker="dense").to_numpy()
        for name in (c.TRACE_ID, c.SPAN_ID)
    )
    return np.lexsort((traces, ids, family.depth, _nanoseconds(spans, c.START_TIME), family.session))


def _nanoseconds(spans: pa.Table, column: str) -> Rows:
    return np.asarray(pc.fill_null(spans.column(column).cast(pa.int64()), 0), dtype=np.int64)


def _split(session: Rows, order: Rows) -> Iterator[tuple[int, Rows]]:
    codes = session[order]
    order, codes = order[codes != NONE], codes[codes != NONE]
    borders = np.flatnonzero(np.diff(codes)) + 1
    for rows in np.split(order, borders) if len(order) else ():
        yield int(session[rows[0]]), rows


class _Facts:
    """The columns of a span table as arrays, and the facts of a session drawn from its rows."""

    def __init__(self, spans: pa.Table, family: Lineage, completion: tuple[str, str]) -> None:
        self._ids = family.session_ids
        self._span_id = spans.column(c.SPAN_ID).combine_chunks()
        self._trace = pc.dictionary_encode(spans.column(c.TRACE_ID).combine_chunks()).indices.to_numpy()
        self._start = _nanoseconds(spans, c.START_TIME)
        self._end = np.maximum(_nanoseconds(spans, c.END_TIME), self._start)
        self._is_error = _truth(pc.equal(spans.column(c.STATUS_CODE), "ERROR"))
        self._tokens = _llm_tokens(spans)
        self._text = {name: _non_empty(spans, name) for name in (c.USER_ID, c.SOURCE, c.AGENT_VERSION, c.METADATA)}
        self._tags = spans.column(c.TAGS).combine_chunks()
        self._has_tags = _truth(pc.greater(pc.list_value_length(self._tags), 0))
        self._marked = _marked(spans, completion)
        self._mixed = _mixed(spans, self._end)
        self.conflicts = (family.own_session != NONE) & (family.own_session != family.session)
        self.skewed = self._skew(spans, family.parent)

    def _skew(self, spans: pa.Table, parent: Rows) -> np.ndarray:
        before_parent = (parent != NONE) & (self._start < self._start[parent])
        return np.asarray(before_parent | (_nanoseconds(spans, c.END_TIME) < self._start), dtype=bool)

    def session(self, code: int, rows: Rows) -> Session:
        return Session(
            session_id=self._ids[code],
            anchor_span_id=self._span_id[int(rows[0])].as_py(),
            start_time=_moment(self._start[rows].min()),
            end_time=_moment(self._end[rows].max()),
            n_spans=len(rows),
            n_traces=len(np.unique(self._trace[rows])),
            n_errors=int(self._is_error[rows].sum()),
            total_tokens=int(self._tokens[rows].sum()),
            user_id=self._first(c.USER_ID, rows),
            source=self._first(c.SOURCE, rows),
            agent_version=self._first(c.AGENT_VERSION, rows),
            metadata=_json_object(self._first(c.METADATA, rows)),
            tags=self._distinct_tags(rows),
            is_complete=bool(self._marked[rows].any()),
            spans_digest=f"{int(self._mixed[rows].sum(dtype=np.uint64)):016x}",
        )

    def _first(self, column: str, rows: Rows) -> str | None:
        values, present = self._text[column]
        hits = rows[present[rows]]
        return values[int(hits[0])].as_py() if len(hits) else None

    def _distinct_tags(self, rows: Rows) -> tuple[str, ...]:
        tagged = rows[self._has_tags[rows]]
        return tuple(dict.fromkeys(tag for row in tagged.tolist() for tag in self._tags[row].as_py() if tag))


def _mixed(spans: pa.Table, end: Rows) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each span's id and end; their sum over a session does not depend on order."""
    ids = spans.column(c.SPAN_ID).combine_chunks().cast(pa.binary())
    halves = np.frombuffer(b"".join(bytes(i)[:16].ljust(16) for i in ids.to_pylist()), dtype=np.uint64).reshape(-1, 2)
    # Odd 64-bit multipliers (those of xxHash64); overflow wraps, which is what a hash wants.
    mixed = halves[:, 0] * np.uint64(0x9E3779B185EBCA87) ^ halves[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x165667B19E3779F9) ^ end.astype(np.uint64)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x27D4EB2F165667C5), dtype=np.uint64)


def _llm_tokens(spans: pa.Table) -> Rows:
    """Return tokens a row; only LLM spans count, since agent spans repeat the sums of their children."""
    total = sum(
        pc.fill_null(spans.column(name), 0).to_numpy().astype(np.int64)
        for name in (c.PROMPT_TOKENS, c.COMPLETION_TOKENS)
    )
    return np.where(_truth(pc.equal(spans.column(c.SPAN_KIND), "LLM")), total, 0)


def _non_empty(spans: pa.Table, name: str) -> tuple[pa.Array, np.ndarray]:
    column = spans.column(name).combine_chunks()
    return column, _truth(pc.not_equal(column, ""))


def _truth(answers: pa.ChunkedArray | pa.Array) -> np.ndarray:
    return np.asarray(pc.fill_null(answers, pa.scalar(False)), dtype=bool)  # noqa: FBT003 - the value filled in


def _marked(spans: pa.Table, completion: tuple[str, str]) -> np.ndarray:
    key, value = completion
    if completion_column(key) == c.SESSION_STATUS:
        return _truth(pc.equal(spans.column(c.SESSION_STATUS), value))
    return np.array([_holds(text, key, value) for text in spans.column(c.ATTRIBUTES).to_pylist()], dtype=bool)


def _holds(text: str | None, key: str, value: str) -> bool:
    # The search for the key, as it is or with escapes, spares parsing the JSON of every span.
    if text is None or not (key in text or json.dumps(key)[1:-1] in text):
        return False
    found = _json_object(text).get(key)
    return found is not None and (json.dumps(found) if isinstance(found, bool) else str(found)) == value


def _json_object(text: str | None) -> dict[str, Any]:
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return dict(parsed) if isinstance(parsed, Mapping) else {}


def _moment(nanoseconds: np.int64) -> datetime:
    seconds, rest = divmod(int(nanoseconds), 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
