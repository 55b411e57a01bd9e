"""What is known of each session without its messages, as arrays: one value a session."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_ints, arrow_texts, arrow_words, combined, numpy_of, ranges, text_scalar
from sessioneval.model.session import Session
from sessioneval.sessions.lineage import NONE, Lineage, Rows

_TIME = pa.timestamp("ns", tz="UTC")
_ID_BYTES = 16


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
    """What is known of each session; a session's object is drawn from it."""

    def __init__(self, spans: pa.Table, family: Lineage, rows: SessionRows, marked: NDArray[np.bool_]) -> None:
        self.rows = rows
        start = nanoseconds(spans, c.START_TIME)
        written_end = nanoseconds(spans, c.END_TIME)
        end = np.maximum(written_end, start)
        first = rows.order[rows.borders[:-1]]
        self._ids = family.session_ids
        self._code = family.session[first]
        self._anchors = combined(spans.column(c.SPAN_ID).take(arrow_ints(first)))
        self._start, self._end = start[first], self._reduced(np.maximum, end)
        self._n_traces = _distinct(arrow_words(spans.column(c.TRACE_ID)), rows)
        self._n_errors = self._count(truth(equals(spans.column(c.STATUS_CODE), "ERROR")))
        self._tokens = self._reduced(np.add, _llm_tokens(spans))
        texts = (c.USER_ID, c.SOURCE, c.AGENT_VERSION, c.METADATA)
        self._first = {name: self._first_texts(spans.column(name)) for name in texts}
        tags = combined(spans.column(c.TAGS))
        tagged = np.flatnonzero(numpy_of(pc.list_value_length(tags)) > 0)
        self._tags = dict(zip(tagged.tolist(), tags.take(arrow_ints(tagged)), strict=True))
        self._is_complete = self._count(marked) > 0
        self._digest = self._reduced(np.add, _mixed(spans, end))
        self.conflicts = self._count((family.own_session != NONE) & (family.own_session != family.session))
        before_parent = (family.parent != NONE) & (start < start[family.parent])
        self.skewed = self._count(before_parent | (written_end < start))

    def _reduced(self, how: np.ufunc, values: NDArray[Any]) -> NDArray[Any]:
        """Return one value a session, of one value a row."""
        return how.reduceat(values[self.rows.order], self.rows.borders[:-1]) if len(self.rows) else values[:0]

    def _count(self, truth: NDArray[np.bool_]) -> Rows:
        if not truth.any():
            return np.zeros(len(self.rows), dtype=np.int64)
        return np.asarray(self._reduced(np.add, truth.astype(np.int64)), dtype=np.int64)

    def _first_texts(self, column: pa.ChunkedArray) -> pa.Array:
        """Return for each session its first text that is not empty, null if there is none."""
        texts = combined(column)
        present = _present(texts)
        if not present.any():
            return pa.nulls(len(self.rows))
        order = self.rows.order
        places = np.where(present[order], np.arange(len(order)), len(order))
        first = np.minimum.reduceat(places, self.rows.borders[:-1])
        # A session without one finds the first of a later session, or the end.
        is_own = first < self.rows.borders[1:]
        return texts.take(arrow_ints(np.where(is_own, order[np.minimum(first, len(order) - 1)], NONE)))

    def session(self, place: int) -> Session:
        """Return the object of one session."""
        rows = self.rows[place]
        metadata = self._text(c.METADATA, place)
        return Session(
            session_id=self._ids[int(self._code[place])].as_py(),
            anchor_span_id=self._anchors[place].as_py(),
            start_time=_moment(self._start[place]),
            end_time=_moment(self._end[place]),
            n_spans=len(rows),
            n_traces=int(self._n_traces[place]),
            n_errors=int(self._n_errors[place]),
            total_tokens=int(self._tokens[place]),
            user_id=self._text(c.USER_ID, place),
            source=self._text(c.SOURCE, place),
            agent_version=self._text(c.AGENT_VERSION, place),
            metadata=json_object(metadata),
            tags=self._distinct_tags(rows),
            is_complete=bool(self._is_complete[place]),
            spans_digest=f"{int(self._digest[place]):016x}",
        )

    def columns(self, places: Rows) -> list[pa.Array]:
        """Return id, anchor span id, start, end, number of traces and of spans of some sessions."""
        chosen = arrow_ints(places)
        ids = self._ids.take(arrow_ints(self._code[places]))
        times = (arrow_ints(values[places]).cast(_TIME) for values in (self._start, self._end))
        counts = (arrow_ints(values) for values in (self._n_traces[places], self.rows.lengths(places)))
        return [ids, self._anchors.take(chosen), *times, *counts]

    def candidates(self, ids: Collection[str], since: datetime | None, until: datetime | None) -> Rows:
        """Return the sessions with one of `ids` that started in a span of time, to the second."""
        kept = np.ones(len(self.rows), dtype=bool)
        if since is not None:
            kept &= self._start >= (int(since.timestamp()) - 1) * 1_000_000_000
        if until is not None:
            kept &= self._start <= (int(until.timestamp()) + 1) * 1_000_000_000
        if ids:
            chosen = pc.is_in(self._ids, value_set=arrow_texts(list(ids)))
            kept &= numpy_of(chosen)[self._code]
        return np.flatnonzero(kept)

    def _text(self, column: str, place: int) -> str | None:
        text: str | None = self._first[column][place].as_py()
        return text

    def _distinct_tags(self, rows: Rows) -> tuple[str, ...]:
        if not self._tags:
            return ()
        tagged = (self._tags[row].as_py() for row in rows.tolist() if row in self._tags)
        return tuple(dict.fromkeys(tag for tags in tagged for tag in tags if tag))


def nanoseconds(spans: pa.Table, column: str) -> Rows:
    """Return a time column in Unix nanoseconds; a missing time is 0."""
    return np.asarray(numpy_of(spans.column(column)), dtype=np.int64)


def _distinct(words: NDArray[np.uint64], rows: SessionRows) -> Rows:
    """Return how many distinct ids each session has, told by 64-bit hashes."""
    # A number for each pair: the session in the high bits, as much of the hash as there is room for below.
    room = np.uint64(64 - len(rows).bit_length())
    pairs = np.repeat(np.arange(len(rows), dtype=np.uint64) << room, np.diff(rows.borders))
    pairs |= words[rows.order] >> (np.uint64(64) - room)
    pairs.sort()
    firsts = np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]
    return np.bincount((pairs[firsts] >> room).astype(np.int64), minlength=len(rows))


def _mixed(spans: pa.Table, end: Rows) -> NDArray[np.uint64]:
    """Return a 64-bit hash of each span's id and end; their sum over a session does not depend on order."""
    halves = np.concatenate([np.zeros((0, 2), np.uint64), *map(_sixteen_bytes, spans.column(c.SPAN_ID).chunks)])
    # Odd 64-bit multipliers (those of xxHash64); overflow wraps, which is what a hash wants.
    mixed = halves[:, 0] * np.uint64(0x9E3779B185EBCA87) ^ halves[:, 1] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x165667B19E3779F9) ^ end.astype(np.uint64)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x27D4EB2F165667C5), dtype=np.uint64)


def _sixteen_bytes(ids: pa.Array) -> NDArray[np.uint64]:
    """Return the first 16 bytes of each id as two numbers, shorter ones filled with blanks."""
    borders = np.frombuffer(ids.buffers()[1] or b"\0\0\0\0", dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if len(ids) and (np.diff(borders) == _ID_BYTES).all():
        data = np.frombuffer(ids.buffers()[2], dtype=np.uint8)[borders[0] : borders[-1]]
        return np.ascontiguousarray(data).view(np.uint64).reshape(-1, 2)
    cut = b"".join(bytes(each)[:_ID_BYTES].ljust(_ID_BYTES) for each in ids.cast(pa.binary()).to_pylist())
    return np.frombuffer(cut, dtype=np.uint64).reshape(-1, 2)


def _llm_tokens(spans: pa.Table) -> Rows:
    """Return tokens a row; only LLM spans count, since agent spans repeat the sums of their children."""
    total = sum(numpy_of(spans.column(name)).astype(np.int64) for name in (c.PROMPT_TOKENS, c.COMPLETION_TOKENS))
    return np.where(truth(equals(spans.column(c.SPAN_KIND), "LLM")), total, 0)


def equals(column: pa.ChunkedArray, text: str) -> pa.Array:
    """Return whether each text is `text`; of coded texts each distinct one is compared once."""
    texts = combined(column)
    if pa.types.is_dictionary(texts.type):
        return pc.equal(texts.dictionary, text_scalar(text)).take(texts.indices)
    return pc.equal(texts, text_scalar(text))


def _present(texts: pa.Array) -> NDArray[np.bool_]:
    if texts.null_count == len(texts):
        return np.zeros(len(texts), dtype=bool)
    if pa.types.is_dictionary(texts.type):
        return truth(pc.not_equal(texts.dictionary, text_scalar("")).take(texts.indices))
    return truth(pc.not_equal(texts, text_scalar("")))


def truth(answers: pa.ChunkedArray | pa.Array) -> NDArray[np.bool_]:
    """Return answers as flags; null is no."""
    return np.asarray(numpy_of(answers), dtype=bool)


def json_object(text: str | None) -> dict[str, Any]:
    """Return the JSON object that a text is, an empty one where it is none."""
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return dict(parsed) if isinstance(parsed, Mapping) else {}


def _moment(nanoseconds: np.int64) -> datetime:
    seconds, rest = divmod(int(nanoseconds), 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
