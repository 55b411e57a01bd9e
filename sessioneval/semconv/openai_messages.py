"""Chat messages as the model APIs and LangChain write them, as message structs of the store.

One reader for the shapes that SDKs copy whole into one attribute: OpenAI chat messages, OpenAI Responses items,
Anthropic messages of content blocks, LangChain messages (plain dicts and serialised constructors), and the
messages of Datadog's events.

Source: OpenAI API reference (chat completions, responses), Anthropic API reference (messages), langchain-core
``load/dump`` and ``messages``, ddtrace's LLM Observability span events; recorded spans for the variants.
"""

from collections.abc import Callable
from typing import Any

from sessioneval.model import columns as c
from sessioneval.semconv.content_blocks import part_of, said_text
from sessioneval.semconv.genai_messages import messages_of as genai_messages_of
from sessioneval.semconv.genai_messages import result_text
from sessioneval.semconv.json_text import parsed, text_of

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant"}
_LANGCHAIN_SUFFIXES = ("chunk", "message")
_CALL_BLOCK, _RESULT_BLOCK = "tool_use", "tool_result"
_NO_MESSAGES = frozenset({"reasoning", "item_reference"})


def chat_messages(value: Any) -> list[dict[str, Any]] | None:
    """Return chat messages (a list, a batch with one list, one message, or JSON text of these); None if it is none.

    A message that holds tool results becomes one message with role ``tool`` for each of them.

    Example:
        >>> chat_messages('[{"role": "user", "content": "hi"}]')
        [{'message.role': 'user', 'message.content': 'hi'}]
        >>> chat_messages({"type": "ai", "content": "", "tool_calls": [{"id": "c1", "name": "f", "args": {}}]})[0][
        ...     "message.tool_calls"
        ... ]
        [{'tool_call.id': 'c1', 'tool_call.function.name': 'f', 'tool_call.function.arguments': '{}'}]
    """
    items = parsed(value)
    items = [items] if isinstance(items, dict) else items
    if isinstance(items, list | tuple) and items and isinstance(items[0], list | tuple):
        items = items[0]
    if not isinstance(items, list | tuple):
        return None
    found = [message for item in items if isinstance(item, dict) for message in _messages(_unwrapped(item))]
    return found or None


def text_message(role: str, text: str) -> dict[str, Any]:
    """Return a message that is one text."""
    return {c.MESSAGE_ROLE: role, c.MESSAGE_CONTENT: text}


def last_text(messages: list[dict[str, Any]] | None, role: str) -> str | None:
    """Return the text of the last message with `role`; None if there is no such text."""
    said = [message for message in messages or () if message.get(c.MESSAGE_ROLE) == role]
    return next((text for message in reversed(said) if (text := message.get(c.MESSAGE_CONTENT))), None)


def _unwrapped(item: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a message that LangChain serialised as a constructor or as type and data."""
    held, path = item.get("kwargs"), item.get("id")
    if item.get("type") == "constructor" and isinstance(held, dict):
        return {"type": str(path[-1]) if isinstance(path, list | tuple) and path else "", **held}
    data = item.get("data")
    if isinstance(data, dict) and "content" in data and "content" not in item:
        return {**data, "type": item.get("type")}
    return item


def _messages(item: dict[str, Any]) -> list[dict[str, Any]]:
    read = _ITEMS.get(str(item.get("type")))
    if read is not None:
        return [read(item)]
    role = _role(item)
    if role is None:
        return []
    if isinstance(item.get("parts"), list | tuple) and item.get("content") is None:
        return genai_messages_of([item]) or []
    if role in ("tool", "function") and not item.get("tool_results"):
        return [_tool_message(item, item.get("content"), "tool_call_id")]
    return _said(item, role)


def _role(item: dict[str, Any]) -> str | None:
    """Return the role of a message; None if the object is no message."""
    named = item.get("role") or item.get("type")
    if not isinstance(named, str) or named in _NO_MESSAGES or not _MESSAGE_KEYS & item.keys():
        return None
    if item.get("role"):
        return _ROLES.get(named, named)
    kind = named.lower()
    for suffix in _LANGCHAIN_SUFFIXES:
        kind = kind.removesuffix(suffix)
    return _ROLES.get(kind, kind) if kind in _LANGCHAIN_TYPES else None


_MESSAGE_KEYS = {"content", "tool_calls", "function_call", "tool_results", "parts", "refusal"}
_LANGCHAIN_TYPES = ("human", "ai", "system", "tool", "function", "developer")


def _said(item: dict[str, Any], role: str) -> list[dict[str, Any]]:
    blocks = _blocks(item.get("content"))
    results = [
        _tool_message(block, block.get("content"), "tool_use_id") for block in blocks if _is(block, _RESULT_BLOCK)
    ]
    results += [_tool_message(result, result.get("result"), "tool_id") for result in _dicts(item.get("tool_results"))]
    own = [block for block in blocks if not _is(block, _RESULT_BLOCK, _CALL_BLOCK)]
    calls = _calls(item, [block for block in blocks if _is(block, _CALL_BLOCK)])
    if results and not (calls or any(said_text(block) != "" for block in own)):
        return results
    message = _own_message(role, item, own, calls)
    return [*results, message] if blocks and _is(blocks[0], _RESULT_BLOCK) else [message, *results]


def _own_message(
    role: str, item: dict[str, Any], blocks: list[dict[str, Any]], calls: list[dict[str, Any]]
) -> dict[str, Any]:
    text = said_text(blocks[0]) if len(blocks) == 1 else None
    refusal = item.get("refusal") if not blocks else None
    message = {
        c.MESSAGE_ROLE: role,
        c.MESSAGE_CONTENT: text if text is not None else _text(refusal),
        c.MESSAGE_NAME: _text(item.get("name")),
        c.MESSAGE_CONTENTS: [part_of(block) for block in blocks] if text is None else None,
        c.MESSAGE_TOOL_CALLS: calls,
    }
    return {key: value for key, value in message.items() if value not in (None, [])}


def _blocks(content: Any) -> list[dict[str, Any]]:
    if content is None:
        return []
    items = content if isinstance(content, list | tuple) else [content]
    return [item if isinstance(item, dict) else {"type": "text", "text": text_of(item)} for item in items]


def _tool_message(item: dict[str, Any], content: Any, id_key: str) -> dict[str, Any]:
    message = {
        c.MESSAGE_ROLE: "tool",
        c.MESSAGE_CONTENT: result_text(content),
        c.MESSAGE_NAME: _text(item.get("name")) or None,
        c.MESSAGE_TOOL_CALL_ID: _text(item.get(id_key)),
    }
    return {key: value for key, value in message.items() if value is not None}


def _calls(item: dict[str, Any], blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the tool calls of a message; LangChain repeats those of content blocks in `tool_calls`."""
    more = item.get("additional_kwargs")
    listed = _dicts(item.get("tool_calls")) or _dicts(more.get("tool_calls") if isinstance(more, dict) else None)
    listed += _dicts(item.get("invalid_tool_calls"))
    calls = [_call(call) for call in listed]
    known = {call.get(c.CALL_ID) for call in calls}
    calls += [call for block in blocks if (call := _call(block)).get(c.CALL_ID) not in known]
    legacy = item.get("function_call")
    return calls or ([_call(legacy)] if isinstance(legacy, dict) else [])


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    named = function if isinstance(function, dict) else call
    arguments = next((named[key] for key in _ARGUMENT_KEYS if named.get(key) is not None), None)
    held = {
        c.CALL_ID: next((text for key in _CALL_ID_KEYS if (text := _text(call.get(key)))), None),
        c.CALL_NAME: _text(named.get("name")),
        c.CALL_ARGUMENTS: text_of(arguments),
    }
    return {key: value for key, value in held.items() if value is not None}


_ARGUMENT_KEYS = ("arguments", "args", "input")
_CALL_ID_KEYS = ("call_id", "id", "tool_id", "tool_use_id")


def _called(item: dict[str, Any]) -> dict[str, Any]:
    return {c.MESSAGE_ROLE: "assistant", c.MESSAGE_TOOL_CALLS: [_call(item)]}


def _returned(item: dict[str, Any]) -> dict[str, Any]:
    return _tool_message(item, item.get("output"), "call_id")


_ITEMS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "function_call": _called,
    "custom_tool_call": _called,
    "function_call_output": _returned,
    "custom_tool_call_output": _returned,
}
"""Items of the Responses API that are messages of their own, by type."""


def _is(block: dict[str, Any], *kinds: str) -> bool:
    return block.get("type") in kinds


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list | tuple) else []


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
