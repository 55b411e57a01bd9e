"""Where a model call's input continues what is already known: re-sent history found by content."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple


class Alignment(NamedTuple):
    """How the input of a call overlaps a known conversation.

    Attributes:
        known_end: Known messages up to (not including) this index precede what is new.
        new_start: The input from this index on is new.
        run: Length of the overlap.
        injected: Leading input messages before the overlap that were never said: a summary, say.
    """

    known_end: int
    new_start: int
    run: int
    injected: int = 0


def align(known: Sequence[Hashable], sent: Sequence[Hashable]) -> Alignment | None:
    """Find the overlap of `sent` with `known`, or None where `sent` continues something else.

    The whole history may be re-sent (a common prefix), or its newest part only (a window: the overlap
    ends where `known` ends), or the newest part after an injected summary. Position decides, not text
    alone: a user who says "yes" twice said it twice.

    Example:
        >>> align(["u1", "a1"], ["u1", "a1", "u2"])
        Alignment(known_end=2, new_start=2, run=2, injected=0)
        >>> align(["u1", "a1", "u2", "a2"], ["u2", "a2", "u3"])
        Alignment(known_end=4, new_start=2, run=2, injected=0)
        >>> align(["u1", "a1"], ["u9"]) is None
        True
    """
    if not known or not sent:
        return None
    prefix = _common_prefix(known, sent)
    if prefix in (len(known), len(sent)):
        return Alignment(prefix, prefix, prefix)
    window = _window(known, sent)
    if window is not None and window.run > prefix:
        return window
    return Alignment(prefix, prefix, prefix) if prefix else None


def _common_prefix(known: Sequence[Hashable], sent: Sequence[Hashable]) -> int:
    length = 0
    for ours, theirs in zip(known, sent, strict=False):
        if ours != theirs:
            break
        length += 1
    return length


def _window(known: Sequence[Hashable], sent: Sequence[Hashable]) -> Alignment | None:
    """Find the longest run in `sent` that ends where `known` ends."""
    best: Alignment | None = None
    for end in range(len(sent), 0, -1):
        run = _run_back(known, sent, end)
        # One message after others that were never said is no evidence: "yes" ends many talks.
        if run > (best.run if best else 0) and (run == end or run > 1):
            best = Alignment(len(known), end, run, end - run)
    return best


def _run_back(known: Sequence[Hashable], sent: Sequence[Hashable], end: int) -> int:
    run = 0
    while run < min(end, len(known)) and sent[end - 1 - run] == known[len(known) - 1 - run]:
        run += 1
    return run
