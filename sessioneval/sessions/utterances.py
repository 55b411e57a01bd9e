"""Messages as they stand on spans, read into a form that can be compared across spans."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

from sessioneval.model import columns as c
from sessioneval.model.message import Role, ToolCall
from sessioneval.sessions.span_view import SpanView

REDACTED = "[redacted]"
REDACTION_MARK = "__REDACTED__"
# Far below the recursion limit of any JSON writer, far above what tools are called with.
_MAX_DEPTH = 100
_MAX_BRACKETS = 100

ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}

# Names under which frameworks wrap a single text in a JSON object.
_TEXT_KEYS = (
    "input",
    "output",
    "question",
    "query",
    "prompt",
    "message",
    "text",
    "content",
    "task",
    "answer",
    "result",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Utterance:
    """A message as one span shows it.

    Attributes:
        role, text, name, calls, call_id: What was said, as in `Message`.
        call: The model call whose span shows it.
        is_output: Whether that call produced it (else it was part of the call's input).
    """

    role: Role
    text: str
    name: str | None
    calls: tuple[ToolCall, ...]
    call_id: str | None
    call: SpanView
    is_output: bool

    @property
    def is_blank(self) -> bool:
        """Whether nothing was said: apps leave such an answer out when they send the history again."""
        return self.role == "assistant" and not self.text and not self.calls

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """What makes two showings one message: role, text and calls, but not ids, names or outer white space.

        Instrumentors lose call ids and apps strip replies, so neither may tell messages apart. A tool
        result is known by its call where it has an id, since apps re-word errors.
        """
        if self.role == "tool" and self.call_id:
            return ("tool", self.call_id)
        return (self.role, self.text.strip(), tuple((call.name, canonical(call.arguments)) for call in self.calls))


def inputs_of(call: SpanView) -> list[Utterance]:
    """Return what was sent to a model call, in order; empty user messages are none."""
    return _joined(said for message in call.inputs if (said := _utterance(message, call, is_output=False)) is not None)


def outputs_of(call: SpanView) -> list[Utterance]:
    """Return what a model call answered, in order; the role is assistant where the span leaves it out.

    An answer that was recorded and is empty is an answer; one that was not recorded is none.
    """
    answers = (said for message in call.outputs if (said := _utterance(message, call, is_output=True)) is not None)
    joined = _joined(replace(said, role="assistant") if said.role in ("user", "system") else said for said in answers)
    return joined or ([_blank(call)] if call.outputs and call.output_value == "" and not call.is_error else [])


def _blank(call: SpanView) -> Utterance:
    return Utterance(role="assistant", text="", name=None, calls=(), call_id=None, call=call, is_output=True)


def _joined(messages: Iterable[Utterance]) -> list[Utterance]:
    """Join an assistant's text with the tool calls that follow it: some APIs list them as separate items."""
    joined: list[Utterance] = []
    for said in messages:
        last = joined[-1] if joined else None
        if last is not None and last.role == said.role == "assistant" and said.calls and not said.text:
            joined[-1] = replace(last, calls=(*last.calls, *said.calls))
        else:
            joined.append(said)
    return joined


def said_by_tool(span: SpanView) -> Utterance:
    """Return the output of a TOOL span as a message."""
    return Utterance(
        role="tool",
        text=readable(span.output_value),
        name=span.tool_name or span.name,
        calls=(),
        call_id=None,
        call=span,
        is_output=True,
    )


def said_by_user(text: str, call: SpanView) -> Utterance:
    """Return what a user said, as a message sent to a call."""
    return Utterance(role="user", text=text, name=None, calls=(), call_id=None, call=call, is_output=False)


def system_prompt(text: str, call: SpanView) -> Utterance:
    """Return the system prompt of a call as one message."""
    return Utterance(role="system", text=text, name=None, calls=(), call_id=None, call=call, is_output=False)


def _utterance(message: Mapping[str, Any], call: SpanView, *, is_output: bool) -> Utterance | None:
    default = "assistant" if is_output else "user"
    role = ROLES.get((message.get(c.MESSAGE_ROLE) or default).lower(), "user")
    text = _text(message)
    calls = tuple(_tool_call(item) for item in message.get(c.MESSAGE_TOOL_CALLS) or ())
    if not text and not calls and role != "tool":
        return None
    return Utterance(
        role=role,
        text=text,
        name=message.get(c.MESSAGE_NAME) or None,
        calls=calls,
        call_id=message.get(c.MESSAGE_TOOL_CALL_ID) or None,
        call=call,
        is_output=is_output,
    )


def _text(message: Mapping[str, Any]) -> str:
    """Return `message.content`, else the parts; some instrumentors fill both with the same text."""
    content = message.get(c.MESSAGE_CONTENT)
    if content:
        return readable(content)
    return text_of_parts(message.get(c.MESSAGE_CONTENTS) or ())


def text_of_parts(parts: Iterable[Mapping[str, Any]]) -> str:
    """Return the text of a message that is a list of parts."""
    return "\n".join(filter(None, map(_part_text, parts)))


def readable(text: str | None) -> str:
    """Return the text, with the instrumentation's redaction mark made visible; None is empty."""
    return REDACTED if text == REDACTION_MARK else text or ""


def _part_text(part: Mapping[str, Any]) -> str:
    kind = part.get(c.PART_TYPE) or "text"
    if part.get(c.PART_TEXT) is not None and kind not in ("reasoning", "thinking"):
        return readable(part[c.PART_TEXT])
    if kind in ("reasoning", "thinking", "tool_use", "tool_call", "redacted_thinking"):
        return ""
    return _placeholder(kind, part)


def _placeholder(kind: str, part: Mapping[str, Any]) -> str:
    """Return what stands for a part that is no text, such as ``[image/png, 1200 bytes]``."""
    url = part.get(c.PART_URL) or ""
    if url.startswith("data:"):
        head, _, data = url.partition(",")
        mime_type = head.removeprefix("data:").partition(";")[0] or kind
        return f"[{mime_type}, {len(data) * 3 // 4 - data[-2:].count('=')} bytes]"
    if url == REDACTION_MARK:
        return f"[{kind}, redacted]"
    more = _object(part.get(c.PART_JSON))
    mime_type = more.get("mime_type") or more.get("mimeType")
    size = more.get("bytes")
    described = [str(mime_type or kind), *([f"{size} bytes"] if size is not None else []), *([url] if url else [])]
    return f"[{', '.join(described)}]"


def _tool_call(item: Mapping[str, Any]) -> ToolCall:
    return ToolCall(
        id=item.get(c.CALL_ID) or "",
        name=item.get(c.CALL_NAME) or "",
        arguments=parsed_arguments(item.get(c.CALL_ARGUMENTS)),
    )


def parsed_arguments(text: str | None) -> Any:
    """Return the arguments as a JSON value; the text itself where it is not JSON; ``{}`` where there is none."""
    if not text:
        return {}
    try:
        value = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    if not _is_shallow(text):
        return text
    # Some SDKs encode the arguments twice.
    return parsed_arguments(value) if isinstance(value, str) and value != text else value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _is_shallow(text: str) -> bool:
    """Return whether the text cannot nest so deep that writing it again would exhaust the stack."""
    return text.count("[") + text.count("{") <= _MAX_BRACKETS or _depth(text) <= _MAX_DEPTH


def _depth(text: str) -> int:
    """Return the deepest nesting of brackets; those inside strings count too, which errs on the safe side."""
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _object(text: str | None) -> dict[str, Any]:
    value = parsed_arguments(text)
    return value if isinstance(value, dict) else {}


def canonical(value: Any) -> str:
    """Return one text for equal JSON values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, default=str)


def texts_in(arguments: Any) -> list[str]:
    """Return the texts among the values of a call's arguments.

    Example:
        >>> texts_in({"question": "Who is it?", "n": 3})
        ['Who is it?']
    """
    values = arguments.values() if isinstance(arguments, dict) else [arguments]
    return [value.strip() for value in values if isinstance(value, str)]


def is_dialogue(said: Utterance) -> bool:
    """Return whether the message is part of the talk; system prompts are configuration."""
    return said.role != "system"


def system_text(said: Iterable[Utterance]) -> str:
    """Return the system prompt of a call's input."""
    return "\n\n".join(item.text for item in said if item.role == "system")


def dialogue(said: Sequence[Utterance]) -> list[Utterance]:
    """Return the messages without system prompts."""
    return [item for item in said if is_dialogue(item)]


def plain_text(value: str | None) -> str:
    """Return the text of an `input.value`: a JSON object that wraps one text is opened.

    Example:
        >>> plain_text('{"question": "Why is the sky blue?"}')
        'Why is the sky blue?'
    """
    parsed = parsed_arguments(value) if value and value.lstrip().startswith("{") else None
    if isinstance(parsed, dict):
        texts = [parsed[key] for key in _TEXT_KEYS if isinstance(parsed.get(key), str)]
        if len(texts) == 1:
            return readable(texts[0])
    return readable(value)
