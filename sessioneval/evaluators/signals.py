"""Built-in code evaluators: exact, free signals of a session. Numbers in brackets are message indexes from 0."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from sessioneval.evaluators.code import CodeEvaluator, evaluator
from sessioneval.model.message import Message
from sessioneval.model.transcript import Transcript

_SHORT_WORDS = 3
_SHOWN_INDEXES = 20
# Han and kana are written without spaces: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


@evaluator
def turn_count(transcript: Transcript) -> dict[str, Any]:
    """Score: number of user messages. No label."""
    indexes = [index for index, message in enumerate(transcript.messages) if message.role == "user"]
    return {"score": len(indexes), "explanation": f"User messages: {_shown(indexes)}."}


@evaluator(labels={"clean": 1.0, "errors": 0.0})
def tool_errors(transcript: Transcript) -> dict[str, Any]:
    """``errors`` when a tool failed: its result, or the span of its execution, is marked as an error; else ``clean``."""
    found = _tool_failures(transcript.messages)
    counts = {"n_calls": len(transcript.tool_calls), "n_errors": len(found)}
    if not found:
        return {"label": "clean", "explanation": "No tool call failed.", "metadata": counts}
    return {"label": "errors", "explanation": f"Tools failed at messages {_shown(found)}.", "metadata": counts}


@evaluator(labels={"not_repeated": 1.0, "repeated": 0.0})
def repeated_user_message(transcript: Transcript) -> dict[str, Any]:
    """``repeated`` when the user sent the same text twice; else ``not_repeated``.

    Texts are the same after NFKC normalisation, case folding and joining of white space. Texts of at
    most 3 words (``yes``, ``ok go on``) are left out: they confirm, they do not repeat a request.
    """
    seen: dict[str, list[int]] = {}
    for index, message in enumerate(transcript.messages):
        if message.role == "user" and len(_WORD.findall(message.content)) > _SHORT_WORDS:
            seen.setdefault(_normalised(message.content), []).append(index)
    repeats = [indexes for indexes in seen.values() if len(indexes) > 1]
    if not repeats:
        return {"label": "not_repeated", "explanation": "No user message occurs twice."}
    shown = "; ".join(_shown(indexes) for indexes in repeats[:_SHOWN_INDEXES])
    return {"label": "repeated", "explanation": f"The same user text stands at messages {shown}."}


@evaluator(labels={"answered": 1.0, "unanswered": 0.0})
def unanswered_session(transcript: Transcript) -> dict[str, Any] | None:
    """``unanswered`` when the session ends with a user message or with a tool call that has no result; else ``answered``.

    System messages are passed over. Does not apply to a session without other messages.
    """
    spoken = [(index, message) for index, message in enumerate(transcript.messages) if message.role != "system"]
    if not spoken:
        return None
    index, last = spoken[-1]
    if last.role == "user":
        return {"label": "unanswered", "explanation": f"The last message, [{index}], is the user's."}
    if last.role == "assistant" and last.tool_calls:
        return {"label": "unanswered", "explanation": f"The last message, [{index}], calls a tool; no result follows."}
    return {"label": "answered", "explanation": f"The last message, [{index}], is the {last.role}'s."}


SIGNALS: dict[str, CodeEvaluator] = {
    signal.name: signal for signal in (repeated_user_message, tool_errors, turn_count, unanswered_session)
}


def _tool_failures(messages: tuple[Message, ...]) -> list[int]:
    """Return the index of each failure once: that of the failed result, or of the call where no result is marked."""
    results = [
        (index, message) for index, message in enumerate(messages) if message.role == "tool" and message.is_error
    ]
    marked = {message.tool_call_id for _, message in results if message.tool_call_id}
    calls = [
        index
        for index, message in enumerate(messages)
        for call in message.tool_calls
        if call.is_error and call.id not in marked
    ]
    return sorted([*(index for index, _ in results), *calls])


def _normalised(text: str) -> str:
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def _shown(indexes: Iterable[int]) -> str:
    """Return ``[1], [4]``, at most 20 of them.

    Example:
        >>> _shown([1, 4]), _shown([])
        ('[1], [4]', 'none')
    """
    known = list(indexes)
    text = ", ".join(f"[{index}]" for index in known[:_SHOWN_INDEXES]) or "none"
    more = len(known) - _SHOWN_INDEXES
    return f"{text} and {more} more" if more > 0 else text
