"""Realistic chats and agent sessions as span tables: seeded, any size, a chunk at a time.

Profiles, as characters a message: "small" has a system prompt of 1,200 to 1,800, user messages of 40 to 400
and answers of 200 to 1,200; "big" has 1,000 to 4,000 for each. Each chat has ten model calls, each repeating the
whole history. "agent" sessions have three turns with tools, in parallel at times, and a sub-agent; "lanes"
sessions hand a task to a second agent that is no tool. Sessions are interleaved in arrival order.

Run `python -m benchmarks.generator DIRECTORY --spans 1000000 --kind agent`.
"""

import argparse
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.schemas import CALL, MESSAGE, SPANS
from sessioneval.store.layout import SPANS as SPANS_FOLDER
from sessioneval.store.layout import leaf_columns
from sessioneval.store.publication import DICTIONARY_PAGE_BYTES, ROW_GROUP_ROWS

_START_NS = 1_760_000_000_000_000_000
_SESSION_EVERY_NS = 37_000_000
_STEP_NS = 1_000_000_000
_WORDS = 4_000
_N_CHAT_CALLS = 10
_N_SHARED_PROMPTS = 50
_TABLES_A_FILE = 5
_Ints = NDArray[np.int64]
_LENGTHS = {
    ("small", "system"): (1200, 1800),
    ("small", "user"): (40, 400),
    ("small", "assistant"): (200, 1200),
    ("small", "tool"): (100, 300),
    ("big", "tool"): (1000, 4000),
}


@dataclass(frozen=True, kw_only=True)
class MessageShape:
    """A message of every session: its role, its text's slot, its tool calls, and the call that it answers."""

    role: str
    slot: int | None = None
    calls: tuple[int, ...] = ()
    answers: int | None = None


@dataclass(frozen=True, kw_only=True)
class SpanShape:
    """A span of every session; `parent` is the number of another shape, `turn` tells traces apart."""

    kind: str
    turn: int
    parent: int | None = None
    sent: tuple[int, ...] = ()
    said: tuple[int, ...] = ()
    value_slot: int | None = None
    call: int | None = None
    agent: str | None = None


@dataclass(kw_only=True)
class Shape:
    """What all sessions of a kind have in common; texts are filled in by slot."""

    slots: list[str] = field(default_factory=list)
    messages: list[MessageShape] = field(default_factory=list)
    spans: list[SpanShape] = field(default_factory=list)
    n_calls: int = 0

    def slot(self, role: str) -> int:
        self.slots.append(role)
        return len(self.slots) - 1

    def message(self, role: str, **more: object) -> int:
        if role != "tool" and "calls" not in more:
            more["slot"] = self.slot(role)
        self.messages.append(MessageShape(role=role, **more))  # type: ignore[arg-type]
        return len(self.messages) - 1

    def span(self, **more: object) -> int:
        self.spans.append(SpanShape(**more))  # type: ignore[arg-type]
        return len(self.spans) - 1

    def new_calls(self, n: int) -> tuple[int, ...]:
        self.n_calls += n
        return tuple(range(self.n_calls - n, self.n_calls))


def chat_shape() -> Shape:
    """Return ten calls, a trace each."""
    shape = Shape()
    history = [shape.message("system")]
    for turn in range(_N_CHAT_CALLS):
        history.append(shape.message("user"))
        answer = shape.message("assistant")
        shape.span(kind="LLM", turn=turn, sent=tuple(history), said=(answer,))
        history.append(answer)
    return shape


def agent_shape(*, lanes: bool = False) -> Shape:
    """Return three turns of an agent that calls tools; a delegate works inside a tool, or beside it (`lanes`)."""
    shape = Shape()
    history = [shape.message("system")]
    for turn in range(3):
        history.append(shape.message("user"))
        root = shape.span(kind="AGENT", turn=turn, value_slot=shape.messages[history[-1]].slot, agent="boss")
        calls = shape.new_calls(1 + turn % 2)
        asked = shape.message("assistant", calls=calls)
        shape.span(kind="LLM", turn=turn, parent=root, sent=tuple(history), said=(asked,))
        history += [asked, *(_tool(shape, turn, root, call, lanes=lanes) for call in calls)]
        answer = shape.message("assistant")
        shape.span(kind="LLM", turn=turn, parent=root, sent=tuple(history), said=(answer,))
        history.append(answer)
    return shape


def _tool(shape: Shape, turn: int, root: int, call: int, *, lanes: bool) -> int:
    slot = shape.slot("tool")
    tool = shape.span(kind="TOOL", turn=turn, parent=root, value_slot=slot, call=call)
    if turn == 2:
        above = shape.span(kind="AGENT", turn=turn, parent=root if lanes else tool, agent="delegate")
        sent = (shape.message("system"), shape.message("user"))
        shape.span(kind="LLM", turn=turn, parent=above, sent=sent, said=(shape.message("assistant"),))
    return shape.message("tool", slot=slot, answers=call)


SHAPES = {"chat": chat_shape, "agent": agent_shape, "lanes": lambda: agent_shape(lanes=True)}


class Texts:
    """Texts cut from a long random word sequence, each with a number in front, so that all differ."""

    def __init__(self, rng: np.random.Generator) -> None:
        letters = rng.integers(97, 123, (_WORDS, 6), dtype=np.uint8)
        words = [bytes(row[: 2 + index % 5]) for index, row in enumerate(letters)]
        self._text = b" ".join(words[i] for i in rng.integers(0, _WORDS, 400_000))
        self._rng = rng
        self._n = 0

    def take(self, lengths: _Ints) -> pa.Array:
        """Return one text for each length (bytes; more than 14)."""
        starts = self._rng.integers(0, len(self._text) - 5000, len(lengths))
        text, first = self._text, self._n
        self._n += len(lengths)
        cuts = zip(range(first, first + len(lengths)), starts.tolist(), (starts + lengths - 14).tolist(), strict=True)
        data = b"".join([b"%013d %b" % (number, text[start:end]) for number, start, end in cuts])
        return pa.Array.from_buffers(
            pa.large_string(), len(lengths), [None, pa.py_buffer(_offsets(lengths)), pa.py_buffer(data)]
        ).cast(pa.string())


def _offsets(lengths: _Ints) -> _Ints:
    return np.concatenate([[0], np.cumsum(lengths)])


class SessionTables:
    """Fills a shape with texts and ids for many sessions at once."""

    def __init__(self, shape: Shape, profile: str, seed: int, texts: type[Texts] = Texts) -> None:
        self._shape = shape
        self._rng = np.random.default_rng(seed)
        self._texts = texts(self._rng)
        self._low_high = [_LENGTHS.get((profile, role), (1000, 4000)) for role in shape.slots]
        self._shared = self._texts.take(self._lengths_of(0, _N_SHARED_PROMPTS))

    def _lengths_of(self, slot: int, n: int) -> _Ints:
        return self._rng.integers(*self._low_high[slot], n)

    def table(self, first: int, n: int) -> pa.Table:
        """Return all spans of `n` sessions, sorted by session and time; message texts are dictionary codes."""
        low, high = np.array(self._low_high).T
        own = self._texts.take(self._rng.integers(low, high, (n, len(low))).ravel())
        pool = pa.concat_arrays([own, self._shared])
        sessions = np.arange(first, first + n)
        width = len(self._shape.spans)
        columns: dict[str, pa.Array] = {
            c.TRACE_ID: self._ids(sessions, [s.turn for s in self._shape.spans], 32),
            c.SPAN_ID: self._ids(sessions, range(1, width + 1), 16),
            c.PARENT_ID: self._ids(
                sessions, [None if s.parent is None else s.parent + 1 for s in self._shape.spans], 16
            ),
            c.NAME: _tiled([s.kind.lower() for s in self._shape.spans], n),
            c.SPAN_KIND: _tiled([s.kind for s in self._shape.spans], n),
            c.OPENINFERENCE_KIND: _tiled([s.kind for s in self._shape.spans], n),
            c.STATUS_CODE: _tiled(["OK"] * width, n),
            c.SESSION_ID: _numbered("session-", sessions, width),
            c.USER_ID: _numbered("user-", sessions % 1000, width),
            c.AGENT_NAME: _tiled([s.agent for s in self._shape.spans], n),
            c.INPUT_VALUE: self._values(pool, "AGENT", n),
            c.OUTPUT_VALUE: self._values(pool, "TOOL", n),
            c.INPUT_MESSAGES: self._messages(sessions, [s.sent for s in self._shape.spans], pool),
            c.OUTPUT_MESSAGES: self._messages(sessions, [s.said for s in self._shape.spans], pool),
            c.TOOL_NAME: _tiled(["lookup" if s.kind == "TOOL" else None for s in self._shape.spans], n),
            c.TOOL_CALL_ID: _call_ids(sessions, [s.call for s in self._shape.spans], self._shape.n_calls),
            c.PROMPT_TOKENS: _tiled([100] * width, n),
            c.COMPLETION_TOKENS: _tiled([50] * width, n),
            **self._times(sessions),
        }
        return pa.table([columns.get(f.name, pa.nulls(n * width, f.type)) for f in SPANS], names=SPANS.names)

    def _ids(self, sessions: _Ints, numbers: Sequence[int | None], digits: int) -> pa.Array:
        form = f"{{:0{digits - 4}x}}{{:04x}}".format
        return pa.array([None if k is None else form(s, k) for s in sessions.tolist() for k in numbers], pa.string())

    def _times(self, sessions: _Ints) -> dict[str, pa.Array]:
        starts = _START_NS + sessions[:, None] * _SESSION_EVERY_NS + np.arange(len(self._shape.spans)) * _STEP_NS
        kind = SPANS.field(c.START_TIME).type
        ends = starts + _STEP_NS // 2
        return {c.START_TIME: pa.array(starts.ravel()).cast(kind), c.END_TIME: pa.array(ends.ravel()).cast(kind)}

    def _values(self, pool: pa.Array, kind: str, n: int) -> pa.Array:
        slots = np.array([-1 if s.kind != kind or s.value_slot is None else s.value_slot for s in self._shape.spans])
        codes = np.arange(n)[:, None] * len(self._shape.slots) + slots
        return pool.take(pa.array(codes.ravel(), mask=np.tile(slots < 0, n)))

    def _messages(self, sessions: _Ints, of_span: Sequence[Sequence[int]], pool: pa.Array) -> pa.Array:
        """Return one list of messages a span."""
        n, shapes = len(sessions), [self._shape.messages[m] for messages in of_span for m in messages]
        calls = [k for shape in shapes for k in shape.calls]
        called = pa.StructArray.from_arrays(
            [
                _call_ids(sessions, calls, self._shape.n_calls),
                _tiled(["lookup"] * len(calls), n),
                _tiled([f'{{"id": {k}}}' for k in calls], n),
            ],
            fields=list(CALL),
        )
        fields = {
            c.MESSAGE_ROLE: _tiled([shape.role for shape in shapes], n),
            c.MESSAGE_CONTENT: self._contents(sessions, shapes, pool),
            c.MESSAGE_TOOL_CALL_ID: _call_ids(sessions, [shape.answers for shape in shapes], self._shape.n_calls),
            c.MESSAGE_TOOL_CALLS: _lists([len(shape.calls) for shape in shapes], called, n),
        }
        full = [fields.get(f.name, pa.nulls(len(shapes) * n, f.type)) for f in MESSAGE]
        return _lists(
            [len(messages) for messages in of_span],
            pa.StructArray.from_arrays(full, names=[f.name for f in MESSAGE]),
            n,
        )

    def _contents(self, sessions: _Ints, shapes: Sequence[MessageShape], pool: pa.Array) -> pa.Array:
        slots = np.array([-1 if shape.slot is None else shape.slot for shape in shapes])
        codes = np.arange(len(sessions))[:, None] * len(self._shape.slots) + slots
        codes[:, slots == 0] = len(pool) - _N_SHARED_PROMPTS + sessions[:, None] % _N_SHARED_PROMPTS
        # The writer stores a dictionary as it stands, so it holds only what this column says.
        used, indices = np.unique(np.maximum(codes.ravel(), 0), return_inverse=True)
        coded = pa.array(indices.astype(np.int32), mask=np.tile(slots < 0, len(sessions)))
        return pa.DictionaryArray.from_arrays(coded, pool.take(pa.array(used)))


def _tiled(values: Sequence[object], n: int) -> pa.Array:
    return pa.array(values).take(pa.array(np.tile(np.arange(len(values)), n))) if values else pa.nulls(0, pa.string())


def _numbered(prefix: str, numbers: _Ints, repeat: int) -> pa.Array:
    names = pa.array([f"{prefix}{number}" for number in numbers.tolist()])
    return names.take(pa.array(np.repeat(np.arange(len(names)), repeat)))


def _call_ids(sessions: _Ints, calls: Sequence[int | None], n_calls: int) -> pa.Array:
    ids = pa.array([f"call_{s}_{k}" for s in sessions.tolist() for k in range(n_calls)], pa.string())
    codes = np.arange(len(sessions))[:, None] * n_calls + np.array([k or 0 for k in calls], dtype=np.int64)
    mask = np.tile(np.array([k is None for k in calls], dtype=bool), len(sessions))
    return ids.take(pa.array(codes.ravel(), mask=mask))


def _lists(lengths: Sequence[int], values: pa.Array, n: int) -> pa.Array:
    offsets = _offsets(np.tile(np.array(lengths, dtype=np.int64), n)).astype(np.int32)
    missing = np.tile(np.array([length == 0 for length in lengths], dtype=bool), n)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(missing))


def tables(
    n_spans: int,
    kind: str,
    profile: str,
    spans_a_table: int = ROW_GROUP_ROWS,
    *,
    seed: int = 7,
    texts: type[Texts] = Texts,
) -> Iterator[pa.Table]:
    """Yield span tables of whole sessions until `n_spans` are reached."""
    shape = SHAPES[kind]()
    made, session, done = SessionTables(shape, profile, seed, texts), 0, 0
    while done < n_spans:
        n = -(-min(spans_a_table, n_spans - done) // len(shape.spans))
        yield made.table(session, n)
        session, done = session + n, done + n * len(shape.spans)


def raw_text_bytes(table: pa.Table) -> int:
    """Return the bytes of all message texts as they stand on the spans, repeats included."""
    total = 0
    for name in (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES):
        for chunk in table.column(name).chunks:
            contents = chunk.flatten().field(c.MESSAGE_CONTENT)
            lengths = np.diff(np.frombuffer(contents.dictionary.buffers()[1], dtype=np.int32))
            total += int(lengths[contents.indices.drop_null().to_numpy()].sum())
    return total


def write(store: Path, n_spans: int, kind: str, profile: str, *, compacted: bool = False) -> int:
    """Write a store as exporters do, or as one compacted file (up to 10M spans), and return the raw text's bytes."""
    folder = store / SPANS_FOLDER / "date=2025-10-09"
    folder.mkdir(parents=True, exist_ok=True)
    total = 0
    writer: pq.ParquetWriter | None = None
    for number, table in enumerate(tables(n_spans, kind, profile)):
        total += raw_text_bytes(table)
        if writer is None or not (compacted or number % _TABLES_A_FILE):
            if writer is not None:
                writer.close()
            writer = _writer(folder / f"{uuid.uuid4().hex}.parquet", table.schema)
        writer.write_table(table, row_group_size=ROW_GROUP_ROWS)
    if writer is not None:
        writer.close()
    return total


def _writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=leaf_columns(SPANS),
        dictionary_pagesize_limit=DICTIONARY_PAGE_BYTES,
        # The schema of the store has plain strings where these tables have codes.
        store_schema=False,
    )


def main() -> None:
    """Write a store as the arguments say."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--kind", choices=sorted(SHAPES), default="chat")
    parser.add_argument("--profile", choices=["small", "big"], default="small")
    parser.add_argument("--compacted", action="store_true")
    options = parser.parse_args()
    raw = write(options.store, options.spans, options.kind, options.profile, compacted=options.compacted)
    sys.stdout.write(f"{options.spans:,} spans, {raw / 1e6:,.1f} MB raw text\n")


if __name__ == "__main__":
    main()
