"""The turns of a session that have a shadow, and which served answer each is compared with."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sessioneval.model.transcript import Transcript

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ShadowedTurn:
    """A served answer and its shadow.

    Attributes:
        message_index: The served answer's place in the transcript.
        span_id: The span that the shadow stands on.
        served, shadow: What they say.
    """

    message_index: int
    span_id: str
    served: str
    shadow: str


def shadowed_turns(transcript: Transcript) -> Iterator[ShadowedTurn]:
    """Yield the turns that have a shadow, in order.

    A shadow on the span of an answer belongs to that answer, the last one of the span. One on the span of a user
    message, or on a span in whose time the answers of one turn and no others were made, belongs to the last answer
    of that turn. Where several belong to one answer, the first of these counts.
    """
    answers = [n for n, message in enumerate(transcript.messages) if message.role == "assistant" and message.content]
    found: dict[int, str] = {}
    placed: set[str] = set()
    for places in (_of_spans(transcript, answers), _of_turns(transcript, answers), _around(transcript, answers)):
        for span_id in sorted(places.keys() - placed):
            found.setdefault(places[span_id], span_id)
        placed |= places.keys()
    for index, span_id in sorted(found.items()):
        served, shadow = transcript.messages[index].content, transcript.context.shadows[span_id]
        yield ShadowedTurn(message_index=index, span_id=span_id, served=served, shadow=shadow)


def _of_spans(transcript: Transcript, answers: list[int]) -> dict[str, int]:
    """Return span id to the span's last answer, for spans with a shadow."""
    spans = ((transcript.messages[index].span_id, index) for index in answers)
    return {span_id: index for span_id, index in spans if span_id is not None and span_id in transcript.context.shadows}


def _of_turns(transcript: Transcript, answers: list[int]) -> dict[str, int]:
    """Return the span of a user message to the last answer of the turn, for spans with a shadow."""
    last = {transcript.messages[index].turn: index for index in answers}
    asked = (
        (message.span_id, last.get(message.turn, -1), index)
        for index, message in enumerate(transcript.messages)
        if message.role == "user" and message.span_id in transcript.context.shadows
    )
    return {span_id: answer for span_id, answer, index in asked if span_id is not None and answer > index}


def _around(transcript: Transcript, answers: list[int]) -> dict[str, int]:
    """Return span id to the last answer in the span's time, for spans with a shadow and answers of one turn."""
    messages, times = transcript.messages, transcript.context.times
    begun = sorted((times[span_id][0], n) for n in answers if (span_id := messages[n].span_id or "") in times)
    found = {}
    for span_id in transcript.context.shadows:
        start, end = times.get(span_id, (_NEVER, _NEVER))
        low, high = bisect_left(begun, (start, -1)), bisect_right(begun, (end, len(messages)))
        if low < high and messages[begun[low][1]].turn == messages[begun[high - 1][1]].turn:
            found[span_id] = begun[high - 1][1]
    return found
