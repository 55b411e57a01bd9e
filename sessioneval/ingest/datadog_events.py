"""Span events of Datadog LLM Observability (JSON, not OTLP) as spans with OpenInference attributes.

Source: ddtrace, ddtrace/llmobs/_llmobs.py and _writer.py; recorded events of ddtrace 4.16.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sessioneval.ingest.json_shapes import list_in, object_in, objects_in
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.chat_bodies import request_messages, response_messages
from sessioneval.semconv.openai_messages import chat_messages
from sessioneval.semconv.tool_definitions import tool_definitions

KINDS = {
    "llm": "LLM",
    "agent": "AGENT",
    "tool": "TOOL",
    "task": "CHAIN",
    "workflow": "CHAIN",
    "experiment": "CHAIN",
    "embedding": "EMBEDDING",
    "retrieval": "RETRIEVER",
}
"""`meta.span.kind` to OpenInference kind."""

_MARKS = ("_dd.stage", "_dd.tracer_version")
_HEX_TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
_NO_PARENT = frozenset({"undefined", "0", ""})
_USER_TAGS = ("user_id", "usr.id", "user.id")
_DROPPED = "dropped_io"
_TRACE_ID_DIGITS, _SPAN_ID_DIGITS = 32, 16
_TOKENS = {
    "input_tokens": "llm.token_count.prompt",
    "output_tokens": "llm.token_count.completion",
    "total_tokens": "llm.token_count.total",
}


def is_events(document: Any) -> bool:
    """Return whether a JSON document is an event with spans, or a list of such."""
    events = document if isinstance(document, list) else [document]
    return bool(events) and all(_is_event(event) for event in events)


def spans(document: Any) -> Iterator[RawSpan]:
    """Return the spans of an event, or of a list of events."""
    for event in document if isinstance(document, list) else [document]:
        for span in objects_in(event.get("spans")):
            yield _span(span)


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or not isinstance(event.get("spans"), list):
        return False
    return event.get("event_type") == "span" or any(mark in event for mark in _MARKS)


def _span(span: dict[str, Any]) -> RawSpan:
    meta = object_in(span.get("meta"))
    start_ns = _int(span.get("start_ns"))
    parent = str(span.get("parent_id") or "")
    return RawSpan(
        trace_id=_trace_id(str(span.get("trace_id") or "")),
        span_id=_hex(str(span.get("span_id") or ""), _SPAN_ID_DIGITS),
        parent_id=None if parent in _NO_PARENT else _hex(parent, _SPAN_ID_DIGITS),
        name=str(span.get("name") or ""),
        start_ns=start_ns,
        end_ns=start_ns + _int(span.get("duration")),
        attributes={key: value for key, value in _attributes(span, meta).items() if value is not None},
        status_code="ERROR" if span.get("status") == "error" else "OK",
        status_message=_error_message(meta),
        dropped_attributes=int(_is_dropped(span)),
    )


def _trace_id(value: str) -> str:
    return value if _HEX_TRACE_ID.fullmatch(value) else _hex(value, _TRACE_ID_DIGITS)


def _hex(value: str, digits: int) -> str:
    """Return a decimal id as hexadecimal; an id that is not decimal as it is, for the store to refuse."""
    return f"{int(value):0{digits}x}" if value.isascii() and value.isdigit() and len(value) < 2 * digits else value


def _attributes(span: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    named = object_in(meta.get("span")).get("kind")
    kind = KINDS.get(named) if isinstance(named, str) else None
    tags = [tag for tag in list_in(span.get("tags")) if isinstance(tag, str)]
    metrics = object_in(span.get("metrics"))
    return {
        "openinference.span.kind": kind,
        a.SESSION_ID: span.get("session_id") or _tag(tags, "session_id"),
        a.USER_ID: next((user for name in _USER_TAGS if (user := _tag(tags, name))), None),
        "tag.tags": tags or None,
        "metadata": meta.get("metadata") or None,
        "llm.model_name": meta.get("model_name"),
        "llm.provider": meta.get("model_provider"),
        a.LLM_TOOLS: tool_definitions(meta.get("tool_definitions")),
        "tool.name": span.get("name") if kind == "TOOL" else None,
        "agent.name": span.get("name") if kind == "AGENT" else None,
        **{key: metrics.get(name) for name, key in _TOKENS.items()},
        **({} if _is_dropped(span) else _said(kind, object_in(meta.get("input")), object_in(meta.get("output")))),
        **{f"datadog.{key}": span.get(key) for key in ("_dd", "collection_errors", "span_links")},
        **{f"datadog.meta.{key}": value for key, value in meta.items() if key not in _READ_META},
    }


_READ_META = frozenset(
    {"span", "input", "output", "metadata", "model_name", "model_provider", "tool_definitions", "error.message"}
)


def _said(kind: str | None, sent: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "LLM":
        return {
            a.LLM_INPUT_MESSAGES: _messages(sent, "user") or request_messages(sent.get("value")),
            a.LLM_OUTPUT_MESSAGES: _messages(given, "assistant") or response_messages(given.get("value")),
        }
    return {"input.value": _value(sent), "output.value": _value(given)}


def _messages(held: Mapping[str, Any], role: str) -> list[dict[str, Any]] | None:
    """Return the messages; Datadog leaves out the role where the API has none."""
    return chat_messages([{**item, "role": item.get("role") or role} for item in objects_in(held.get("messages"))])


def _value(held: Mapping[str, Any]) -> Any:
    return next((held[key] for key in ("value", "messages", "documents") if held.get(key) is not None), None)


def _is_dropped(span: Mapping[str, Any]) -> bool:
    """Return whether the event was so large that a note stands where input and output were."""
    return _DROPPED in list_in(span.get("collection_errors"))


def _error_message(meta: Mapping[str, Any]) -> str:
    message = meta.get("error.message") or object_in(meta.get("error")).get("message")
    return message if isinstance(message, str) else ""


def _tag(tags: list[str], name: str) -> str | None:
    return next((tag.partition(":")[2] for tag in tags if tag.startswith(f"{name}:")), None) or None


def _int(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
