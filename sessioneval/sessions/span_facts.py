"""What grouping keeps of each span: less than a hundred bytes, whatever the span's ids and attributes are."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import Coded, Ints, arrow_flags, arrow_ints, combined, numpy_of
from sessioneval.model.words import PRIMES, Words, hex_texts, span_words, words_of

DEFAULT_COMPLETION = ("session_status", "completed")
# Whose texts repeat; they may come as dictionary codes.
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
COLUMNS = (
    c.TRACE_ID,
    c.SPAN_ID,
    c.PARENT_ID,
    c.START_TIME,
    c.END_TIME,
    *REPEATING,
    c.TAGS,
    c.PROMPT_TOKENS,
    c.COMPLETION_TOKENS,
)
# Facts that are drawn from several columns of a span.
SPAN_WORD = "span_word"
TOKENS = "tokens"
IS_ERROR = "is_error"
IS_MARKED = "is_marked"
DIGEST = "digest"
_OFTEN_ABSENT = (c.USER_ID, c.SOURCE, c.AGENT_VERSION, c.METADATA, c.TAGS)
_ID_BYTES = 16


def completion_column(key: str) -> str:
    """Return the column that holds the completion marker `key`: its own for the default, else the JSON column."""
    return c.SESSION_STATUS if key == DEFAULT_COMPLETION[0] else c.ATTRIBUTES


def span_facts(spans: pa.Table, completion: tuple[str, str] = DEFAULT_COMPLETION) -> pa.Table:
    """Return the facts of each span of a table with `COLUMNS`.

    Ids become 64-bit words (0 for no parent), the text of a span's id being kept where its word does not tell it; times Unix nanoseconds (0 for none); a column without any value becomes one without memory.

    Args:
        spans: The table; also needs `completion_column` of the key if that is not the default.
        completion: Attribute key and value of the span that marks a session as ended.
    """
    words, are_whole = span_words(spans.column(c.SPAN_ID))
    numbers = {
        c.TRACE_ID: words_of(spans.column(c.TRACE_ID)),
        SPAN_WORD: words,
        c.PARENT_ID: span_words(spans.column(c.PARENT_ID))[0],
        c.START_TIME: nanoseconds(spans, c.START_TIME),
        c.END_TIME: nanoseconds(spans, c.END_TIME),
        TOKENS: _llm_tokens(spans),
        DIGEST: _digests(spans),
    }
    others = {
        c.SPAN_ID: _lean(pc.if_else(arrow_flags(~are_whole), spans.column(c.SPAN_ID), None)),
        c.SESSION_ID: spans.column(c.SESSION_ID),
        **{name: _lean(spans.column(name)) for name in _OFTEN_ABSENT},
        IS_ERROR: arrow_flags(_has_text(spans.column(c.STATUS_CODE), "ERROR")),
        IS_MARKED: arrow_flags(_marked(spans, completion)),
    }
    facts = pa.table(others)
    for name, values in numbers.items():
        facts = facts.append_column(*_never_null(name, values))
    return facts


def span_ids(facts: pa.Table, rows: Ints) -> pa.Array:
    """Return the ids of some spans."""
    texts = hex_texts(numpy_of(facts.column(SPAN_WORD))[rows])
    kept = combined(facts.column(c.SPAN_ID))
    return texts if kept.null_count == len(kept) else pc.coalesce(kept.take(arrow_ints(rows)), texts)


def _never_null(name: str, values: NDArray[Any]) -> tuple[pa.Field, pa.Array]:
    """Return a column of numbers without nulls, and what describes it."""
    kind = pa.from_numpy_dtype(values.dtype)
    column = pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
    return pa.field(name, kind, nullable=False), column


def _lean(column: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    return pa.nulls(len(column)) if column.null_count == len(column) else column


def _has_text(column: pa.ChunkedArray, text: str) -> NDArray[np.bool_]:
    return Coded.of(column, len(column)).equals(text)


def nanoseconds(spans: pa.Table, column: str) -> Ints:
    """Return a time column in Unix nanoseconds; a missing time is 0."""
    return np.asarray(numpy_of(spans.column(column)), dtype=np.int64)


def _llm_tokens(spans: pa.Table) -> Ints:
    """Return tokens a row; only LLM spans count, since agent spans repeat the sums of their children."""
    total = sum(numpy_of(spans.column(name)).astype(np.int64) for name in (c.PROMPT_TOKENS, c.COMPLETION_TOKENS))
    return np.where(_has_text(spans.column(c.SPAN_KIND), "LLM"), total, 0)


def _marked(spans: pa.Table, completion: tuple[str, str]) -> NDArray[np.bool_]:
    key, value = completion
    if completion_column(key) == c.SESSION_STATUS:
        return _has_text(spans.column(c.SESSION_STATUS), value)
    return np.array([_holds(text, key, value) for text in spans.column(c.ATTRIBUTES).to_pylist()], dtype=bool)


def _holds(text: str | None, key: str, value: str) -> bool:
    # The search for the key, as it is or with escapes, spares parsing the JSON of every span.
    if text is None or not (key in text or json.dumps(key)[1:-1] in text):
        return False
    found = json_object(text).get(key)
    return found is not None and (json.dumps(found) if isinstance(found, bool) else str(found)) == value


def json_object(text: str | None) -> dict[str, Any]:
    """Return the JSON object that a text is, an empty one where it is none."""
    try:
        parsed = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return {}
    return dict(parsed) if isinstance(parsed, Mapping) else {}


def _digests(spans: pa.Table) -> Words:
    """Return a 64-bit hash of each span's id and end; their sum over a session does not depend on order."""
    end = np.maximum(nanoseconds(spans, c.END_TIME), nanoseconds(spans, c.START_TIME))
    halves = np.concatenate([np.zeros((0, 2), np.uint64), *map(_sixteen_bytes, spans.column(c.SPAN_ID).chunks)])
    # Overflow wraps, which is what a hash wants.
    mixed = halves[:, 0] * PRIMES[0] ^ halves[:, 1] * PRIMES[1]
    mixed = (mixed ^ (mixed >> np.uint64(31))) * PRIMES[2] ^ end.astype(np.uint64)
    return np.asarray((mixed ^ (mixed >> np.uint64(29))) * np.uint64(0x27D4EB2F165667C5), dtype=np.uint64)


def _sixteen_bytes(ids: pa.Array) -> NDArray[np.uint64]:
    """Return the first 16 bytes of each id as two numbers, shorter ones filled with blanks."""
    borders = np.frombuffer(ids.buffers()[1] or b"\0\0\0\0", dtype=np.int32)[ids.offset : ids.offset + len(ids) + 1]
    if len(ids) and (np.diff(borders) == _ID_BYTES).all():
        data = np.frombuffer(ids.buffers()[2], dtype=np.uint8)[borders[0] : borders[-1]]
        return np.ascontiguousarray(data).view(np.uint64).reshape(-1, 2)
    cut = b"".join(bytes(each or b"")[:_ID_BYTES].ljust(_ID_BYTES) for each in ids.cast(pa.binary()).to_pylist())
    return np.frombuffer(cut, dtype=np.uint64).reshape(-1, 2)
