"""Stitching: which traces without a session id are one conversation, told by the history that they repeat.

A trace continues an earlier one if its conversation begins with everything that was said there. Where the
app shortened the history, the last exchange of the earlier trace somewhere in the later one is the weaker
sign. What several conversations fit equally well, such as a mere greeting, is worth as much less.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sessioneval.model.message import Message
from sessioneval.model.transcript import Transcript

DEFAULT_MIN_CONFIDENCE = 0.5
ID_PREFIX = "stitched-"
_WHOLE_HISTORY = 1.0
_LAST_EXCHANGE = 0.5


@dataclass(frozen=True, kw_only=True)
class Talk:
    """The conversation of one trace.

    Attributes:
        trace_id: The trace.
        start_time: When it began.
        said: One digest a message, system prompts left out.
        answers: The places in `said` where the assistant spoke.
    """

    trace_id: str
    start_time: datetime
    said: tuple[str, ...]
    answers: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Stitch:
    """The session that a trace was put into.

    Attributes:
        session_id: ``stitched-`` and the id of the conversation's first trace.
        confidence: 1.0 where the whole history was repeated (or there is one trace), 0.5 where only the last exchange
            was, each divided by the number of conversations that fit as well; of several links the weakest.
    """

    session_id: str
    confidence: float


def talk_of(trace_id: str, transcript: Transcript) -> Talk:
    """Return the talk of a trace from its transcript."""
    spoken = [message for message in transcript.messages if message.role != "system"]
    return Talk(
        trace_id=trace_id,
        start_time=transcript.session.start_time,
        said=tuple(map(_digest, spoken)),
        answers=frozenset(place for place, message in enumerate(spoken) if message.role == "assistant"),
    )


def stitch(
    talks: Iterable[Talk],
    min_confidence: float = DEFAULT_MIN_CONFIDENCE,
    known: Mapping[str, Stitch] | None = None,
) -> dict[str, Stitch]:
    """Return for each trace the session it belongs to.

    Args:
        talks: In any order.
        min_confidence: A link below it is not made.
        known: Links of traces among `talks` that were made earlier and stand, so that a session keeps its id.
    """
    found: dict[str, Stitch] = {}
    seen = _Seen()
    for talk in sorted(talks, key=lambda one: (one.start_time, one.trace_id)):
        link = (known or {}).get(talk.trace_id) or seen.link(talk)
        if link is None or link.confidence < min_confidence:
            link = Stitch(session_id=f"{ID_PREFIX}{talk.trace_id}", confidence=1.0)
        found[talk.trace_id] = link
        seen.add(talk, link)
    return _with_weakest(found)


class _Seen:
    """The conversations so far, by their whole words and by their last exchange."""

    def __init__(self) -> None:
        self._wholes: dict[str, list[Stitch]] = {}
        self._exchanges: dict[tuple[str, str], list[Stitch]] = {}

    def add(self, talk: Talk, link: Stitch) -> None:
        if not talk.answers:
            return
        *_, whole = _chain(talk.said)
        self._wholes.setdefault(whole, []).append(link)
        last = max(talk.answers)
        if last > 0:
            self._exchanges.setdefault((talk.said[last - 1], talk.said[last]), []).append(link)

    def link(self, talk: Talk) -> Stitch | None:
        """Return the best link of a talk to an earlier one."""
        return self._by_history(talk) or self._by_exchange(talk)

    def _by_history(self, talk: Talk) -> Stitch | None:
        prefixes = list(_chain(talk.said))[:-1]
        longest = next((self._wholes[prefix] for prefix in reversed(prefixes) if prefix in self._wholes), None)
        return None if longest is None else _best(longest, _WHOLE_HISTORY)

    def _by_exchange(self, talk: Talk) -> Stitch | None:
        pairs = zip(talk.said[:-1], talk.said[1:-1], strict=False)
        latest = next((self._exchanges[pair] for pair in reversed(list(pairs)) if pair in self._exchanges), None)
        return None if latest is None else _best(latest, _LAST_EXCHANGE)


def _best(fitting: Sequence[Stitch], confidence: float) -> Stitch:
    """Return a link to the newest of the conversations that fit, worth less the more of them there are."""
    n_conversations = len({link.session_id for link in fitting})
    return Stitch(session_id=fitting[-1].session_id, confidence=confidence / n_conversations)


def _with_weakest(found: dict[str, Stitch]) -> dict[str, Stitch]:
    weakest: dict[str, float] = {}
    for link in found.values():
        weakest[link.session_id] = min(link.confidence, weakest.get(link.session_id, 1.0))
    return {
        trace_id: Stitch(session_id=link.session_id, confidence=weakest[link.session_id])
        for trace_id, link in found.items()
    }


def _chain(said: Iterable[str]) -> Iterator[str]:
    """Yield a digest of the first message, of the first two, and so on."""
    running = hashlib.sha256()
    for digest in said:
        running.update(digest.encode())
        yield running.hexdigest()


def _digest(message: Message) -> str:
    calls = [(call.name, call.arguments) for call in message.tool_calls]
    text = json.dumps([message.role, message.content.strip(), calls], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
