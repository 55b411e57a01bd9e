"""GenAI events in log records as spans, for apps whose spans carry no content.

Stored spans never change, so what the log says of a model call becomes a span of its own below that call. Its id
is made from its content: a record that comes twice, or with the spans in whatever order, gives the same span.

Source: OpenTelemetry semantic conventions, docs/gen-ai/gen-ai-events.md (`gen_ai.client.inference.operation.details`)
and v1.36.0 of the same (one event a message, the whole history again for every call); recorded log records.
"""

import hashlib
from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sessioneval.ingest.chunks import Rejected
from sessioneval.ingest.log_record import LogRecord
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.json_text import json_text, parsed
from sessioneval.semconv.openai_messages import chat_messages

WITHOUT_SPAN = "log record without span"
NOT_GENAI = "not a GenAI event"
FROM_LOG = "sessioneval.from_log"
"""Attribute that marks spans made from log records."""

OPEN_CALLS = 256
"""Calls whose events are held back: exporters may split the events of one call over two requests."""

_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_USAGE_PREFIX = "gen_ai.usage."
_SPAN_ID_BYTES = 8

_Call = tuple[str, str]
_Key = tuple[str, str, int, int]


class LogEvents:
    """Collects the GenAI events of one file.

    Attributes of an event that count tokens are left out: the span of the call has them, and they would add up.
    """

    def __init__(self, open_calls: int = OPEN_CALLS) -> None:
        self._open_calls = open_calls
        self._messages: OrderedDict[_Call, dict[_Key, LogRecord]] = OrderedDict()

    def take(self, records: Iterable[LogRecord]) -> list[RawSpan | Rejected]:
        """Return the spans that the records of one request complete, and the refused records."""
        items: list[RawSpan | Rejected] = []
        seen: Counter[tuple[Any, ...]] = Counter()
        for record in records:
            if (reason := _refusal(record)) is not None:
                items.append(Rejected(reason))
            elif record.event_name == _DETAILS:
                items.append(_details_span(record))
            else:
                self._hold(record, seen)
        while len(self._messages) > self._open_calls:
            items.append(_messages_span(self._messages.popitem(last=False)[1]))
        return items

    def rest(self) -> list[RawSpan | Rejected]:
        """Return the spans of all calls that are still held back."""
        spans = [_messages_span(events) for events in self._messages.values()]
        self._messages.clear()
        return [*spans]

    def _hold(self, record: LogRecord, seen: Counter[tuple[Any, ...]]) -> None:
        """Keep one message; the same message of the same request once more is a repetition in the talk itself."""
        call = (record.trace_id, record.span_id)
        content = (record.event_name, json_text(record.body), record.time_ns)
        seen[(call, content)] += 1
        self._messages.setdefault(call, {})[(*content, seen[(call, content)])] = record


def _refusal(record: LogRecord) -> str | None:
    """Return why a record says nothing about a call; None if it does."""
    if record.event_name not in (_DETAILS, _CHOICE, *_ROLES):
        return NOT_GENAI
    return None if record.trace_id and record.span_id else WITHOUT_SPAN


def _details_span(record: LogRecord) -> RawSpan:
    body = record.body if isinstance(record.body, dict) else {}
    said = {key: value for key, value in body.items() if key.startswith(a.GEN_AI_PREFIX)}
    return _span([record], said, json_text([record.attributes, record.body]))


def _messages_span(events: Mapping[_Key, LogRecord]) -> RawSpan:
    records = sorted(events.values(), key=lambda record: record.time_ns)
    inputs = [_sent(record) for record in records if record.event_name != _CHOICE]
    outputs = [_chosen(record) for record in records if record.event_name == _CHOICE]
    said = {a.LLM_INPUT_MESSAGES: chat_messages(inputs), a.LLM_OUTPUT_MESSAGES: chat_messages(outputs)}
    said = {key: messages for key, messages in said.items() if messages}
    return _span(records, said, json_text([said, records[0].time_ns]))


def _sent(record: LogRecord) -> dict[str, Any]:
    body = _message(record.body)
    return {"tool_call_id": body.get("id"), **body, "role": body.get("role") or _ROLES[record.event_name]}


def _chosen(record: LogRecord) -> dict[str, Any]:
    body = _message(record.body)
    message = _message(body.get("message", body))
    return {**message, "role": message.get("role") or "assistant"}


def _message(body: Any) -> dict[str, Any]:
    """Return a body as the fields of a message; plain text is the content."""
    structured = parsed(body)
    return structured if isinstance(structured, dict) else {"content": body}


def _span(records: Sequence[LogRecord], said: Mapping[str, Any], content: str) -> RawSpan:
    first, last = records[0], records[-1]
    named = {key: value for record in records for key, value in record.attributes.items() if not _is_usage(key)}
    attributes = {a.GEN_AI_OPERATION_NAME: "chat", **named, **said, FROM_LOG: True}
    return RawSpan(
        trace_id=first.trace_id,
        span_id=_span_id(first, content),
        parent_id=first.span_id,
        name=last.event_name,
        start_ns=first.time_ns,
        end_ns=last.time_ns,
        attributes=attributes,
        status_code="ERROR" if "error.type" in named else "UNSET",
        resource=first.resource,
        scope_name=first.scope_name,
        scope_version=first.scope_version,
    )


def _is_usage(key: str) -> bool:
    return key.startswith(_USAGE_PREFIX)


def _span_id(record: LogRecord, content: str) -> str:
    """Return an id that is the same whenever the same is said of the same call."""
    named = f"{record.trace_id.lower()}\0{record.span_id.lower()}\0log\0{content}"
    return hashlib.sha256(named.encode()).digest()[:_SPAN_ID_BYTES].hex()
