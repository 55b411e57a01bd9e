"""Pydantic AI and Logfire: GenAI messages with tool results in role user, or, in format 1, lists of events.

Where its OpenInference span processor is on, or Phoenix has translated the spans, both forms stand on one span; the
GenAI one is the truthful one, for the other merges or empties tool results. Without content only the types of
the parts are written, and such messages are none.

Source: pydantic-ai, pydantic_ai/models/instrumented.py and messages.py; spans recorded in formats 1 to 6.
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.cut_json import recovered
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, json_or_text, read_fields, text
from sessioneval.semconv.genai import input_messages
from sessioneval.semconv.genai_messages import messages_of

SCOPE = "pydantic-ai"
_MARKS = ("model_request_parameters", "pydantic_ai.all_messages", "all_messages_events", "tool_response")
_LOGFIRE = "logfire.json_schema"
_EVENTS = "events"
_CHOICE = "gen_ai.choice"
_KINDS = {"agent run": "AGENT", "running tool": "TOOL", "running tools": "CHAIN"}
_ADDRESS_SUFFIX = "-url"

FIELDS = (
    Field(c.AGENT_NAME, ("gen_ai.agent.name", "agent_name"), text),
    Field(c.INPUT_VALUE, ("tool_arguments",), json_or_text),
    Field(c.OUTPUT_VALUE, ("tool_response", "final_result"), json_or_text),
)


def _recognises(span: RawSpan) -> bool:
    if span.scope_name == SCOPE:
        return True
    return _LOGFIRE in span.attributes and any(mark in span.attributes for mark in _MARKS)


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    found = {
        c.SPAN_KIND: _KINDS.get(span.name),
        c.INPUT_VALUE: _question(attributes),
        **read_fields(attributes, FIELDS),
        **_messages(attributes),
    }
    return {column: value for column, value in found.items() if value is not None}


def _messages(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model call was sent and answered; empty lists where content is not captured."""
    if _EVENTS in attributes:
        sent, answered = _of_events(attributes[_EVENTS])
    else:
        sent, answered = attributes.get(a.GEN_AI_INPUT_MESSAGES), attributes.get(a.GEN_AI_OUTPUT_MESSAGES)
    if _is_without_content(sent):
        return {c.INPUT_MESSAGES: [], c.OUTPUT_MESSAGES: []}
    standard = {**attributes, a.GEN_AI_INPUT_MESSAGES: sent}
    return {c.INPUT_MESSAGES: input_messages(standard, _standard), c.OUTPUT_MESSAGES: messages_of(answered, _standard)}


def _of_events(value: Any) -> tuple[Any, Any]:
    """Return the events of format 1 as (input, output)."""
    events, is_cut = recovered(value)
    if is_cut or not isinstance(events, list | tuple):
        return value, None
    listed = [event for event in events if isinstance(event, dict)]
    sent = [event for event in listed if event.get("event.name") != _CHOICE]
    answered = [event.get("message") for event in listed if event.get("event.name") == _CHOICE]
    return sent, answered


def _is_without_content(messages: Any) -> bool:
    """Return whether a text of the input is only announced: then no text, argument or result was captured."""
    items = recovered(messages).value
    listed = [item for item in (items if isinstance(items, list | tuple) else ()) if isinstance(item, dict)]
    asked = [_standard(item) for item in listed if item.get("role") in ("user", "system")]
    parts = [part for item in asked for part in item["parts"] if isinstance(part, dict)]
    return any(part.get("type") == "text" and part.get("content") is None for part in parts)


def _standard(item: dict[str, Any]) -> dict[str, Any]:
    """Return a message, or an event of format 1, as a GenAI message."""
    if isinstance(item.get("parts"), list):
        return {**item, "parts": [_part(part) for part in item["parts"]]}
    role, content = item.get("role"), item.get("content")
    if role == "tool":
        return {"role": role, "parts": [_response(item)]}
    said = content if isinstance(content, list) else [content]
    calls = [_call(call) for call in item.get("tool_calls") or () if isinstance(call, dict)]
    is_call_alone = content is None and bool(calls)
    return {"role": role, "parts": [*([] if is_call_alone else map(_of_kind, said)), *calls]}


def _response(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "tool_call_response",
        "id": item.get("id"),
        "name": item.get("name"),
        "response": item.get("content"),
    }


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else {}
    return {"type": "tool_call", "id": call.get("id"), "name": named.get("name"), "arguments": named.get("arguments")}


def _of_kind(part: Any) -> Any:
    """Return a part of format 1, whose type is its `kind`."""
    if not isinstance(part, dict):
        return {"type": "text", "content": part}
    return _part({"type": part.get("kind"), "content": part.get("text"), **part})


def _part(part: Any) -> Any:
    """Return a part with media in the form of the conventions; before format 4 they had one of their own."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "binary":
        mime_type = str(part.get("media_type") or part.get("mime_type") or "")
        content = part.get("binary_content", part.get("content"))
        return {"type": "blob", "modality": mime_type.partition("/")[0], "mime_type": mime_type, "content": content}
    if isinstance(kind, str) and kind.endswith(_ADDRESS_SUFFIX):
        return {"type": "uri", "modality": kind.removesuffix(_ADDRESS_SUFFIX), "uri": part.get("url")}
    return part


def _question(attributes: Mapping[str, Any]) -> str | None:
    """Return what the user asked in an agent's run: the first of its new messages that is the user's."""
    history = attributes.get("pydantic_ai.all_messages", attributes.get("all_messages_events"))
    said = recovered(history).value
    if not isinstance(said, list | tuple):
        return None
    first = attributes.get("pydantic_ai.new_message_index")
    new = said[first:] if isinstance(first, int) else said
    asked = messages_of(list(new), _standard) or []
    texts = [item.get(c.MESSAGE_CONTENT) for item in asked if item.get(c.MESSAGE_ROLE) == "user"]
    held = [text for text in texts if text]
    return (held[0] if isinstance(first, int) else held[-1]) if held else None


PYDANTIC_AI = Dialect(name="pydantic_ai", recognises=_recognises, columns=_columns)
