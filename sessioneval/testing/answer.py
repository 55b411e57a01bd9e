"""What a rule answers: a text or tool calls, and which kind of rule it was."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sessioneval.testing.chat_request import ChatRequest


@dataclass(frozen=True, kw_only=True)
class AnsweredCall:
    """One tool call of an answer; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer.

    Attributes:
        kind: Which behaviour answered: judge, tutor, student, support or echo.
        text: The content; empty when tools are called.
        calls: Tool calls, in order.
        refusal: Why nothing was answered; empty for an answer.
        truncated: Whether it broke off before its end.
    """

    kind: str
    text: str = ""
    calls: tuple[AnsweredCall, ...] = ()
    refusal: str = ""
    truncated: bool = False

    @property
    def finish_reason(self) -> str:
        """OpenAI's word for why the answer ended."""
        if self.truncated:
            return "length"
        return "tool_calls" if self.calls else "stop"

    def message(self) -> dict[str, Any]:
        """Return the assistant message of a chat completion."""
        content = None if self.calls or self.refusal else self.text
        message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": self.refusal or None}
        if self.calls:
            message["tool_calls"] = [tool_call(call) for call in self.calls]
        return message


Answerer = Callable[[ChatRequest], Answer]
"""The seam of the stand-in: anything that maps a request to an answer can take the place of the rules."""


def tool_call(call: AnsweredCall) -> dict[str, Any]:
    """Return the call in OpenAI's shape."""
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
