"""The calls of some sessions sorted into lanes, and what each of them adds."""

from dataclasses import dataclass

import numpy as np

from sessioneval.model.arrays import NONE, Flags, Ints, flags, nth_of_its_kind, ranges
from sessioneval.sessions.conversations import Conversations
from sessioneval.sessions.message_columns import ASSISTANT, USER
from sessioneval.sessions.span_batch import Family, SpanBatch


def paired(one: Ints, other: Ints) -> Ints:
    """Return a number for each pair; `NONE` is a value like others."""
    return one * (int(other.max(initial=0)) + 2) + other + 1


class New:
    """What is said for the first time, one entry a message."""

    def __init__(self, talk: Conversations, known: Ints) -> None:
        lengths = talk.length - known
        self.place = ranges(talk.start + known, np.maximum(lengths, 0))
        self.call = np.repeat(np.arange(len(talk.rows)), np.maximum(lengths, 0))
        self.is_sent = self.place - talk.start[self.call] < talk.sent_length[self.call]
        self.role = talk.said.role[self.place]
        self.stripped = talk.said.stripped[self.place]
        self.key = talk.said.key[self.place]
        self.session = talk.session[self.call]


@dataclass(frozen=True, kw_only=True)
class Folding:
    """Calls in lanes.

    Attributes:
        batch, talk, found: The spans, the calls, and what stands above each span.
        lane: Number of each call's lane.
        before: The call before it in its lane, `NONE` for the first.
        known: How many messages of its input were said before.
        new: What is said for the first time.
    """

    batch: SpanBatch
    talk: Conversations
    found: Family
    lane: Ints
    before: Ints
    known: Ints
    new: New

    @property
    def n_lanes(self) -> int:
        """How many lanes there are."""
        return int(self.lane.max(initial=-1)) + 1


def sessions_with_several(session: Ints, lane: Ints, n_sessions: int) -> Flags:
    """Return which sessions have more than one lane."""
    one_each = np.flatnonzero(nth_of_its_kind(lane) == 0)
    return np.asarray(np.bincount(session[one_each], minlength=n_sessions) > 1, dtype=bool)


def sends_history(talk: Conversations) -> Flags:
    """Return whether a call sends an answer to an earlier question again: an assistant before the last user message."""
    place = np.arange(len(talk.said.call)) - talk.start[talk.said.call]
    is_sent = place < talk.sent_length[talk.said.call]
    last_user = np.full(len(talk.rows), NONE, dtype=np.int64)
    asked = np.flatnonzero(is_sent & (talk.said.role == USER))
    last_user[talk.said.call[asked]] = place[asked]
    answers = np.flatnonzero(is_sent & (talk.said.role == ASSISTANT))
    return flags(len(talk.rows), talk.said.call[answers[place[answers] < last_user[talk.said.call[answers]]]])
