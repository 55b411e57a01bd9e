"""Strands Agents, and whoever else writes GenAI messages as span events.

By default one event a message (``gen_ai.user.message``, ``gen_ai.choice``), whose content is a list of Bedrock
content blocks; with the latest conventions events that hold ``gen_ai.input.messages`` and the like.

Source: strands-agents, strands/telemetry/tracer.py; OpenTelemetry semantic conventions 1.36, gen-ai-events.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.cut_json import recovered
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.genai import input_messages
from sessioneval.semconv.genai_messages import messages_of, result_text
from sessioneval.semconv.json_text import parsed, text_of
from sessioneval.semconv.retold import user_request

SCOPE = "strands.telemetry.tracer"
_DETAILS = "gen_ai.client.inference.operation.details"
_CHOICE = "gen_ai.choice"
_TOOL_MESSAGE = "gen_ai.tool.message"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    _TOOL_MESSAGE: "tool",
    _CHOICE: "assistant",
}
_CYCLE = "execute_event_loop_cycle"
_TOOL_RUN = "execute_tool"
_MEDIA = ("image", "video", "document")
_NOT_SERIALISED = "<replaced>"
_REDACTED, _OUR_REDACTED = "[REDACTED]", "__REDACTED__"
_EVENT_CONTENT = "gen_ai.event.content"
_TOOL_CALL = {"type": "tool_call"}


def _recognises(span: RawSpan) -> bool:
    return span.scope_name == SCOPE or any(event.name in _ROLES or event.name == _DETAILS for event in span.events)


def _columns(span: RawSpan) -> dict[str, Any]:
    operation = span.attributes.get(a.GEN_AI_OPERATION_NAME)
    if operation == _CYCLE:
        # A loop's round repeats the messages of the model call in it.
        return {c.SPAN_KIND: "CHAIN"}
    found = _tool_run(span) if operation == _TOOL_RUN else _exchange(span)
    return {column: value for column, value in found.items() if value}


def _exchange(span: RawSpan) -> dict[str, Any]:
    """Return the messages of a model call or an agent, from whichever of the two kinds of events it has."""
    details = _details(span)
    if details:
        sent, answered = input_messages(details), messages_of(details.get(a.GEN_AI_OUTPUT_MESSAGES))
    else:
        sent = [message for event in span.events if event.name != _CHOICE for message in _messages(event)]
        answered = [message for event in span.events if event.name == _CHOICE for message in _messages(event)]
    return {
        c.INPUT_MESSAGES: [_asked(message) for message in sent or ()],
        c.OUTPUT_MESSAGES: [_stripped(message) for message in answered or ()],
    }


def _details(span: RawSpan) -> dict[str, Any]:
    """Return the attributes of the events of the latest conventions, lists joined, over those of the span."""
    found: dict[str, Any] = {}
    for event in span.events:
        if event.name == _DETAILS:
            for key, value in event.attributes.items():
                found[key] = _joined(found.get(key), value)
    kept = (a.GEN_AI_SYSTEM_INSTRUCTIONS, a.GEN_AI_INPUT_MESSAGES, a.GEN_AI_OUTPUT_MESSAGES)
    return {**{key: span.attributes[key] for key in kept if key in span.attributes}, **found} if found else {}


def _joined(held: Any, value: Any) -> Any:
    before, after = parsed(held), parsed(value)
    return [*before, *after] if isinstance(before, list) and isinstance(after, list) else value


def _asked(message: dict[str, Any]) -> dict[str, Any]:
    """Return an input message with the user's own words where a swarm put them into a context."""
    content = message.get(c.MESSAGE_CONTENT)
    if message.get(c.MESSAGE_ROLE) != "user" or not isinstance(content, str):
        return message
    return {**message, c.MESSAGE_CONTENT: user_request(content)}


def _stripped(message: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the line end that the agent puts after it."""
    content = message.get(c.MESSAGE_CONTENT)
    return {**message, c.MESSAGE_CONTENT: content.removesuffix("\n")} if isinstance(content, str) else message


def _messages(event: RawEvent) -> list[dict[str, Any]]:
    role = _ROLES.get(event.name)
    if role is None:
        return []
    written = (event.attributes.get(key) for key in ("message" if event.name == _CHOICE else "content", _EVENT_CONTENT))
    held = next((value for value in written if value is not None), None)
    blocks = recovered(held).value
    if isinstance(blocks, dict):
        return messages_of([_of_object(role, blocks, event.attributes)]) or []
    if not isinstance(blocks, list | tuple):
        blocks = [] if held is None else [{"text": _OUR_REDACTED if held == _REDACTED else text_of(held)}]
    parts = [part for block in blocks for part in _parts(block)]
    if role == "tool" and all(part["type"] == "text" for part in parts):
        parts = [_response(event.attributes.get("id"), [part["content"] for part in parts])]
    return messages_of([{"role": role, "parts": parts}]) or []


def _of_object(role: str, held: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message given as an object, as the conventions have it: content and OpenAI tool calls."""
    inner = held.get("message")
    message = inner if isinstance(inner, dict) else held
    if role == "tool":
        return {"role": role, "parts": [_response(message.get("id", attributes.get("id")), message.get("content"))]}
    calls = message.get("tool_calls")
    called = [_call(call) for call in (calls if isinstance(calls, list) else ()) if isinstance(call, dict)]
    said = message.get("content")
    parts = [{"type": "text", "content": text_of(said)}] if said is not None else []
    return {"role": message.get("role", role), "parts": [*parts, *called]}


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else call
    return {**_TOOL_CALL, "id": call.get("id"), "name": named.get("name"), "arguments": named.get("arguments")}


def _parts(block: Any) -> Iterator[dict[str, Any]]:
    """Give the parts of a Bedrock content block: an object with one key, which says what it is."""
    if not isinstance(block, dict):
        yield {"type": "text", "content": text_of(block)}
        return
    for kind, held in block.items():
        if kind == "text":
            yield {"type": "text", "content": text_of(held)}
        elif kind == "toolUse" and isinstance(held, dict):
            yield {**_TOOL_CALL, "id": held.get("toolUseId"), "name": held.get("name"), "arguments": held.get("input")}
        elif kind == "toolResult" and isinstance(held, dict):
            yield _response(held.get("toolUseId"), held.get("content"))
        elif kind in _MEDIA and isinstance(held, dict):
            yield _medium(kind, held)
        elif kind == "reasoningContent":
            yield {"type": "reasoning", "content": _reasoning(held)}
        elif kind != "cachePoint":
            yield {"type": kind, "content": held}


def _response(call_id: Any, content: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": call_id, "response": _tool_text(content)}


def _tool_text(content: Any) -> str | None:
    """Return the content of a tool result, text or JSON blocks, as text."""
    blocks = content if isinstance(content, list | tuple) else [content]
    said = [result_text(_value(block)) for block in blocks]
    return "\n".join(text for text in said if text is not None)


def _value(block: Any) -> Any:
    if isinstance(block, dict) and len(block) == 1:
        return block.get("text", block.get("json", block))
    return block


def _reasoning(held: Any) -> str | None:
    text = held.get("reasoningText", {}) if isinstance(held, dict) else held
    return text_of(text.get("text") if isinstance(text, dict) else text)


def _medium(kind: str, held: Mapping[str, Any]) -> dict[str, Any]:
    source = held.get("source")
    data = source.get("bytes") if isinstance(source, dict) else None
    family = "application" if kind == "document" else kind
    part = {"type": "blob", "modality": kind, "mime_type": f"{family}/{held.get('format', '*')}"}
    return {**part, "content": data} if isinstance(data, str) and data != _NOT_SERIALISED else part


def _tool_run(span: RawSpan) -> dict[str, Any]:
    """Return arguments and result of a tool; the attributes of the latest conventions come first."""
    details = _details(span)
    said = messages_of(details.get(a.GEN_AI_OUTPUT_MESSAGES)) or []
    asked = messages_of(details.get(a.GEN_AI_INPUT_MESSAGES)) or []
    return {
        c.INPUT_VALUE: _first(
            span.attributes.get("gen_ai.tool.call.arguments"),
            next((call[c.CALL_ARGUMENTS] for item in asked for call in item.get(c.MESSAGE_TOOL_CALLS, ())), None),
            _of_event(span.events, _TOOL_MESSAGE, "content"),
        ),
        c.OUTPUT_VALUE: _first(
            _blocks_text(span.attributes.get("gen_ai.tool.call.result")),
            next((item.get(c.MESSAGE_CONTENT) for item in said), None),
            _blocks_text(_of_event(span.events, _CHOICE, "message")),
        ),
    }


def _first(*values: Any) -> str | None:
    return next((text_of(value) for value in values if value is not None), None)


def _of_event(events: Iterable[RawEvent], name: str, key: str) -> Any:
    return next((event.attributes.get(key) for event in events if event.name == name), None)


def _blocks_text(value: Any) -> str | None:
    blocks = recovered(value).value
    return _tool_text(blocks) if isinstance(blocks, list | tuple) else text_of(value)


STRANDS = Dialect(name="strands", recognises=_recognises, columns=_columns)
