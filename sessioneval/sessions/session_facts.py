"""What is known of each session without its messages, as arrays: one value a session."""

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import (
    Coded,
    arrow_ints,
    arrow_texts,
    combined,
    is_valid,
    numpy_of,
    ranges,
    text_scalar,
)
from sessioneval.model.session import Session
from sessioneval.model.words import words_of
from sessioneval.sessions.lineage import NONE, Lineage, Rows
from sessioneval.sessions.span_facts import DIGEST, IS_ERROR, IS_MARKED, TOKENS, json_object, span_ids

_TIME = pa.timestamp("ns", tz="UTC")
_SESSIONS_AT_ONCE = 1_000
_SESSIONS_COUNTED_AT_ONCE = 100_000
# Fields of `Session` that are single values of columns.
_FIELDS = (
    "session_id",
    "anchor_span_id",
    "start_time",
    "end_time",
    "n_spans",
    "n_traces",
    "n_errors",
    "total_tokens",
    "user_id",
    "source",
    "agent_version",
    "is_complete",
    "spans_digest",
)


class SessionRows(Sequence[Rows]):
    """The row numbers of each session's spans, all in one array.

    Attributes:
        order: Row numbers, session after session.
        borders: Where each session begins in `order`, and where the last ends.
    """

    def __init__(self, order: Rows, borders: Rows) -> None:
        self.order = order
        self.borders = borders

    def __len__(self) -> int:
        return len(self.borders) - 1

    def lengths(self, places: Rows) -> Rows:
        """Return how many spans some sessions have."""
        return self.borders[places + 1] - self.borders[places]

    def of(self, places: Rows) -> Rows:
        """Return the row numbers of some sessions, session after session."""
        return self.order[ranges(self.borders[places], self.lengths(places))]

    @overload
    def __getitem__(self, index: int) -> Rows: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Rows]: ...
    def __getitem__(self, index: int | slice) -> Rows | Sequence[Rows]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        return self.order[self.borders[place] : self.borders[place + 1]]


class SessionFacts:
    """What is known of each session; a session's object is drawn from it.

    Attributes:
        rows: The rows of each session.
        start: First start, Unix nanoseconds.
        conflicts, skewed: As in `Grouping`.
    """

    def __init__(self, spans: pa.Table, family: Lineage, rows: SessionRows) -> None:
        self.rows = rows
        first = rows.order[rows.borders[:-1]]
        self._ids = family.session_ids
        self._code = family.session[first]
        self._anchors = span_ids(spans, first)
        start, written_end = numpy_of(spans.column(c.START_TIME)), numpy_of(spans.column(c.END_TIME))
        self.start = start[first]
        self._end = np.maximum(self._reduced(np.maximum, written_end), self._reduced(np.maximum, start))
        before_parent = (family.parent != NONE) & (start < start[family.parent])
        self.skewed = self._count(before_parent | (written_end < start))
        self.conflicts = self._count((family.own_session != NONE) & (family.own_session != family.session))
        self._n_traces = _distinct(words_of(spans.column(c.TRACE_ID)), rows)
        self._n_errors = self._count(numpy_of(spans.column(IS_ERROR)))
        self._is_complete = self._count(numpy_of(spans.column(IS_MARKED))) > 0
        self._tokens = self._reduced(np.add, numpy_of(spans.column(TOKENS)))
        self._digest = self._reduced(np.add, numpy_of(spans.column(DIGEST)))
        texts = (c.USER_ID, c.SOURCE, c.AGENT_VERSION, c.METADATA)
        self._first = {name: self._first_texts(spans.column(name)) for name in texts}
        self._tags = _tags(combined(spans.column(c.TAGS)))

    def _reduced(self, how: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value a session, of one value a row."""
        return how.reduceat(values[self.rows.order], self.rows.borders[:-1]) if len(self.rows) else values[:0]

    def _count(self, truth: NDArray[np.bool_]) -> Rows:
        if not truth.any():
            return np.zeros(len(self.rows), dtype=np.int64)
        return np.asarray(self._reduced(np.add, truth.astype(np.int64)), dtype=np.int64)

    def _first_texts(self, column: pa.ChunkedArray) -> pa.Array:
        """Return for each session its first text that is not empty, null if there is none."""
        present = _present(column)
        if not present.any():
            return pa.nulls(len(self.rows))
        order, begins = self.rows.order, self.rows.borders[:-1]
        if present.all():
            return combined(column).take(arrow_ints(order[begins]))
        places = np.where(present[order], np.arange(len(order), dtype=order.dtype), len(order))
        first = np.minimum.reduceat(places, begins)
        # A session without one finds the first of a later session, or the end.
        is_own = first < self.rows.borders[1:]
        return combined(column).take(arrow_ints(np.where(is_own, order[np.minimum(first, len(order) - 1)], NONE)))

    def sessions(self, places: Rows) -> Iterator[Session]:
        """Yield the objects of some sessions."""
        for start in range(0, len(places), _SESSIONS_AT_ONCE):
            some = places[start : start + _SESSIONS_AT_ONCE]
            values = zip(*self._values(some), strict=True)
            for row, metadata, tags in zip(values, self._texts(c.METADATA, some), self._tags_of(some), strict=True):
                yield Session(**dict(zip(_FIELDS, row, strict=True)), metadata=json_object(metadata), tags=tags)

    def _values(self, places: Rows) -> list[list[Any]]:
        """Return a list of values for each of `_FIELDS`."""
        return [
            self._ids.take(arrow_ints(self._code[places])).to_pylist(),
            self._anchors.take(arrow_ints(places)).to_pylist(),
            _moments(self.start[places]),
            _moments(self._end[places]),
            self.rows.lengths(places).tolist(),
            *(values[places].tolist() for values in (self._n_traces, self._n_errors, self._tokens)),
            *(self._texts(name, places) for name in (c.USER_ID, c.SOURCE, c.AGENT_VERSION)),
            self._is_complete[places].tolist(),
            [f"{digest:016x}" for digest in self._digest[places].tolist()],
        ]

    def _texts(self, column: str, places: Rows) -> list[str | None]:
        texts: list[str | None] = self._first[column].take(arrow_ints(places)).to_pylist()
        return texts

    def _tags_of(self, places: Rows) -> list[tuple[str, ...]]:
        if not self._tags:
            return [()] * len(places)
        return [self._distinct_tags(self.rows[place]) for place in places.tolist()]

    def _distinct_tags(self, rows: Rows) -> tuple[str, ...]:
        tagged = (self._tags[row].as_py() for row in rows.tolist() if row in self._tags)
        return tuple(dict.fromkeys(tag for tags in tagged for tag in tags if tag))

    def columns(self, places: Rows) -> list[pa.Array]:
        """Return id, anchor span id, start, end, number of traces and of spans of some sessions."""
        chosen = arrow_ints(places)
        ids = self._ids.take(arrow_ints(self._code[places]))
        times = (arrow_ints(values[places]).cast(_TIME) for values in (self.start, self._end))
        counts = (arrow_ints(values) for values in (self._n_traces[places], self.rows.lengths(places)))
        return [ids, self._anchors.take(chosen), *times, *counts]

    def candidates(self, ids: Collection[str], since: datetime | None, until: datetime | None) -> Rows:
        """Return the sessions with one of `ids` that started in a span of time, to the second."""
        kept = np.ones(len(self.rows), dtype=bool)
        if since is not None:
            kept &= self.start >= (int(since.timestamp()) - 1) * 1_000_000_000
        if until is not None:
            kept &= self.start <= (int(until.timestamp()) + 1) * 1_000_000_000
        if ids:
            chosen = pc.is_in(self._ids, value_set=arrow_texts(list(ids)))
            kept &= numpy_of(chosen)[self._code]
        return np.flatnonzero(kept)


def _tags(column: pa.Array) -> dict[int, pa.Scalar]:
    """Return the tags of the rows that have any."""
    if pa.types.is_null(column.type):
        return {}
    tagged = np.flatnonzero(numpy_of(pc.list_value_length(column)) > 0)
    return dict(zip(tagged.tolist(), column.take(arrow_ints(tagged)), strict=True))


def _distinct(words: NDArray[np.uint64], rows: SessionRows) -> Rows:
    """Return how many distinct ids each session has, told by 64-bit hashes."""
    counts = [np.zeros(0, dtype=np.int64)]
    for first in range(0, len(rows), _SESSIONS_COUNTED_AT_ONCE):
        lengths = np.diff(rows.borders[first : first + _SESSIONS_COUNTED_AT_ONCE + 1])
        # A number for each pair: the session in the high bits, as much of the hash as there is room for below.
        room = np.uint64(64 - len(lengths).bit_length())
        pairs = np.repeat(np.arange(len(lengths), dtype=np.uint64) << room, lengths)
        pairs |= words[rows.order[rows.borders[first] :][: len(pairs)]] >> (np.uint64(64) - room)
        pairs.sort()
        firsts = np.append(True, pairs[1:] != pairs[:-1])
        counts.append(np.bincount((pairs[firsts] >> room).astype(np.int64), minlength=len(lengths)))
    return np.concatenate(counts)


def _present(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return which texts are there and not empty."""
    texts = combined(column)
    if pa.types.is_dictionary(texts.type) and not pc.any(pc.equal(texts.dictionary, text_scalar(""))).as_py():
        return is_valid(texts)
    return is_valid(texts) & ~Coded.of(texts, len(texts)).equals("")


def _moments(nanoseconds: Rows) -> list[datetime]:
    """Return times to the microsecond."""
    moments: list[datetime] = (nanoseconds // 1000).astype("datetime64[us]").tolist()
    return [moment.replace(tzinfo=UTC) for moment in moments]
