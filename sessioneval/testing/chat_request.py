"""A chat completion request as the stand-in reads it, checked before any rule sees it."""

import hashlib
import json
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from sessioneval.errors import InputError

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
RESPONSE_FORMATS = ("text", "json_object", "json_schema")
BREAKPOINT_MARKS = ("prompt_cache_breakpoint", "cache_control")
"""OpenAI's word, and Anthropic's as proxies take it."""
TOOL_CHOICES = ("none", "auto", "required")


@dataclass(frozen=True, kw_only=True)
class PromptMessage:
    """One message of the request; parts that are no text stand as ``[<type>]``.

    Attributes:
        role: One of `ROLES`.
        text: The content as one text.
        breakpoints: Offsets into the text behind which a cache breakpoint stands.
        call_ids: Ids of the tool calls in it (assistant).
        tool_call_id: The call it answers (tool).
    """

    role: str
    text: str
    breakpoints: tuple[int, ...] = ()
    call_ids: tuple[str, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function the model may call, with the JSON schema of its arguments."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """A request that may be answered.

    Attributes:
        messages: At least one.
        tools: What may be called; empty when `tool_choice` is ``none``.
        must_call: Whether an answer without a tool call is not allowed.
        forced_tool: Name of the one tool that must be called, or empty.
        parallel_calls: Whether one answer may hold several calls.
        wants_json: Whether the answer has to be a JSON object.
        schema: The JSON schema of the answer, empty where none was given.
        stream: Whether to answer as server-sent events.
        include_usage: Whether the stream ends with a usage event.
        implicit_breakpoint: Whether the end of the last message is a cache breakpoint too.
        service_tier: The tier the client asked for, or empty.
        seed: The sampling seed as text, or empty.
        model: The name the client asked for.
        fingerprint: 32 hex digits; equal bodies have equal ones.
        prefix_seed: What precedes the messages in a provider's prompt cache: model, tools, schema.
    """

    messages: tuple[PromptMessage, ...]
    tools: tuple[Tool, ...] = ()
    must_call: bool = False
    forced_tool: str = ""
    parallel_calls: bool = True
    wants_json: bool = False
    schema: dict[str, Any] = field(default_factory=dict)
    stream: bool = False
    include_usage: bool = False
    implicit_breakpoint: bool = True
    service_tier: str = ""
    seed: str = ""
    model: str = "stand-in"
    fingerprint: str = ""
    prefix_seed: str = ""

    @property
    def system(self) -> str:
        """All system and developer texts."""
        return "\n".join(m.text for m in self.messages if m.role in ("system", "developer"))

    def texts_of(self, role: str) -> list[str]:
        """Return the texts of one role, in order."""
        return [message.text for message in self.messages if message.role == role]


def parse_request(body: Any, fingerprint: str = "") -> ChatRequest:
    """Return the request in a parsed JSON body.

    Args:
        body: What `json.loads` returned.
        fingerprint: That of the bytes it was parsed from, where there are any.

    Raises:
        InputError: The body is not a chat completion request; the message says which field and why.

    Example:
        >>> parse_request({"model": "stand-in", "messages": [{"role": "user", "content": "hi"}]}).messages[0].text
        'hi'
    """
    fields = _object("the request body", body)
    cache_options = _object("prompt_cache_options", fields.get("prompt_cache_options") or {})
    _check_count(fields.get("n"))
    choice, tools = fields.get("tool_choice") or "auto", _tools(fields.get("tools"))
    forced = _forced_tool(choice, tools)
    wants_json, schema = _response_format(fields.get("response_format"))
    return ChatRequest(
        messages=_messages(fields.get("messages")),
        tools=() if choice == "none" else tools,
        must_call=bool(forced) or choice == "required",
        forced_tool=forced,
        parallel_calls=fields.get("parallel_tool_calls") is not False,
        wants_json=wants_json,
        schema=schema,
        stream=fields.get("stream") is True,
        include_usage=_object("stream_options", fields.get("stream_options") or {}).get("include_usage") is True,
        implicit_breakpoint=cache_options.get("mode") != "explicit" and not _has_cache_control(fields["messages"]),
        service_tier=str(fields.get("service_tier") or ""),
        seed="" if fields.get("seed") is None else str(fields["seed"]),
        model=_text("model", fields.get("model")),
        fingerprint=fingerprint or digest(fields),
        prefix_seed=digest([fields.get(key) for key in ("model", "tools", "response_format")]),
    )


def digest(value: Any) -> str:
    """Return 32 hex digits that are equal for equal JSON values."""
    return digest_of_bytes(json.dumps(value, sort_keys=True).encode())


def digest_of_bytes(body: bytes) -> str:
    """Return 32 hex digits that are equal for equal bytes."""
    return hashlib.sha256(body).hexdigest()[:32]


def _object(what: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(f"{what} must be a JSON object, got {_short(value)}")
    return value


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise InputError(f"{what} must be a text that is not empty, got {_short(value)}")
    return value


def _list(what: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what} must be a JSON array, got {_short(value)}")
    return value


def _one_of(what: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{what} must be one of {', '.join(allowed)}, got {_short(value)}")
    return str(value)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:80]}..."  # noqa: PLR2004 - one line of a terminal


def _check_count(count: Any) -> None:
    if count not in (None, 1):
        raise InputError(f"n must be 1, got {_short(count)}: the stand-in gives one answer; send the request again")


def _messages(value: Any) -> tuple[PromptMessage, ...]:
    messages = tuple(_message(index, entry) for index, entry in enumerate(_list("messages", value)))
    if not messages:
        raise InputError("messages must hold at least one message, got []")
    return messages


def _message(index: int, value: Any) -> PromptMessage:
    where = f"messages[{index}]"
    entry = _object(where, value)
    calls = _list(f"{where}.tool_calls", entry.get("tool_calls") or [])
    text, breakpoints = _content(f"{where}.content", entry.get("content"))
    return PromptMessage(
        role=_one_of(f"{where}.role", entry.get("role"), ROLES),
        text=text,
        breakpoints=breakpoints,
        call_ids=tuple(str(_object(f"{where}.tool_calls", call).get("id", "")) for call in calls),
        tool_call_id=str(entry.get("tool_call_id") or ""),
    )


def _content(where: str, value: Any) -> tuple[str, tuple[int, ...]]:
    """Return the text, and behind which of its characters a cache breakpoint stands."""
    if value is None or isinstance(value, str):
        return value or "", ()
    parts = [_object(where, part) for part in _list(where, value)]
    texts = [_part(part) for part in parts]
    ends = list(accumulate(len(text) + 1 for text in texts))
    marked = (end - 1 for part, end in zip(parts, ends, strict=True) if _is_marked(part))
    return "\n".join(texts), tuple(marked)


def _has_cache_control(messages: list[dict[str, Any]]) -> bool:
    """Whether the request speaks to a model that has no implicit breakpoint."""
    contents = [entry.get("content") for entry in messages]
    return any("cache_control" in part for content in contents if isinstance(content, list) for part in content)


def _is_marked(part: dict[str, Any]) -> bool:
    return any(part.get(mark) for mark in BREAKPOINT_MARKS)


def _part(part: dict[str, Any]) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else f"[{part.get('type')}]"


def _tools(value: Any) -> tuple[Tool, ...]:
    functions = [_object("tools", tool).get("function") for tool in _list("tools", value or [])]
    return tuple(_tool(_object("tools[].function", function)) for function in functions)


def _tool(function: dict[str, Any]) -> Tool:
    parameters = _object("tools[].function.parameters", function.get("parameters") or {})
    return Tool(name=_text("tools[].function.name", function.get("name")), parameters=parameters)


def _forced_tool(choice: Any, tools: tuple[Tool, ...]) -> str:
    if isinstance(choice, str):
        _one_of("tool_choice", choice, TOOL_CHOICES)
        if choice == "required" and not tools:
            raise InputError("tool_choice 'required' needs tools, got none")
        return ""
    function = _object("tool_choice.function", _object("tool_choice", choice).get("function"))
    return _one_of("tool_choice.function.name", function.get("name"), tuple(tool.name for tool in tools))


def _response_format(value: Any) -> tuple[bool, dict[str, Any]]:
    entry = _object("response_format", value or {"type": "text"})
    kind = _one_of("response_format.type", entry.get("type"), RESPONSE_FORMATS)
    if kind != "json_schema":
        return kind == "json_object", {}
    wrapper = _object("response_format.json_schema", entry.get("json_schema"))
    return True, _object("response_format.json_schema.schema", wrapper.get("schema"))
