"""A long session as overlapping windows, each of which fits one prompt and says what it shows.

A window ends where a turn ends, if that does not leave more than half of it empty; a turn that is larger than a window
is divided between messages, and a message that is larger between characters. Numbers stay those of the session.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from sessioneval.sessions.rendering import Part
from sessioneval.sessions.shrinking import Cost
from sessioneval.sessions.slices import slices, tail

OVERLAP_SHARE = 0.1
"""A window repeats up to this share of its room from the one before."""
_LEAST_FILLED = 0.5


@dataclass(frozen=True, kw_only=True)
class Window:
    """What one prompt shows of a session.

    Attributes:
        parts: What is shown, in order.
        n_repeated: How many of the parts, at its start, also stand in the window before.
        n_turns_before: User messages of the session before the first part.
    """

    parts: tuple[Part, ...]
    n_repeated: int = 0
    n_turns_before: int = 0


@dataclass(frozen=True, kw_only=True)
class _Block:
    parts: tuple[Part, ...]
    tokens: int
    opens_turn: bool


def n_user_messages(parts: Sequence[Part]) -> int:
    """Return how many parts open a message of a user.

    Example:
        >>> n_user_messages([Part(message=0, role="user", pieces=("hi",)), Part(message=1, role="assistant", pieces=())])
        1
    """
    return sum(part.role == "user" for part in parts)


def windows(parts: Sequence[Part], room_tokens: int, cost: Cost) -> tuple[Window, ...]:
    """Return windows that show every part and every character of `parts` in order.

    Args:
        parts: A session's parts.
        room_tokens: What the parts of a window may cost together.
        cost: Tokens of a part.
    """
    blocks = [block for turn in _turns(parts) for block in _blocks(turn, room_tokens, cost)]
    overlap_tokens = int(room_tokens * OVERLAP_SHARE)
    made: list[Window] = []
    start = 0
    while start < len(blocks):
        end = _end(blocks, start, room_tokens - overlap_tokens if start else room_tokens)
        shown = [part for block in blocks[start:end] for part in block.parts]
        left = room_tokens - sum(block.tokens for block in blocks[start:end])
        repeated = _repeated(blocks[:start], shown[0], min(overlap_tokens, left), cost)
        window = (*repeated, *shown)
        before = n_user_messages([part for part in parts if part.message < window[0].message])
        made.append(Window(parts=window, n_repeated=len(repeated), n_turns_before=before))
        start = end
    return tuple(made)


def _turns(parts: Sequence[Part]) -> Iterator[list[Part]]:
    turn: list[Part] = []
    for part in parts:
        if part.role == "user" and turn:
            yield turn
            turn = []
        turn.append(part)
    if turn:
        yield turn


def _blocks(turn: list[Part], room_tokens: int, cost: Cost) -> Iterator[_Block]:
    """Yield the turn in as few blocks as are needed for each to fit: whole, by messages, by parts, by characters."""
    costs = {id(part): cost(part) for part in turn}
    queue: list[list[Part]] = [turn]
    opens_turn = True
    while queue:
        group = queue.pop(0)
        tokens = sum(costs[id(part)] for part in group)
        if tokens > room_tokens and len(group) > 1:
            queue = [*_divided(group), *queue]
            continue
        if tokens <= room_tokens:
            made = [_Block(parts=tuple(group), tokens=tokens, opens_turn=opens_turn)]
        else:
            cut = slices(group[0], room_tokens, cost)
            made = [
                _Block(parts=(piece,), tokens=cost(piece), opens_turn=opens_turn and not at)
                for at, piece in enumerate(cut)
            ]
        yield from made
        opens_turn = False


def _divided(group: list[Part]) -> list[list[Part]]:
    messages = [list(parts) for _, parts in groupby(group, key=lambda part: part.message)]
    return messages if len(messages) > 1 else [[part] for part in group]


def _end(blocks: Sequence[_Block], start: int, room_tokens: int) -> int:
    """Return the end of the window that begins at `start`."""
    end, used = start, 0
    while end < len(blocks) and (end == start or used + blocks[end].tokens <= room_tokens):
        used += blocks[end].tokens
        end += 1
    if end == len(blocks) or blocks[end].opens_turn:
        return end
    for border in range(end - 1, start, -1):
        used -= blocks[border].tokens
        if blocks[border].opens_turn and used >= room_tokens * _LEAST_FILLED:
            return border
    return end


def _repeated(before: Sequence[_Block], first: Part, room_tokens: int, cost: Cost) -> tuple[Part, ...]:
    """Return what the window repeats: the last parts before it that fit, or else the end of the last one."""
    parts = (part for block in reversed(before) for part in reversed(block.parts))
    last = next(parts, None)
    if last is None or (last.message, last.call) == (first.message, first.call):
        return ()
    kept: list[Part] = []
    used = 0
    for part in chain([last], parts):
        used += cost(part)
        if used > room_tokens:
            break
        kept.append(part)
    if kept:
        return tuple(reversed(kept))
    ending = tail(last, room_tokens, cost)
    return () if ending is None else (ending,)
