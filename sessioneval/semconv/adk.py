"""Google ADK: GenAI messages that retell what other agents did, and before those, the Gemini API's own JSON.

Source: adk-python, google/adk/telemetry/tracing.py; Gemini API reference (``Content``, ``Part``).
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.cut_json import recovered
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, read_fields, text
from sessioneval.semconv.genai import input_messages
from sessioneval.semconv.genai_messages import TRUNCATED_ROLE, messages_of, system_message
from sessioneval.semconv.json_text import parsed, text_of
from sessioneval.semconv.retold import retold_message
from sessioneval.semconv.tool_definitions import tool_definitions

_PREFIX = "gcp.vertex.agent."
_REQUEST, _RESPONSE = f"{_PREFIX}llm_request", f"{_PREFIX}llm_response"
_ARGUMENTS, _RESULT = f"{_PREFIX}tool_call_args", f"{_PREFIX}tool_response"
_OWN_KEYS = (_REQUEST, _RESPONSE, _ARGUMENTS, _RESULT, f"{_PREFIX}event_id", f"{_PREFIX}invocation_id")
_KINDS = {"call_llm": "LLM", "invocation": "CHAIN", "agent_run": "AGENT", "execute_tool": "TOOL"}
_MERGED = "(merged)"
_ROLES = {"model": "assistant"}
_MEDIA = {"inline_data": "blob", "file_data": "uri"}
_NOT_CAPTURED = ("", "{}", "N/A", '{"result": "<not specified>"}')

FIELDS = (Field(c.TOOL_CALL_ID, (f"{_PREFIX}tool_call_id", "gen_ai.tool.call.id"), text),)


def _recognises(span: RawSpan) -> bool:
    if span.scope_name == "gcp.vertex.agent":
        return True
    return any(key in span.attributes for key in _OWN_KEYS)


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    request, is_cut = recovered(attributes.get(_REQUEST))
    request = request if isinstance(request, dict) else {}
    found = {
        c.SPAN_KIND: _kind(span.name),
        c.INPUT_MESSAGES: input_messages(attributes, _retold) or _sent(request, is_cut=is_cut),
        c.OUTPUT_MESSAGES: _streamed(attributes.get(a.GEN_AI_OUTPUT_MESSAGES)) or _answered(attributes.get(_RESPONSE)),
        c.TOOLS: _tools(request),
        c.INPUT_VALUE: _captured(attributes.get(_ARGUMENTS)),
        c.OUTPUT_VALUE: _result(_captured(attributes.get(_RESULT))),
        **read_fields(attributes, FIELDS),
    }
    return {column: value for column, value in found.items() if value}


def _kind(name: str) -> str | None:
    """Return the kind of a span; the one that sums up parallel tools runs none itself."""
    return "CHAIN" if name.endswith(_MERGED) else _KINDS.get(name.partition(" ")[0])


def _sent(request: Mapping[str, Any], *, is_cut: bool) -> list[dict[str, Any]] | None:
    messages = messages_of(request.get("contents"), _standard)
    config = request.get("config")
    instruction = config.get("system_instruction") if isinstance(config, dict) else None
    if isinstance(instruction, dict):
        instruction = _standard(instruction)["parts"]
    system = system_message(instruction)
    if is_cut and messages:
        messages = [*messages, {c.MESSAGE_ROLE: TRUNCATED_ROLE}]
    return [system, *messages] if system and messages else messages


def _streamed(answers: Any) -> list[dict[str, Any]] | None:
    """Return the whole answer of a stream, which ADK lists after its pieces; None where there are no pieces.

    A piece has no reason to finish.
    """
    listed = recovered(answers).value
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    whole = [item for item in items if item.get("finish_reason") != ""]
    return messages_of(whole) if whole and len(whole) < len(items) else None


def _answered(response: Any) -> list[dict[str, Any]] | None:
    said = recovered(response).value
    content = said.get("content") if isinstance(said, dict) else None
    return messages_of([content], _standard) if isinstance(content, dict) else None


def _standard(content: dict[str, Any]) -> dict[str, Any]:
    role = content.get("role")
    parts = content.get("parts")
    listed = parts if isinstance(parts, list) else []
    parts = [_part(part) for part in listed if isinstance(part, dict)]
    return _retold({"role": _ROLES.get(str(role), role), "parts": parts})


def _retold(message: dict[str, Any]) -> dict[str, Any]:
    """Return what a user message retells of another agent, or the message itself."""
    parts = message.get("parts")
    if message.get("role") != "user" or not isinstance(parts, list):
        return message
    texts = [part.get("content") for part in parts if isinstance(part, dict)]
    return retold_message([text for text in texts if isinstance(text, str)]) or message


def _part(part: dict[str, Any]) -> dict[str, Any]:
    held = {key: value for key, value in part.items() if isinstance(value, dict)}
    if call := held.get("function_call"):
        arguments = call.get("args")
        return {"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "arguments": arguments}
    if answer := held.get("function_response"):
        response = answer.get("response")
        return {"type": "tool_call_response", "id": answer.get("id"), "name": answer.get("name"), "response": response}
    if kind := next((key for key in _MEDIA if key in held), None):
        return _medium(_MEDIA[kind], held[kind])
    return {"type": "reasoning" if part.get("thought") is True else "text", "content": text_of(part.get("text"))}


def _medium(kind: str, held: Mapping[str, Any]) -> dict[str, Any]:
    mime_type = held.get("mime_type")
    described = {"type": kind, "modality": str(mime_type).partition("/")[0], "mime_type": mime_type}
    return {**described, "content": held.get("data"), "uri": held.get("file_uri")}


def _tools(request: Mapping[str, Any]) -> list[dict[str, str]] | None:
    config = request.get("config")
    groups = config.get("tools") if isinstance(config, dict) else None
    listed = [group.get("function_declarations") for group in groups or () if isinstance(group, dict)]
    return tool_definitions([tool for tools in listed if isinstance(tools, list) for tool in tools])


def _captured(value: Any) -> str | None:
    """Return arguments or a result; ADK writes an empty object where content is not captured."""
    written = text_of(value)
    return None if written in _NOT_CAPTURED else written


def _result(written: str | None) -> str | None:
    """Return a tool's result; ADK wraps one that is no object under the key `result`."""
    held = parsed(written)
    return text_of(held["result"]) if isinstance(held, dict) and set(held) == {"result"} else written


ADK = Dialect(name="adk", recognises=_recognises, columns=_columns)
