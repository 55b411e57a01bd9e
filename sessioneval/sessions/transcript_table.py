"""Transcripts as Arrow tables: one row a session, and back as objects."""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

import pyarrow as pa

from sessioneval.model.arrays import numpy_of
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import LossReport, Transcript
from sessioneval.sessions.loss import REASONS
from sessioneval.sessions.message_columns import json_text

_TIME = pa.timestamp("ns", tz="UTC")
_SESSIONS_AT_ONCE = 200
TOOL_CALL = pa.struct(
    [("id", pa.string()), ("name", pa.string()), ("arguments", pa.string()), ("is_error", pa.bool_())]
)
MESSAGE = pa.struct(
    [
        ("role", pa.string()),
        ("content", pa.string()),
        ("name", pa.string()),
        ("tool_calls", pa.list_(TOOL_CALL)),
        ("tool_call_id", pa.string()),
        ("span_id", pa.string()),
        ("turn", pa.int32()),
        ("agent", pa.string()),
        ("is_error", pa.bool_()),
    ]
)
_COUNTS = tuple(name for name in LossReport.__dataclass_fields__ if name != "spans_ignored")
LOSS = pa.struct(
    [*((name, pa.int64()) for name in _COUNTS), ("spans_ignored", pa.struct([(name, pa.int64()) for name in REASONS]))]
)
TRANSCRIPTS = pa.schema(
    [
        ("session_id", pa.string()),
        ("anchor_span_id", pa.string()),
        ("start_time", _TIME),
        ("end_time", _TIME),
        ("n_traces", pa.int64()),
        ("n_spans", pa.int64()),
        ("messages", pa.list_(MESSAGE)),
        ("loss", LOSS),
    ]
)


def as_table(transcripts: Iterable[Transcript]) -> pa.Table:
    """Return transcripts as a table with schema `TRANSCRIPTS`."""
    return pa.Table.from_pylist([_row(each) for each in transcripts], schema=TRANSCRIPTS)


def _row(transcript: Transcript) -> dict[str, Any]:
    session, loss = transcript.session, transcript.loss
    return {
        "session_id": session.session_id,
        "anchor_span_id": session.anchor_span_id,
        "start_time": session.start_time,
        "end_time": session.end_time,
        "n_traces": session.n_traces,
        "n_spans": session.n_spans,
        "messages": [_message_row(message) for message in transcript.messages],
        "loss": {**loss.to_dict(), "spans_ignored": {name: loss.spans_ignored.get(name, 0) for name in REASONS}},
    }


def _message_row(message: Message) -> dict[str, Any]:
    calls = [
        {"id": call.id, "name": call.name, "arguments": json_text(call.arguments), "is_error": call.is_error}
        for call in message.tool_calls
    ]
    return {**{name: _storable(getattr(message, name)) for name in MESSAGE.names}, "tool_calls": calls}


def _storable(value: Any) -> Any:
    """Return the value; half a surrogate pair, which JSON can hold and UTF-8 cannot, becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def transcripts_of(messages: pa.Array, losses: pa.Array, sessions: Iterable[Session]) -> Iterator[Transcript]:
    """Yield the transcripts of sessions whose message lists and losses are columns, in the same order."""
    for session, said, loss in zip(sessions, _said(messages), _losses(losses), strict=True):
        yield Transcript(session=session, messages=said, loss=loss)


def _losses(losses: pa.Array) -> Iterator[LossReport]:
    for counts in losses.to_pylist():
        ignored = {name: count for name, count in sorted(counts["spans_ignored"].items()) if count}
        yield LossReport(**{**counts, "spans_ignored": ignored})


def _said(messages: pa.Array) -> Iterator[tuple[Message, ...]]:
    """Yield the messages of each list; some hundred lists are turned into objects at once, so that the first come soon."""
    borders = numpy_of(messages.offsets)
    for first in range(0, len(messages), _SESSIONS_AT_ONCE):
        some = borders[first : first + _SESSIONS_AT_ONCE + 1]
        items = messages.values.slice(int(some[0]), int(some[-1] - some[0]))
        columns = [items.field(index).to_pylist() for index in range(items.type.num_fields)]
        made = tuple(_message(values) for values in zip(*columns, strict=True))
        for start, end in pairwise((some - some[0]).tolist()):
            yield made[start:end]


def _message(values: tuple[Any, ...]) -> Message:
    role, content, name, calls, call_id, span_id, turn, agent, is_error = values
    return Message(
        role=role,
        content=content,
        turn=turn,
        name=name,
        tool_calls=tuple(_tool_call(call) for call in calls) if calls else (),
        tool_call_id=call_id,
        span_id=span_id,
        agent=agent,
        is_error=is_error,
    )


def _tool_call(call: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        id=call["id"], name=call["name"], arguments=json.loads(call["arguments"]), is_error=call["is_error"]
    )
