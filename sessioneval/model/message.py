"""A message of a conversation and the tool calls in it."""

from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool that the assistant asked for.

    Attributes:
        id: The call's id as the model wrote it; empty when the instrumentation lost it.
        name: The tool's name.
        arguments: The parsed JSON arguments, usually a dict; the raw string where it is not JSON.
        is_error: Whether the span of the tool's execution ended with an error.
    """

    id: str
    name: str
    arguments: Any
    is_error: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"id", "name", "arguments"}``, the shape that `sessioneval transcripts` writes."""
        return {"id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a transcript.

    Attributes:
        role: Who speaks.
        content: The text; empty when the message only calls tools. Non-text parts stand in it as
            typed placeholders such as ``[image/png, 120 bytes]``.
        turn: 0 for everything up to the first user message's answer; a user message opens a turn.
        name: The speaker's or the tool's name, where the span has one.
        tool_calls: Calls asked for by this (assistant) message, in order.
        tool_call_id: For a tool message, the id of the call it answers.
        span_id: The span that produced or received the message (16 hex digits); None where it is
            seen only as history inside a later call, such as a system prompt.
        agent: The agent that spoke, where the spans name one.
        is_error: Whether the tool that produced this message failed.
    """

    role: Role
    content: str
    turn: int = 0
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    span_id: str | None = None
    agent: str | None = None
    is_error: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the message as `sessioneval transcripts` writes it; absent optional keys are left out.

        Example:
            >>> Message(role="user", content="hi", span_id="00f067aa0ba902b7").to_dict()
            {'role': 'user', 'content': 'hi', 'span_id': '00f067aa0ba902b7', 'turn': 0}
        """
        optional = {
            "name": self.name,
            "tool_calls": [call.to_dict() for call in self.tool_calls] or None,
            "tool_call_id": self.tool_call_id,
        }
        return {
            "role": self.role,
            "content": self.content,
            **{key: value for key, value in optional.items() if value is not None},
            "span_id": self.span_id,
            "turn": self.turn,
            **({"agent": self.agent} if self.agent else {}),
        }
