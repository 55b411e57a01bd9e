"""Cutting one long text into slices that overlap, each of which fits."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeGuard

from sessioneval.sessions.rendering import ELSEWHERE, Gap, Part
from sessioneval.sessions.shrinking import Cost

OVERLAP_CHARS = 500
"""Two neighbouring slices share at least this many characters, or a fourth of a slice if that is less."""
_LEAST_CHARS = 50
_SHRINK = 0.9
_GUESSED_CHARS_PER_TOKEN = 4


def slices(part: Part, room_tokens: int, cost: Cost) -> tuple[Part, ...]:
    """Return a part as slices of its text; each says how many characters of it stand elsewhere.

    Args:
        part: What may be too long.
        room_tokens: What a slice may cost.
        cost: Tokens of a part.
    """
    length, start = len(part.text), 0
    made: list[Part] = []
    while True:
        end = _end(part, start, room_tokens, cost)
        made.append(slice_of(part, start, end))
        if end >= length:
            return tuple(made)
        start = end - min(OVERLAP_CHARS, (end - start) // 4)


def tail(part: Part, room_tokens: int, cost: Cost, most_chars: int = OVERLAP_CHARS) -> Part | None:
    """Return an end of a part's text that fits, `most_chars` long or, halved, shorter; None where none fits."""
    n_chars = min(most_chars, len(part.text))
    while n_chars > 0:
        found = slice_of(part, len(part.text) - n_chars, len(part.text))
        if cost(found) <= room_tokens:
            return found
        n_chars = n_chars // 2
    return None


def slice_of(part: Part, start: int, end: int) -> Part:
    """Return the part with the characters from `start` to `end` of its shown text.

    Example:
        >>> part = Part(message=0, role="user", pieces=("abcdef",))
        >>> slice_of(part, 2, 4).pieces
        (Gap(n_chars=2, said='in other windows'), 'cd', Gap(n_chars=2, said='in other windows'))
    """
    pieces, before, behind = _within(part.pieces)
    shown = [piece for piece in _between(pieces, start, end) if piece]
    skipped = _size(_between(pieces, 0, start)) if start else 0
    # A gap that the text before ends with was counted with it, whether that slice shows it or not.
    before, behind = before + skipped, behind + _size(pieces) - skipped - _size(shown)
    first = [Gap(before, ELSEWHERE)] if before else []
    last = [Gap(behind, ELSEWHERE)] if behind else []
    return replace(part, pieces=(*first, *shown, *last))


def _size(pieces: Iterable[str | Gap]) -> int:
    return sum(piece.n_chars if isinstance(piece, Gap) else len(piece) for piece in pieces)


def _within(pieces: tuple[str | Gap, ...]) -> tuple[tuple[str | Gap, ...], int, int]:
    """Return the pieces without what an earlier slicing left elsewhere, and how much that was at either end."""
    before = pieces[0].n_chars if pieces and _is_elsewhere(pieces[0]) else 0
    rest = pieces[1:] if before else pieces
    behind = rest[-1].n_chars if rest and _is_elsewhere(rest[-1]) else 0
    return (rest[:-1] if behind else rest), before, behind


def _is_elsewhere(piece: str | Gap) -> TypeGuard[Gap]:
    return isinstance(piece, Gap) and piece.said == ELSEWHERE


def _between(pieces: tuple[str | Gap, ...], start: int, end: int) -> Iterator[str | Gap]:
    at = 0
    for piece in pieces:
        if isinstance(piece, str):
            yield piece[max(0, start - at) : max(0, end - at)]
            at += len(piece)
        elif start < at <= end or at == start == 0:
            # A gap belongs to the slice that shows what precedes it.
            yield piece


def _end(part: Part, start: int, room_tokens: int, cost: Cost) -> int:
    """Return where a slice from `start` has to end to fit; at least `_LEAST_CHARS` further, whatever they cost."""
    n_chars = min(len(part.text) - start, max(_LEAST_CHARS, room_tokens * _GUESSED_CHARS_PER_TOKEN))
    while n_chars > _LEAST_CHARS:
        tokens = cost(slice_of(part, start, start + n_chars))
        if tokens <= room_tokens:
            break
        n_chars = max(_LEAST_CHARS, int(n_chars * min(_SHRINK, room_tokens / tokens)))
    return start + n_chars
