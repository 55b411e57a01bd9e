"""The last prompt of a session that was read in windows: what was noted on each, and how the session ended."""

from collections.abc import Iterator, Sequence

from sessioneval.model.transcript import Transcript
from sessioneval.sessions.reading import Excerpt, Reading, opening_lines
from sessioneval.sessions.rendering import Gap, Part, body_lines, fenced, parts_of, structure_line
from sessioneval.sessions.shrinking import Cost, cut_middle, cut_text, part_cost, with_short_names
from sessioneval.sessions.slices import tail
from sessioneval.sessions.tokens import TokenCounter
from sessioneval.sessions.windows import n_user_messages

_ENDING_SHARE = 0.4
_LEAST_RECORD_CHARS = 100
_SHRINK = 0.8


def closing_excerpt(
    transcript: Transcript, reading: Reading, records: Sequence[str], nonce: str, counter: TokenCounter
) -> Excerpt:
    """Return the closing prompt's fenced text; what does not fit is cut from the middles of the longest records.

    Args:
        transcript: The session.
        reading: Its windows.
        records: What was noted on each window, in their order; hostile like the transcript it was made from.
        nonce: The fence's.
        counter: What counts.
    """
    parts = with_short_names(parts_of(transcript))
    ending = _ending(parts, int(reading.room_tokens * _ENDING_SHARE), part_cost(counter.count, nonce))
    said = f"closing: the session was read in {len(records)} windows; what was noted on each, then its last messages"
    before = [structure_line(said, nonce), *opening_lines(parts, nonce, reading.room_tokens, counter)]
    text = ""
    for level in _levels(records):
        lines = _record_lines(reading, [cut_text(record, level) for record in records], nonce)
        text = fenced(ending, nonce, [*before, *lines, structure_line("last messages", nonce)])
        if counter.count(text) <= reading.room_tokens:
            break
    first, last = ending[0].message, ending[-1].message
    return Excerpt(text=text, n_user_messages=n_user_messages(ending), first_message=first, last_message=last)


def _ending(parts: Sequence[Part], room_tokens: int, cost: Cost) -> tuple[Part, ...]:
    """Return the last parts that fit, or as much as fits of the end of the very last."""
    kept: list[Part] = []
    for part in reversed(parts):
        room_tokens -= cost(part)
        if room_tokens < 0:
            break
        kept.append(part)
    if kept:
        return tuple(reversed(kept))
    last = parts[-1]
    return (tail(last, room_tokens + cost(last), cost, len(last.text)) or cut_middle(last, 0),)


def _levels(records: Sequence[str]) -> Iterator[int]:
    """Yield to how many characters each record is cut, ever fewer."""
    level = max(map(len, records))
    while level > _LEAST_RECORD_CHARS:
        yield level
        level = int(level * _SHRINK)
    yield _LEAST_RECORD_CHARS


def _record_lines(reading: Reading, records: Sequence[Sequence[str | Gap]], nonce: str) -> list[str]:
    lines: list[str] = []
    for number, (excerpt, pieces) in enumerate(zip(reading.excerpts, records, strict=True), 1):
        said = f"record of window {number}: messages {excerpt.first_message} to {excerpt.last_message}"
        lines += [structure_line(said, nonce), *body_lines(pieces, nonce)]
    return lines
