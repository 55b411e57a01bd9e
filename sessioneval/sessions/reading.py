"""How a judge reads a session within its token budget: whole, shortened, or in windows with a closing prompt.

Pure: the same transcript, nonce, room and counter give the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sessioneval.model.transcript import Transcript
from sessioneval.sessions.kept_renderings import KeptRenderings
from sessioneval.sessions.rendering import Part, body_lines, fenced, parts_of, render, structure_line
from sessioneval.sessions.shrinking import (
    cut_text,
    part_cost,
    shrunk,
    with_short_names,
    without_repeated_prompts,
)
from sessioneval.sessions.tokens import TokenCounter
from sessioneval.sessions.windows import Window, n_user_messages, windows

MAX_LOSSLESS_WINDOWS = 40
"""Above this many windows, tool outputs are cut as well."""
OPENING_CHARS = 1_000
"""So much of the first user message is repeated in each window that does not show it."""
_OPENING_SHARE = 0.1
_N_FURNITURE = 5
_FURNITURE = "window 10000 of 10000: messages 100000 to 100000 of 0 to 100000; repeated from the window before"
_READINGS: KeptRenderings["Reading"] = KeptRenderings()


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """The transcript's text for one prompt.

    Attributes:
        text: What stands between the fences, fences included.
        n_user_messages: How many lines open a user's message in it.
        first_message, last_message: Numbers of the first and last message it shows.
    """

    text: str
    n_user_messages: int
    first_message: int
    last_message: int


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All prompts that a session is read in.

    Attributes:
        excerpts: One where the session fits, else its windows in order.
        n_chars_cut: Characters that no prompt shows.
        token_counter: What counted.
        room_tokens: What an excerpt may cost.
    """

    excerpts: tuple[Excerpt, ...]
    n_chars_cut: int
    token_counter: str
    room_tokens: int

    @property
    def is_whole(self) -> bool:
        """Whether one prompt shows every character."""
        return len(self.excerpts) == 1 and not self.n_chars_cut


def read(transcript: Transcript, nonce: str, room_tokens: int, counter: TokenCounter) -> Reading:
    """Return how a session is read; the same object is prepared once for all judges of one room.

    Args:
        transcript: The session.
        nonce: The fence's.
        room_tokens: What the fenced text of one prompt may cost.
        counter: What counts.
    """
    key = (nonce, room_tokens, counter.name)
    return _READINGS.of(transcript, key, lambda: _read(transcript, nonce, room_tokens, counter))


def _read(transcript: Transcript, nonce: str, room_tokens: int, counter: TokenCounter) -> Reading:
    text = render(transcript, nonce)
    # No tokenizer makes more tokens than bytes; most sessions are not counted at all.
    if len(text.encode()) <= room_tokens or counter.count(text) <= room_tokens:
        whole = (_excerpt(text, parts_of(transcript)),)
        return Reading(excerpts=whole, n_chars_cut=0, token_counter=counter.name, room_tokens=room_tokens)
    excerpts, n_cut = _shortened(with_short_names(parts_of(transcript)), nonce, room_tokens, counter)
    return Reading(excerpts=excerpts, n_chars_cut=n_cut, token_counter=counter.name, room_tokens=room_tokens)


def _shortened(
    parts: tuple[Part, ...], nonce: str, room_tokens: int, counter: TokenCounter
) -> tuple[tuple[Excerpt, ...], int]:
    cost = part_cost(counter.count, nonce)
    fewer = shrunk(parts, room_tokens - counter.count(_furniture(nonce)), cost)
    text = fenced(fewer, nonce)
    if counter.count(text) <= room_tokens:
        return (_excerpt(text, fewer),), n_chars_cut(fewer)
    shown = without_repeated_prompts(parts)
    opening = opening_lines(shown, nonce, room_tokens, counter)
    room = room_tokens - counter.count("\n".join([_furniture(nonce), *opening]))
    if sum(map(cost, shown)) > room * MAX_LOSSLESS_WINDOWS:
        shown = shrunk(parts, room * MAX_LOSSLESS_WINDOWS, cost)
    made = windows(shown, room, cost)
    texts = (fenced(window.parts, nonce, _preface(made, at, opening, nonce)) for at, window in enumerate(made))
    return tuple(_excerpt(text, window.parts) for text, window in zip(texts, made, strict=True)), n_chars_cut(shown)


def _excerpt(text: str, parts: Sequence[Part]) -> Excerpt:
    first, last = (parts[0].message, parts[-1].message) if parts else (0, 0)
    return Excerpt(text=text, n_user_messages=n_user_messages(parts), first_message=first, last_message=last)


def _preface(made: Sequence[Window], at: int, opening: list[str], nonce: str) -> list[str]:
    """Return the lines that say which window this is, and how the session began where it does not show that."""
    parts, last_message = made[at].parts, made[-1].parts[-1].message
    first_new = made[at].n_repeated
    said = [
        f"window {at + 1} of {len(made)}: messages {parts[0].message} to {parts[-1].message} of 0 to {last_message}"
    ]
    if first_new:
        said.append(f"{parts[0].message} to {parts[first_new - 1].message} repeated from the window before")
    said.append(f"turns before: {made[at].n_turns_before}")
    return [structure_line("; ".join(said), nonce), *(opening if at else [])]


def opening_lines(parts: Sequence[Part], nonce: str, room_tokens: int, counter: TokenCounter) -> list[str]:
    """Return the lines that repeat how the user opened the session, shortened to a tenth of the room.

    Args:
        parts: A session's parts.
        nonce: The fence's.
        room_tokens: What a prompt's fenced text may cost.
        counter: What counts.
    """
    first = next((part for part in parts if part.role == "user"), None)
    if first is None:
        return []
    line = structure_line(f"opening of the session: the user's message {first.message}", nonce)
    n_chars, body = OPENING_CHARS, body_lines(cut_text(first.text, OPENING_CHARS), nonce)
    while n_chars and counter.count("\n".join(body)) > room_tokens * _OPENING_SHARE:
        n_chars //= 2
        body = body_lines(cut_text(first.text, n_chars), nonce)
    return [line, *body]


def _furniture(nonce: str) -> str:
    """Return at least as much as all structure lines of a prompt that belong to no part."""
    return "\n".join([structure_line(_FURNITURE, nonce)] * _N_FURNITURE)


def n_chars_cut(parts: Sequence[Part]) -> int:
    """Return how many characters of the parts no prompt shows."""
    return sum(part.n_chars_cut for part in parts)
