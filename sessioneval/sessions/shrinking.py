"""Making a long session fit one prompt by leaving out what judges miss least, visibly.

In this order: system prompts that repeat an earlier one; then the middles of tool outputs, the longest first. What
users and the assistant said is never shortened, and the last messages stay whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from sessioneval.sessions.rendering import LEFT_OUT, Gap, Part, part_lines

FLOOR_CHARS = 2_000
"""A tool output is not cut below this."""
WHOLE_MESSAGES = 4
"""This many messages at the end are never cut."""
NAME_CHARS = 200
_SHORT_PROMPT_CHARS = 200
# The level is found to a fiftieth: finer costs counts and saves nothing.
_PRECISION = 50

Cost = Callable[[Part], int]
"""Tokens of a part, its structure line included."""


def part_cost(count: Callable[[str], int], nonce: str) -> Cost:
    """Return what parts cost by a count of tokens."""
    return lambda part: count("\n".join(part_lines(part, nonce)) + "\n")


def shrunk(parts: Sequence[Part], room_tokens: int, cost: Cost) -> tuple[Part, ...]:
    """Return the parts with as little cut as makes them fit, or with all cut that may be.

    Args:
        parts: A session's parts.
        room_tokens: What they may cost together.
        cost: Tokens of a part.
    """
    once = without_repeated_prompts(parts)
    level = _level(once, room_tokens, cost)
    return once if level is None else _cut_to(once, level)


def with_short_names(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts with names of at most `NAME_CHARS`; else a name could fill a prompt that its text is cut for."""
    return tuple(replace(part, name=_short(part.name), agent=_short(part.agent)) for part in parts)


def _short(name: str | None) -> str | None:
    return name if name is None or len(name) <= NAME_CHARS else name[: NAME_CHARS - 1] + "…"


def without_repeated_prompts(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts with each system prompt's text once; a repetition names the message that holds it."""
    first: dict[str, int] = {}
    return tuple(_once(part, first) for part in parts)


def _once(part: Part, first: dict[str, int]) -> Part:
    text = part.text
    if part.role != "system" or len(text) <= _SHORT_PROMPT_CHARS:
        return part
    holder = first.setdefault(text, part.message)
    if holder == part.message:
        return part
    return replace(part, pieces=(Gap(len(text), f"{LEFT_OUT}, the same as message {holder}"),))


def _level(parts: Sequence[Part], room_tokens: int, cost: Cost) -> int | None:
    """Return the most characters that each tool output may keep; None where all fit whole."""
    outputs = [part for part in parts if _may_be_cut(part, parts)]
    costs = {id(part): cost(part) for part in parts}
    excess = sum(costs.values()) - room_tokens
    if excess <= 0:
        return None
    kept_whole = sum(costs.values()) - sum(costs[id(part)] for part in outputs)

    def fits(level: int) -> bool:
        return (
            kept_whole
            + sum(costs[id(part)] if len(part.text) <= level else cost(cut_middle(part, level)) for part in outputs)
            <= room_tokens
        )

    low, high = FLOOR_CHARS, max((len(part.text) for part in outputs), default=FLOOR_CHARS)
    while high - low > low // _PRECISION:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _cut_to(parts: Sequence[Part], level: int) -> tuple[Part, ...]:
    return tuple(cut_middle(part, level) if _may_be_cut(part, parts) else part for part in parts)


def _may_be_cut(part: Part, parts: Sequence[Part]) -> bool:
    return part.role == "tool" and part.message <= parts[-1].message - WHOLE_MESSAGES


def cut_middle(part: Part, level: int) -> Part:
    """Return a part with at most `level` characters of its text, half of them from either end.

    Example:
        >>> cut_middle(Part(message=0, role="tool", pieces=("abcdefgh",)), 4).pieces
        ('ab', Gap(n_chars=4, said='left out'), 'gh')
    """
    return replace(part, pieces=cut_text(part.text, level)) if len(part.text) > level else part


def cut_text(text: str, level: int) -> tuple[str | Gap, ...]:
    """Return a text as at most `level` characters around a gap."""
    head = (level + 1) // 2
    tail = len(text) - (level - head)
    return (text[:head], Gap(tail - head), text[tail:]) if len(text) > level else (text,)
