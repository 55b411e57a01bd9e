"""The model calls of some sessions and what was said in them, as flat arrays of codes."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Flags, Ints, arrow_ints, nth_of_its_kind, numpy_of, ranges, starts_of
from sessioneval.model.words import PRIMES
from sessioneval.semconv.cut_json import CUT
from sessioneval.semconv.genai_messages import TRUNCATED_ROLE
from sessioneval.sessions.message_columns import (
    ASSISTANT,
    SYSTEM,
    TOOL,
    USER,
    Arguments,
    FlatMessages,
    Pool,
    TextPool,
    role_codes,
    without_empty,
)
from sessioneval.sessions.span_batch import SpanBatch

_HAS_CALLS = np.uint64(1 << 63)
_TOOL_WITHOUT_ID = 4


@dataclass(frozen=True, kw_only=True)
class Calls:
    """All tool calls in messages: codes of id, name and arguments (`NONE`, also for the empty text)."""

    id: Ints
    name: Ints
    arguments: Ints


@dataclass(frozen=True, kw_only=True)
class Executions:
    """Codes of each row's tool call id, tool name, input and parameters; `NONE` also where a text is empty."""

    id: Ints
    name: Ints
    input: Ints
    parameters: Ints


@dataclass(frozen=True, kw_only=True)
class Said:
    """Messages, one entry each; the same words have the same codes.

    Attributes:
        call: Number of the model call whose span shows it.
        role: Index into `ROLE_NAMES`.
        text, stripped: Code of the text, and one that is equal where only outer white space differs; `NONE` if empty.
        name, call_id: Codes.
        n_calls, first_call: Which of `Calls` it makes.
        key: Equal where `Utterance.key` is.
    """

    call: Ints
    role: NDArray[np.int8]
    text: Ints
    stripped: Ints
    name: Ints
    call_id: Ints
    n_calls: Ints
    first_call: Ints
    key: Ints

    def take(self, positions: NDArray[np.int64] | Flags) -> "Said":
        """Return some of the messages."""
        return Said(**{name: getattr(self, name)[positions] for name in self.__dataclass_fields__})


def together(one: Said, other: Said) -> Said:
    """Return the messages of two."""
    return Said(
        **{name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in Said.__dataclass_fields__}
    )


@dataclass(frozen=True, kw_only=True)
class Conversations:
    """Model calls in order, each with what was sent and then what was answered.

    Attributes:
        rows: Row of each call's span.
        session: Number of each call's session.
        prompt: Code of the system prompt, `NONE` where there is none.
        sent_length, length: Messages sent (without system prompts); messages sent and answered.
        start: Where each call's messages begin in `said`.
        said: The messages, call after call.
        texts, names, ids, arguments: What the codes stand for.
        calls: All tool calls.
        tools: What each row says of a tool's execution.
        answer_hash: For each row of the batch a number that is equal where the answers are.
    """

    rows: Ints
    session: Ints
    prompt: Ints
    sent_length: Ints
    length: Ints
    start: Ints
    said: Said
    texts: pa.Array
    names: pa.Array
    ids: pa.Array
    arguments: Arguments
    calls: Calls
    tools: Executions
    answer_hash: NDArray[np.uint64]

    def stripped_text(self, message: int) -> str:
        """Return the text of a message without outer white space."""
        code = int(self.said.text[message])
        return "" if code == NONE else str(self.texts[code].as_py()).strip()


class _Vocabulary:
    """Common codes for the texts of a batch."""

    def __init__(self, batch: SpanBatch) -> None:
        both = (batch.inputs, batch.outputs)
        self.texts = TextPool(*(m.leaves["message.content"] for m in both))
        self.names = Pool(
            *(m.leaves["message.name"] for m in both),
            *(m.calls["tool_call.function.name"] for m in both),
            batch.tool_name,
            batch.name,
        )
        self.ids = Pool(
            *(m.leaves["message.tool_call_id"] for m in both),
            *(m.calls["tool_call.id"] for m in both),
            batch.tool_call_id,
        )
        self.json = Pool(
            *(m.calls["tool_call.function.arguments"] for m in both), batch.tool_input, batch.tool_parameters
        )
        self.arguments = Arguments.of(self.json)
        self.stripped = self.texts.stripped

    def calls(self) -> Calls:
        """Return the tool calls of inputs, then those of outputs."""
        return Calls(
            id=without_empty(np.concatenate(self.ids.columns[2:4]), self.ids),
            name=without_empty(np.concatenate(self.names.columns[2:4]), self.names),
            arguments=np.concatenate(self.json.columns[:2]),
        )

    def executions(self) -> Executions:
        """Return what spans say of the executions of tools."""
        named, spans = (without_empty(codes, self.names) for codes in self.names.columns[4:])
        return Executions(
            id=without_empty(self.ids.columns[4], self.ids),
            name=np.where(named == NONE, spans, named),
            input=without_empty(self.json.columns[2], self.json),
            parameters=without_empty(self.json.columns[3], self.json),
        )


def conversations(batch: SpanBatch, rows: Ints) -> Conversations:
    """Read the messages of the model calls at `rows` (ascending)."""
    words = _Vocabulary(batch)
    calls = words.calls()
    call_of_row = np.full(len(batch.session), NONE, dtype=np.int64)
    call_of_row[rows] = np.arange(len(rows))
    reading = _Reading(batch, words, calls, call_of_row)
    sent, answered = reading.said(0, batch.inputs, USER), reading.said(1, batch.outputs, ASSISTANT)
    prompt = _prompts(batch, rows, sent.take(sent.role == SYSTEM))
    sent = sent.take(sent.role != SYSTEM)
    sent_length = np.bincount(sent.call, minlength=len(rows))
    length = sent_length + np.bincount(answered.call, minlength=len(rows))
    start = starts_of(length)
    order = np.empty(len(sent.call) + len(answered.call), dtype=np.int64)
    order[start[sent.call] + _within(sent.call, sent_length)] = np.arange(len(sent.call))
    places = start[answered.call] + sent_length[answered.call] + _within(answered.call, length - sent_length)
    order[places] = len(sent.call) + np.arange(len(answered.call))
    return Conversations(
        rows=rows,
        session=batch.session[rows],
        prompt=prompt,
        sent_length=sent_length,
        length=length,
        start=start,
        said=together(sent, answered).take(order),
        texts=words.texts.values,
        names=words.names.values,
        ids=words.ids.values,
        arguments=words.arguments,
        calls=calls,
        tools=words.executions(),
        answer_hash=_answer_hashes(batch, words),
    )


def _answer_hashes(batch: SpanBatch, words: "_Vocabulary") -> NDArray[np.uint64]:
    texts = words.texts.columns[1]
    stripped = np.where(texts == NONE, NONE, words.stripped[texts]) if len(words.stripped) else texts
    mixed = (stripped + 2).astype(np.uint64) * PRIMES[0]
    mixed = (mixed ^ (mixed >> np.uint64(29))) * PRIMES[1]
    # Messages without text may be none, so they count for nothing.
    totals = np.append(np.uint64(0), np.cumsum(np.where(stripped == NONE, np.uint64(0), mixed)))
    ends = np.cumsum(batch.outputs.lengths)
    return np.asarray(totals[ends] - totals[ends - batch.outputs.lengths], dtype=np.uint64)


def _within(owner: Ints, lengths: Ints) -> Ints:
    return np.arange(len(owner)) - starts_of(lengths)[owner]


def _prompts(batch: SpanBatch, rows: Ints, system: Said) -> Ints:
    """Return the code of each call's prompt; several in one call are joined, which is left to the exact path."""
    batch.doubt(rows[system.call[nth_of_its_kind(system.call) > 0]])
    prompt = np.full(len(rows), NONE, dtype=np.int64)
    prompt[system.call] = system.text
    return prompt


class _Reading:
    """Reads message columns with the vocabulary of a batch; what columns cannot tell is noted as a doubt."""

    def __init__(self, batch: SpanBatch, words: _Vocabulary, calls: Calls, call_of_row: Ints) -> None:
        self._batch = batch
        self._words = words
        self._calls = calls
        self._call_of_row = call_of_row
        self._doubt_cut(batch.inputs)

    def _doubt_cut(self, messages: FlatMessages) -> None:
        """Doubt inputs that a limit on the length of attributes cut."""
        marks = np.flatnonzero(messages.leaves[c.MESSAGE_ROLE].equals(TRUNCATED_ROLE))
        if len(marks):
            self._batch.doubt(np.repeat(np.arange(len(messages.lengths)), messages.lengths)[marks])

    def said(self, side: int, messages: FlatMessages, default_role: int) -> Said:
        """Return what the talking calls sent (side 0) or answered (side 1); messages without content are none."""
        rows = np.repeat(np.arange(len(messages.lengths)), messages.lengths)
        words = self._words
        text = without_empty(words.texts.columns[side], words.texts)
        role = role_codes(messages.leaves["message.role"], default_role)
        first_call = starts_of(messages.n_calls) + side * (len(self._calls.id) - int(messages.n_calls.sum()))
        kept = (self._call_of_row[rows] != NONE) & ((text != NONE) | (messages.n_calls > 0) | (role == TOOL))
        made = Said(
            call=self._call_of_row[rows],
            role=role if side == 0 else np.where(role == TOOL, TOOL, ASSISTANT).astype(np.int8),
            text=text,
            stripped=words.stripped[text] if len(words.stripped) else text,
            name=without_empty(words.names.columns[side], words.names),
            call_id=without_empty(words.ids.columns[side], words.ids),
            n_calls=messages.n_calls,
            first_call=first_call,
            key=text,
        ).take(np.flatnonzero(kept))
        made.stripped[made.text == NONE] = NONE
        return self._checked(side, Said(**{**made.__dict__, "key": self._keys(made)}))

    def _checked(self, side: int, made: Said) -> Said:
        """Note inputs and results that a limit cut, calls listed apart from the text that came with them, odd answers."""
        joined = (made.call[1:] == made.call[:-1]) & (made.role[1:] == ASSISTANT) & (made.role[:-1] == ASSISTANT)
        joined &= (made.n_calls[1:] > 0) & (made.text[1:] == NONE)
        self._doubt(made.call[1:][joined])
        results = np.flatnonzero(made.role == TOOL)
        self._doubt(made.call[results] if side == 1 else made.call[results[self._is_cut(made.text[results])]])
        return made

    def _is_cut(self, texts: Ints) -> Flags:
        ends = pc.ends_with(self._words.texts.values.take(arrow_ints(texts)), pattern=CUT)
        return np.asarray(numpy_of(ends), dtype=bool)

    def _doubt(self, calls: Ints) -> None:
        self._batch.doubt(
            np.flatnonzero(np.isin(self._call_of_row, calls) & (self._call_of_row != NONE)) if len(calls) else calls
        )

    def _keys(self, made: Said) -> Ints:
        has_id = (made.role == TOOL) & (made.call_id != NONE)
        role = np.where((made.role == TOOL) & ~has_id, _TOOL_WITHOUT_ID, made.role).astype(np.int64)
        keys = (np.where(has_id, made.call_id, made.stripped) + 1) * 8 + role
        asking = np.flatnonzero((made.n_calls > 0) & ~has_id)
        if len(asking):
            signed = self._signatures(made.first_call[asking], made.n_calls[asking])
            keys[asking] = ((keys[asking].astype(np.uint64) * PRIMES[0] ^ signed) | _HAS_CALLS).astype(np.int64)
        return keys

    def _signatures(self, first: Ints, lengths: Ints) -> NDArray[np.uint64]:
        """Return a 64-bit hash of the names and arguments of each message's calls, in order."""
        items = ranges(first, lengths)
        place = ranges(np.zeros(len(first), dtype=np.int64), lengths)
        argument = self._words.arguments.canonical[self._calls.arguments[items]].astype(np.uint64)
        name = (self._calls.name[items] + 2).astype(np.uint64)
        mixed = (name * PRIMES[0]) ^ ((argument + np.uint64(1)) * PRIMES[1])
        mixed = (mixed ^ (mixed >> np.uint64(29))) * PRIMES[2] * (2 * place.astype(np.uint64) + np.uint64(3))
        return np.asarray(np.add.reduceat(mixed ^ (mixed >> np.uint64(32)), starts_of(lengths)), dtype=np.uint64)
