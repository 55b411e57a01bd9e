"""Tool calls of a transcript joined with their results."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sessioneval.model.message import Message, ToolCall
from sessioneval.sessions.utterances import canonical


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One use of a tool: a call with its result where there is one, or a result that no call asked for.

    Attributes:
        name: The tool.
        key: Equal for calls of one tool with equal arguments, whatever the order of their keys.
        turn: The turn of the call.
        asked_at: Index of the message that calls; of the result where no call asked for it.
        seen_at: Index of the message in which its outcome shows: a result marked as failed, else the call.
        ended_at: Index of the result; of the call where there is none.
        is_error: Whether the call's span or the result is marked as failed.
        is_call: Whether a message asks for it.
    """

    name: str
    key: tuple[str, str]
    turn: int
    asked_at: int
    seen_at: int
    ended_at: int
    is_error: bool
    is_call: bool = True


@dataclass(frozen=True, kw_only=True, eq=False)
class _Asked:
    index: int
    turn: int
    call: ToolCall


class _Waiting:
    """Calls without a result so far."""

    def __init__(self) -> None:
        self._by_id: dict[str, list[_Asked]] = {}
        self._by_name: dict[str | None, deque[_Asked]] = {}
        self._answered: set[int] = set()

    def add(self, asked: _Asked) -> None:
        self._by_id.setdefault(asked.call.id, []).append(asked)
        for name in (asked.call.name, None):
            self._by_name.setdefault(name, deque()).append(asked)

    def answered_by(self, result: Message) -> _Asked | None:
        """Return the call that a result belongs to, which waits no longer."""
        asked = self._of_id(result.tool_call_id) if result.tool_call_id else self._of_name(result.name)
        if asked is not None:
            self._answered.add(id(asked))
        return asked

    def _of_id(self, identifier: str) -> _Asked | None:
        newest = self._by_id.get(identifier, [])
        while newest and id(newest[-1]) in self._answered:
            newest.pop()
        return newest[-1] if newest else None

    def _of_name(self, name: str | None) -> _Asked | None:
        oldest = self._by_name.get(name, deque())
        while oldest and id(oldest[0]) in self._answered:
            oldest.popleft()
        return oldest[0] if oldest else None


def executions(messages: Sequence[Message]) -> list[Execution]:
    """Return every use of a tool in order of the asking messages.

    A result belongs to the newest open call with its id; without an id to the first open call of its name.
    """
    waiting = _Waiting()
    results: dict[int, tuple[int, Message]] = {}
    asked: list[_Asked] = []
    strays: list[Execution] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            question = waiting.answered_by(message)
            if question is None:
                strays.append(_stray(index, message))
            else:
                results[id(question)] = (index, message)
        for call in message.tool_calls:
            asked.append(_Asked(index=index, turn=message.turn, call=call))
            waiting.add(asked[-1])
    joined = [_execution(question, results.get(id(question))) for question in asked]
    return sorted([*joined, *strays], key=lambda execution: execution.asked_at)


def _execution(asked: _Asked, result: tuple[int, Message] | None) -> Execution:
    index, message = result if result is not None else (asked.index, None)
    has_failed_result = message is not None and message.is_error
    return Execution(
        name=asked.call.name,
        key=call_key(asked.call.name, asked.call.arguments),
        turn=asked.turn,
        asked_at=asked.index,
        seen_at=index if has_failed_result else asked.index,
        ended_at=index,
        is_error=asked.call.is_error or has_failed_result,
    )


def _stray(index: int, result: Message) -> Execution:
    return Execution(
        name=result.name or "",
        key=call_key(result.name or "", None),
        turn=result.turn,
        asked_at=index,
        seen_at=index,
        ended_at=index,
        is_error=result.is_error,
        is_call=False,
    )


def call_key(name: str, arguments: Any) -> tuple[str, str]:
    """Return what two calls share if they are the same call.

    Example:
        >>> call_key("f", {"a": 1, "b": 2}) == call_key("f", {"b": 2, "a": 1})
        True
    """
    return name, canonical(arguments)
