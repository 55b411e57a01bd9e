"""From the columns of many sessions to their transcripts, without an object a span.

Sessions that are chains (see `chains`) are gathered by index arithmetic; the result equals that of `assembly`.
The others are named, and take the exact path.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model.arrays import (
    NONE,
    Flags,
    Ints,
    arrow_flags,
    arrow_ints,
    arrow_lists,
    arrow_texts,
    flags,
    numpy_of,
    ranges,
    repeats,
    starts_of,
    text_scalar,
)
from sessioneval.sessions.chains import Chains, chains, talking_calls
from sessioneval.sessions.conversations import Conversations, Said, conversations, together
from sessioneval.sessions.loss_columns import Uses, loss_columns
from sessioneval.sessions.message_columns import (
    ASSISTANT,
    ROLE_NAMES,
    SYSTEM,
    USER,
    Pool,
    readable_texts,
    without_empty,
)
from sessioneval.sessions.message_columns import TOOL as TOOL_RESULT
from sessioneval.sessions.span_batch import Family, SpanBatch, family
from sessioneval.sessions.tool_columns import Asked, Order, join, with_missing_results
from sessioneval.sessions.transcript_table import MESSAGE, TOOL_CALL, TRANSCRIPTS
from sessioneval.sessions.utterances import REDACTED


@dataclass(frozen=True, kw_only=True)
class Assembled:
    """The transcripts of a batch.

    Attributes:
        sessions: Numbers of the sessions whose transcripts these are, ascending.
        messages: A list of messages for each.
        losses: A loss report for each.
        left: Numbers of the sessions that need the exact path.
    """

    sessions: Ints
    messages: pa.Array
    losses: pa.Array
    left: Ints

    @classmethod
    def nothing(cls, n_sessions: int) -> "Assembled":
        """Return that all of some sessions need the exact path."""
        return cls(
            sessions=np.zeros(0, dtype=np.int64),
            messages=TRANSCRIPTS.empty_table().column("messages").combine_chunks(),
            losses=TRANSCRIPTS.empty_table().column("loss").combine_chunks(),
            left=np.arange(n_sessions),
        )


def assemble_batch(batch: SpanBatch) -> Assembled:
    """Assemble the sessions of a batch that are chains; the others are named."""
    agents = Pool(batch.agent)
    found = family(batch, without_empty(agents.columns[0], agents))
    _doubt_same_ids(batch)
    talk = conversations(batch, talking_calls(batch, found))
    made = chains(batch, talk, found)
    talk_of_main = _Talk(batch, talk, made)
    asked = join(batch, talk, found, talk_of_main.said, talk_of_main.session)
    # Doubts were added on the way: what belongs to doubted sessions is left out at the end.
    writer = _Writer(batch, _Heard(talk=talk, found=found, main=talk_of_main, asked=asked), agents.values)
    done = np.flatnonzero(~batch.is_odd)
    uses = Uses(
        found=found,
        rows=talk.rows,
        aside=made.is_aside,
        nested=made.is_nested,
        known=np.where(made.is_unheard, 0, made.known),
        used=writer.used_rows(),
        redacted=writer.redacted(),
        unanswered=np.bincount(
            talk_of_main.session[asked.entry[(asked.result == NONE) & ~asked.is_missing]], minlength=batch.n_sessions
        ),
    )
    return Assembled(
        sessions=done,
        messages=writer.messages(done),
        losses=loss_columns(batch, uses).take(arrow_ints(done)),
        left=np.flatnonzero(batch.is_odd),
    )


def _doubt_same_ids(batch: SpanBatch) -> None:
    """Doubt sessions in which two traces use one span id."""
    codes = batch.span_ids.dictionary_encode()
    if len(codes.dictionary) < len(batch.session):
        pairs = batch.session * len(codes.dictionary) + numpy_of(codes.indices)
        batch.doubt(np.flatnonzero(repeats(pairs)))


class _Talk:
    """The messages of the main talks before results that stand on TOOL spans only are added."""

    def __init__(self, batch: SpanBatch, talk: Conversations, made: Chains) -> None:
        kept = ~made.is_aside & ~batch.is_odd[talk.session]
        n_new = np.where(kept, np.maximum(talk.length - made.known, 0), 0)
        n_prompts = (kept & made.brings_prompt).astype(np.int64)
        start = starts_of(n_new + n_prompts)
        size = int((n_new + n_prompts).sum())
        place = ranges(talk.start + made.known, n_new)
        to = ranges(start + n_prompts, n_new)
        asking = np.flatnonzero(n_prompts)
        self.kept = kept
        self.is_output = np.zeros(size, dtype=bool)
        self.is_output[to] = place - talk.start[talk.said.call[place]] >= talk.sent_length[talk.said.call[place]]
        self.said = _spread(talk.said, place, to, size, _Prompts(talk, asking, start[asking]))
        self.session = talk.session[self.said.call]


class _Prompts:
    """System prompts and where they stand."""

    def __init__(self, talk: Conversations, calls: Ints, to: Ints) -> None:
        self.to = to
        none = np.full(len(calls), NONE, dtype=np.int64)
        self.values = Said(
            call=calls,
            role=np.full(len(calls), SYSTEM, dtype=np.int8),
            text=talk.prompt[calls],
            stripped=none,
            name=none,
            call_id=none,
            n_calls=np.zeros(len(calls), dtype=np.int64),
            first_call=none,
            key=none,
        )


def _spread(said: Said, place: Ints, to: Ints, size: int, prompts: _Prompts) -> Said:
    """Return messages and prompts in their places."""
    order = np.empty(size, dtype=np.int64)
    order[to] = np.arange(len(to))
    order[prompts.to] = len(to) + np.arange(len(prompts.to))
    return together(said.take(place), prompts.values).take(order)


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """The main talks with their tool calls, and the calls and families that they come from."""

    talk: Conversations
    found: Family
    main: _Talk
    asked: Asked


class _Writer:
    """Writes the messages of the talks as Arrow arrays."""

    def __init__(self, batch: SpanBatch, heard: _Heard, agents: pa.Array) -> None:
        self._batch = batch
        self._talk = heard.talk
        self._found = heard.found
        self._main = heard.main
        self._asked = heard.asked
        self._agents = agents
        self._order: Order = with_missing_results(heard.main.said, heard.main.session, heard.asked)
        self._question = self._questions()
        self._span_rows = self._rows_of_spans()

    def _questions(self) -> Ints:
        """Return for each message the number of the asked call that it answers, `NONE` at others."""
        answered = np.flatnonzero(self._asked.result != NONE)
        question = np.full(len(self._main.said.call), NONE, dtype=np.int64)
        question[self._asked.result[answered]] = answered
        order = self._order
        return np.where(order.asked != NONE, order.asked, question[order.entry])

    def _rows_of_spans(self) -> Ints:
        """Return the row of the span that each message names, `NONE` where it is seen only as history."""
        main, entry = self._main, self._order.entry
        own = self._talk.rows[main.said.call[entry]]
        role = self._roles()
        rows = np.where(role == USER, self._found.entry[own], own)
        is_history = (role == SYSTEM) | ((role == ASSISTANT) & ~main.is_output[entry])
        rows = np.where(is_history, NONE, rows)
        span = np.where(self._question != NONE, _at(self._asked.span, self._question), NONE)
        return np.where(span != NONE, span, rows)

    def _roles(self) -> NDArray[np.int8]:
        order = self._order
        return np.where(order.asked != NONE, np.int8(TOOL_RESULT), self._main.said.role[order.entry])

    def used_rows(self) -> Flags:
        """Return which spans gave or confirmed a message."""
        main, talk = self._main, self._talk
        size = len(self._batch.session)
        heard = np.flatnonzero(main.kept)
        answering = talk.rows[heard[self._batch.outputs.lengths[talk.rows[heard]] > 0]]
        parts = (self._span_rows, talk.rows[main.said.call], self._asked.span, answering)
        return flags(size, np.concatenate([rows[rows != NONE] for rows in parts]))

    def redacted(self) -> Ints:
        """Return how many messages of each session are redacted."""
        session = self._main.session[self._order.entry]
        hidden = numpy_of(pc.equal(self._contents, text_scalar(REDACTED)))
        return np.bincount(session[hidden], minlength=self._batch.n_sessions)

    def messages(self, sessions: Ints) -> pa.Array:
        """Return the list of messages of each of some sessions."""
        kept = flags(self._batch.n_sessions, sessions)[self._main.session[self._order.entry]]
        lengths = np.bincount(self._main.session[self._order.entry], minlength=self._batch.n_sessions)[sessions]
        items = self._items()
        return arrow_lists(lengths, items if kept.all() else items.filter(arrow_flags(kept)))

    def _items(self) -> pa.Array:
        role = self._roles()
        entry, question = self._order.entry, self._question
        call_id = np.where(self._order.asked == NONE, self._main.said.call_id[entry], NONE)
        asked_id = np.where(question != NONE, _at(self._talk.calls.id[self._asked.call], question), NONE)
        fields = {
            "role": arrow_texts(list(ROLE_NAMES)).take(arrow_ints(role)),
            "content": self._contents,
            "name": self._names(),
            "tool_calls": self._tool_calls(),
            "tool_call_id": self._talk.ids.take(arrow_ints(np.where(call_id != NONE, call_id, asked_id))),
            "span_id": self._batch.span_ids.take(arrow_ints(self._span_rows)),
            "turn": arrow_ints(self._turns(role).astype(np.int32)),
            "agent": self._agent_names(role),
            "is_error": arrow_flags(self._errors(question)),
        }
        return pa.StructArray.from_arrays(list(fields.values()), fields=list(MESSAGE))

    @cached_property
    def _contents(self) -> pa.Array:
        texts = _filled(self._talk.texts.take(arrow_ints(self._main.said.text)))
        added = self._order.asked
        if (added == NONE).all():
            return texts
        spans = self._asked.span[added[added != NONE]]
        results = readable_texts(self._batch.output_value.take(arrow_ints(spans)))
        place = self._order.entry.copy()
        place[added != NONE] = len(texts) + np.arange(len(spans))
        return pa.concat_arrays([texts, results]).take(arrow_ints(place))

    def _names(self) -> pa.Array:
        """Return the speaker's name, or that of the tool whose result it is (which may be empty)."""
        names = pa.concat_arrays([self._talk.names, arrow_texts([""])])
        own = np.where(self._order.asked == NONE, self._main.said.name[self._order.entry], NONE)
        asked = _at(self._talk.calls.name[self._asked.call], self._question)
        asked = np.where(asked == NONE, len(self._talk.names), asked)
        named = np.where((own == NONE) & (self._question != NONE), asked, own)
        return names.take(arrow_ints(named))

    def _tool_calls(self) -> pa.Array:
        asked, talk = self._asked, self._talk
        lengths = np.where(self._order.asked == NONE, self._main.said.n_calls[self._order.entry], 0)
        is_error = np.where(asked.span != NONE, _at(self._batch.is_error, asked.span), np.False_)
        arguments = talk.calls.arguments[asked.call]
        fields = [
            talk.ids.take(arrow_ints(talk.calls.id[asked.call])),
            _filled(talk.names.take(arrow_ints(talk.calls.name[asked.call]))),
            talk.arguments.json_texts.take(
                arrow_ints(np.where(arguments == NONE, len(talk.arguments.canonical) - 1, arguments))
            ),
            arrow_flags(is_error.astype(bool)),
        ]
        return arrow_lists(lengths, pa.StructArray.from_arrays(fields, fields=list(TOOL_CALL)))

    def _turns(self, role: NDArray[np.int8]) -> Ints:
        session = self._main.session[self._order.entry]
        asked = np.cumsum(role == USER)
        begins = np.append(True, session[1:] != session[:-1])[: len(session)]
        before = (asked - (role == USER))[begins]
        return np.asarray(np.maximum(asked - before[np.cumsum(begins) - 1] - 1, 0))

    def _agent_names(self, role: NDArray[np.int8]) -> pa.Array:
        agent = self._found.agent[self._talk.rows[self._main.said.call[self._order.entry]]]
        return self._agents.take(arrow_ints(np.where(role == ASSISTANT, agent, NONE)))

    def _errors(self, question: Ints) -> Flags:
        span = np.where(question != NONE, _at(self._asked.span, question), NONE)
        return np.where(span != NONE, _at(self._batch.is_error, span), np.False_).astype(bool)


def _at(values: NDArray[Any], places: Ints) -> NDArray[Any]:
    """Return values at places; where the place is `NONE` the answer means nothing."""
    return values[places] if len(values) else np.full(len(places), NONE, dtype=np.int64)


def _filled(texts: pa.Array) -> pa.Array:
    return pc.fill_null(texts, text_scalar("")) if texts.null_count else texts
