"""GenAI messages (a role and a list of typed parts) as message structs of the store.

Source: open-telemetry/semantic-conventions-genai, model/gen-ai/gen-ai-input-messages.json and
gen-ai-output-messages.json; recorded spans for the variants (`result` for `response`, plain text instructions).
"""

from collections.abc import Callable
from typing import Any

from sessioneval.model import columns as c
from sessioneval.semconv.content_blocks import moved_away, said_text
from sessioneval.semconv.cut_json import CUT, recovered
from sessioneval.semconv.json_text import json_text, parsed, text_of

_LARGEST_KEPT_DATA_CHARS = 1_000
_BASE64_CHARS, _BASE64_BYTES = 4, 3
_RESPONSE = "tool_call_response"
_CALL = "tool_call"
_KINDS_BY_KEY = (("response", _RESPONSE), ("result", _RESPONSE), ("arguments", _CALL), ("content", "text"))
_MODALITIES = {"image": "image", "audio": "audio", "video": "video"}


TRUNCATED_ROLE = "truncated"
"""Role of the empty message at the end of a list that a length limit cut; it stands for what is missing."""


def messages_of(
    value: Any, standard: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> list[dict[str, Any]] | None:
    """Return the messages of a `gen_ai.*.messages` attribute, JSON text or structured; None if it is neither.

    A message that holds tool results becomes one message with role ``tool`` for each of them. Of a JSON text that
    was cut, the messages before the cut are returned, and after them one without text with `TRUNCATED_ROLE`.

    Args:
        value: The list of messages.
        standard: Turns a message of another dialect into one of GenAI, with a role and a list of parts.

    Example:
        >>> messages_of('[{"role":"user","parts":[{"type":"text","content":"hi"}]}]')
        [{'message.role': 'user', 'message.content': 'hi'}]
    """
    items, is_cut = recovered(value)
    items = [items] if isinstance(items, dict) else items
    if not isinstance(items, list | tuple):
        return None
    read = standard or _itself
    found = [message for item in items if isinstance(item, dict) for message in _messages(read(item))]
    return [*_without_bare_role(found), {c.MESSAGE_ROLE: TRUNCATED_ROLE}] if is_cut else found


def _without_bare_role(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the last message where the cut took all that it said."""
    return messages[:-1] if messages and set(messages[-1]) <= {c.MESSAGE_ROLE} else messages


def result_text(value: Any) -> str | None:
    """Return a tool's result as text; a list of nothing but text blocks is their text.

    Example:
        >>> result_text([{"text": "ok"}]), result_text({"ok": True})
        ('ok', '{"ok":true}')
    """
    if isinstance(value, list | tuple) and value and all(isinstance(item, dict) for item in value):
        texts = [said_text(item) for item in value]
        if all(text is not None for text in texts):
            return "\n".join(text for text in texts if text)
    return text_of(value)


def system_message(instructions: Any) -> dict[str, Any] | None:
    """Return `gen_ai.system_instructions` (parts, texts or plain text) as a message; None if there are none."""
    parts = parsed(instructions)
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list | tuple):
        parts = [instructions] if isinstance(instructions, str) and instructions else []
    return _own_message("system", None, [_typed(part) for part in parts]) if parts else None


def _itself(item: dict[str, Any]) -> dict[str, Any]:
    return item


def _messages(item: dict[str, Any]) -> list[dict[str, Any]]:
    parts = _parts(item)
    results = [_tool_message(part) for part in parts if part.get("type") == _RESPONSE]
    own = [part for part in parts if part.get("type") != _RESPONSE]
    if results and not own:
        return results
    message = _own_message(_text(item.get("role")), _text(item.get("name")), own)
    return [*results, message] if results and parts[0].get("type") == _RESPONSE else [message, *results]


def _parts(item: dict[str, Any]) -> list[dict[str, Any]]:
    parts = item.get("parts", item.get("content"))
    if isinstance(parts, str | dict):
        parts = [parts]
    return [_typed(part) for part in parts] if isinstance(parts, list | tuple) else []


def _typed(part: Any) -> dict[str, Any]:
    """Return a part with its type; a cut may have left it out, for some SDKs write it last."""
    if not isinstance(part, dict):
        return {"type": "text", "content": part}
    if "type" in part and not str(part["type"]).endswith(CUT):
        return part
    return {**part, "type": next((kind for key, kind in _KINDS_BY_KEY if key in part), "text")}


def _own_message(role: str | None, name: str | None, parts: list[dict[str, Any]]) -> dict[str, Any]:
    said = [part for part in parts if part.get("type") != _CALL and not _is_empty(part)]
    is_one_text = len(said) == 1 and said[0].get("type") == "text"
    message = {
        c.MESSAGE_ROLE: role,
        c.MESSAGE_CONTENT: text_of(said[0].get("content")) if is_one_text else None,
        c.MESSAGE_NAME: name,
        c.MESSAGE_CONTENTS: None if is_one_text else [_content(part) for part in said],
        c.MESSAGE_TOOL_CALLS: [_tool_call(part) for part in parts if part.get("type") == _CALL],
    }
    return {key: value for key, value in message.items() if value not in (None, [])}


def _is_empty(part: dict[str, Any]) -> bool:
    """Return whether a part says nothing: where content is not captured, only the types of the parts are."""
    return part.get("type") in ("text", "reasoning") and part.get("content") is None


def _tool_message(part: dict[str, Any]) -> dict[str, Any]:
    message = {
        c.MESSAGE_ROLE: "tool",
        c.MESSAGE_CONTENT: result_text(part.get("response", part.get("result"))),
        c.MESSAGE_NAME: _text(part.get("name")),
        c.MESSAGE_TOOL_CALL_ID: text_of(part.get("id")),
    }
    return {key: value for key, value in message.items() if value is not None}


def _tool_call(part: dict[str, Any]) -> dict[str, Any]:
    return {
        c.CALL_ID: text_of(part.get("id")),
        c.CALL_NAME: text_of(part.get("name")),
        c.CALL_ARGUMENTS: text_of(part.get("arguments")),
    }


def _content(part: dict[str, Any]) -> dict[str, Any]:
    kind = part.get("type")
    return _CONTENTS.get(kind if isinstance(kind, str) else "", _generic)(part)


def _said(part: dict[str, Any]) -> dict[str, Any]:
    return {c.PART_TYPE: part["type"], c.PART_TEXT: text_of(part.get("content"))}


def _media(part: dict[str, Any]) -> dict[str, Any]:
    """Return image, audio, video or file with its MIME type and size; the data itself stays in the attribute."""
    kind = _MODALITIES.get(str(part.get("modality")), "file")
    content = part.get("content")
    data = content if isinstance(content, str) else ""
    is_kept = not isinstance(content, bytes) and len(data) <= _LARGEST_KEPT_DATA_CHARS
    described = {key: value for key, value in part.items() if key != "content" or is_kept}
    size = {"bytes": _decoded_size_bytes(data)} if data else {}
    if isinstance(content, bytes):
        size = {"bytes": len(content)}
    address = _text(part.get("uri"))
    moved = moved_away(address) if address else {}
    facts = {**described, "mime_type": part.get("mime_type"), **size, **moved}
    return {c.PART_TYPE: kind, c.PART_URL: None if moved else address, c.PART_JSON: json_text(facts)}


def _decoded_size_bytes(data: str) -> int:
    return len(data.rstrip("=")) * _BASE64_BYTES // _BASE64_CHARS


def _generic(part: dict[str, Any]) -> dict[str, Any]:
    return {
        c.PART_TYPE: _text(part.get("type")),
        c.PART_TEXT: _text(part.get("content")),
        c.PART_JSON: json_text(part),
    }


_CONTENTS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "text": _said,
    "reasoning": _said,
    "blob": _media,
    "uri": _media,
    "file": _media,
}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
