"""Comparing a transcript with the truth of a recording, and the table of all recordings."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]
# What stands in a transcript for a part that is no text.
_PLACEHOLDER = re.compile(r"\n?\[(image|audio|video|application|document|file)[^\]\n]*\]")
REDACTED = "[redacted]"
EXACT, AS_RECORDED, NO_CONTENT, NO_SESSION, DIFFERENT = (
    "exact", "as far as recorded", "no content", "no session id", "different"
)  # fmt: skip


def verdict(truth: Sequence[Message], made: Sequence[Message]) -> str:
    """Return how a transcript relates to the truth; both are lists of messages as dicts."""
    told = [message for message in truth if message["role"] != "system"]
    ours = [message for message in made if message["role"] != "system"]
    if _equal(told, ours):
        return EXACT
    recorded = [message for message in told if is_recorded(message)]
    shown = [message for message in ours if not _is_mark(message)]
    if not any(message.get("content") for message in recorded) and not shown:
        return NO_CONTENT
    return AS_RECORDED if len(recorded) < len(told) and _equal(recorded, shown) else DIFFERENT


def is_recorded(message: Message) -> bool:
    """Return whether the text, or else a call, of a message of the truth is on the spans as a value of its own."""
    if message.get("content"):
        return message.get("in_spans", "exact") in ("exact", "json", "logs")
    return any(call.get("in_spans", True) for call in message.get("tool_calls") or ())


def _is_mark(message: Message) -> bool:
    """Return whether a message of ours only says that its text was redacted or cut."""
    text = message.get("content") or ""
    is_cut = text.endswith(("…", "...")) or "truncated" in text
    return not message.get("tool_calls") and (text in ("", REDACTED) or is_cut)


def _equal(told: Sequence[Message], ours: Sequence[Message]) -> bool:
    if len(told) != len(ours):
        return False
    position = 0
    while position < len(told):
        length = _run_of_results(told[position:])
        pair = told[position : position + length], list(ours[position : position + length])
        if not _same_set(*pair):
            return False
        position += length
    return True


def _run_of_results(messages: Sequence[Message]) -> int:
    """Return how many tool results stand together at the front; their order is free."""
    others = (index for index, message in enumerate(messages) if message["role"] != "tool")
    return max(next(others, len(messages)), 1)


def _same_set(told: Iterable[Message], ours: list[Message]) -> bool:
    for message in told:
        fitting = next((mine for mine in ours if _fits(message, mine)), None)
        if fitting is None:
            return False
        ours.remove(fitting)
    return True


def _fits(told: Message, mine: Message) -> bool:
    other = told.get("content_alt") or []
    texts = [told.get("content"), *([other] if isinstance(other, str) else other)]
    shown = mine.get("content") or ""
    if told.get("attachments"):
        shown = _PLACEHOLDER.sub("", shown)
    same_text = any(_comparable(told["role"], text or "") == _comparable(told["role"], shown) for text in texts)
    return told["role"] == mine["role"] and same_text and _calls(told) == _calls(mine)


def _comparable(role: str, text: str) -> str:
    return json.dumps(_decoded(text), sort_keys=True) if role == "tool" else text.strip()


def _calls(message: Message) -> list[tuple[str, str]]:
    calls = message.get("tool_calls") or ()
    return [(call["name"], json.dumps(_decoded(call["arguments"]), sort_keys=True)) for call in calls]


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value.strip()


def table(verdicts: Mapping[tuple[str, str], str]) -> str:
    """Return the Markdown table of frameworks by scenarios."""
    scenarios = sorted({scenario for _, scenario in verdicts})
    frameworks = sorted({framework for framework, _ in verdicts})
    head = ["| framework | " + " | ".join(scenarios) + " |", "|---" * (len(scenarios) + 1) + "|"]
    rows = [
        f"| `{framework}` | " + " | ".join(verdicts.get((framework, scenario), "") for scenario in scenarios) + " |"
        for framework in frameworks
    ]
    return "\n".join([*head, *rows])
