"""Joining tool calls, results and TOOL spans on columns: `tool_results.join_tools` where every call has an id of its own."""

from dataclasses import dataclass

import numpy as np

from sessioneval.model.arrays import NONE, Flags, Ints, flags, is_valid, nth_of_its_kind, ranges
from sessioneval.sessions.conversations import Conversations, Said
from sessioneval.sessions.message_columns import TOOL as TOOL_RESULT
from sessioneval.sessions.span_batch import TOOL, Family, SpanBatch


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The tool calls of the talk, in order.

    Attributes:
        entry: Number of the message that asks.
        call: Its place in `Conversations.calls`.
        span: Row of its execution, `NONE` if there is none.
        result: Number of the message with its result, `NONE` if no message has it.
        is_missing: Whether only the execution's span has the result.
    """

    entry: Ints
    call: Ints
    span: Ints
    result: Ints
    is_missing: Flags


def join(batch: SpanBatch, talk: Conversations, found: Family, said: Said, session: Ints) -> Asked:
    """Join the calls, results and executions of the talk.

    Args:
        batch: The spans.
        talk: The model calls.
        found: What stands above each span.
        said: The messages of the talk, session after session.
        session: Number of each message's session.
    """
    entry = np.repeat(np.arange(len(said.call)), said.n_calls)
    call = ranges(said.first_call, said.n_calls)
    width = len(talk.ids) + 1
    asked = session[entry] * width + talk.calls.id[call]
    rows_of_entry = talk.rows[said.call]
    batch.doubt(rows_of_entry[entry[talk.calls.id[call] == NONE]])
    results = np.flatnonzero(said.role == TOOL_RESULT)
    batch.doubt(rows_of_entry[results[said.call_id[results] == NONE]])
    answered = session[results] * width + said.call_id[results]
    question = _questions(asked, entry, answered, results)
    batch.doubt(rows_of_entry[results[question == NONE]])
    result = np.full(len(entry), NONE, dtype=np.int64)
    result[question[question != NONE]] = results[question != NONE]
    with_tools = flags(batch.n_sessions, session[(said.n_calls > 0) | (said.role == TOOL_RESULT)])
    span = _executions(batch, talk, found, with_tools, _Wants(session[entry], talk, call))
    has_output = is_valid(batch.output_value)
    is_missing = (span != NONE) & (result == NONE) & has_output[span]
    return Asked(entry=entry, call=call, span=span, result=result, is_missing=is_missing)


def _questions(asked: Ints, entry: Ints, answered: Ints, results: Ints) -> Ints:
    """Return which call each result answers: the one with its id right before it, `NONE` if another result is.

    Ids may repeat in a long session, each call being answered before the next.
    """
    keys, places = np.concatenate([asked, answered]), np.concatenate([entry, results])
    is_result = np.append(np.zeros(len(asked), dtype=bool), np.ones(len(answered), dtype=bool))
    order = np.lexsort((np.arange(len(keys)), is_result, places, keys))
    follows = is_result[order[1:]] & ~is_result[order[:-1]] & (keys[order[1:]] == keys[order[:-1]])
    question = np.full(len(keys), NONE, dtype=np.int64)
    question[order[1:][follows]] = order[:-1][follows]
    return question[len(asked) :]


class _Wants:
    """What each tool call of the talk asks for, and the execution that it has found."""

    def __init__(self, session: Ints, talk: Conversations, call: Ints) -> None:
        self.session = session
        self.id = talk.calls.id[call]
        self.name = talk.calls.name[call]
        self.arguments = talk.arguments.canonical[talk.calls.arguments[call]]
        self.span = np.full(len(call), NONE, dtype=np.int64)

    def match(self, mine: Ints, theirs: Ints, rows: Ints, free: Flags) -> Flags:
        """Give each call without execution the first free row of its key; return which rows are still free.

        Args:
            mine: A key for each call.
            theirs: A key for each row, `NONE` where it fits none.
            rows: The rows, in time order.
            free: Which of them are free.
        """
        wanting = np.flatnonzero(self.span == NONE)
        offered = np.flatnonzero(free & (theirs != NONE))
        ours, others = _numbered(mine[wanting], theirs[offered])
        place = _found(ours, others, offered)
        has = place != NONE
        self.span[wanting[has]] = rows[place[has]]
        left = free.copy()
        left[place[has]] = False
        return left


def _numbered(ours: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Return keys that also tell the first of a key from its second, and so on."""
    numbers = (nth_of_its_kind(ours), nth_of_its_kind(others))
    width = 1 + max(int(number.max(initial=0)) for number in numbers)
    return ours * width + numbers[0], others * width + numbers[1]


def _found(wanted: Ints, keys: Ints, values: Ints) -> Ints:
    """Return the value of each wanted key, `NONE` where there is no such key."""
    if not len(keys):
        return np.full(len(wanted), NONE, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    place = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
    return np.where(keys[order[place]] == wanted, values[order[place]], NONE)


def _executions(batch: SpanBatch, talk: Conversations, found: Family, with_tools: Flags, wants: _Wants) -> Ints:
    """Return the row of each call's execution: found by id, else by name and arguments, else by name.

    Every call has an id here, so that only executions without one are matched by name. Executions in a talk
    without tool calls may be part of it.
    """
    rows = np.flatnonzero((batch.kind == TOOL) & ~found.inside_tool)
    batch.doubt(rows[~with_tools[batch.session[rows]]])
    session, ids = batch.session[rows], talk.tools.id[rows]
    width = len(talk.ids) + 1
    free = np.ones(len(rows), dtype=bool)
    free = wants.match(wants.session * width + wants.id, np.where(ids == NONE, NONE, session * width + ids), rows, free)
    free &= ids == NONE
    if free.any():
        named = wants.session * (len(talk.names) + 1) + wants.name + 1
        offered = session * (len(talk.names) + 1) + talk.tools.name[rows] + 1
        width = len(talk.arguments.values)
        fitting = _arguments(batch, talk, rows, offered * width, (named * width + wants.arguments)[wants.span == NONE])
        free = wants.match(named * width + wants.arguments, fitting, rows, free)
        wants.match(named, offered, rows, free)
    return wants.span


def _arguments(batch: SpanBatch, talk: Conversations, rows: Ints, named: Ints, wanted: Ints) -> Ints:
    """Return the key of name and arguments of each execution: those of its input, or else of its parameters.

    Where both are asked for, but differ, the session is doubted.
    """
    keys = []
    for codes in (talk.tools.input[rows], talk.tools.parameters[rows]):
        key = named + talk.arguments.canonical[codes]
        keys.append(np.where((codes != NONE) & np.isin(key, wanted), key, NONE))
    batch.doubt(rows[(keys[0] != NONE) & (keys[1] != NONE) & (keys[0] != keys[1])])
    return np.where(keys[0] != NONE, keys[0], keys[1])


@dataclass(frozen=True, kw_only=True)
class Order:
    """The messages of the talk with results that stand only on TOOL spans in their places.

    Attributes:
        entry: Number of the message, or of the message that asked for an added result.
        asked: Number of the call whose result was added, `NONE` at other messages.
    """

    entry: Ints
    asked: Ints


def with_missing_results(said: Said, session: Ints, asked: Asked) -> Order:
    """Place each missing result after the results that follow its call."""
    missing = np.flatnonzero(asked.is_missing)
    everything = np.arange(len(said.call))
    if not len(missing):
        return Order(entry=everything, asked=np.full(len(everything), NONE, dtype=np.int64))
    # A block is a message and the results after it; a block of its own begins with each session.
    begins = (said.role != TOOL_RESULT) | np.append(True, session[1:] != session[:-1])
    block = np.cumsum(begins)
    entry = np.concatenate([everything, asked.entry[missing]])
    number = np.concatenate([np.full(len(everything), NONE, dtype=np.int64), missing])
    order = np.lexsort((number, np.where(number == NONE, entry, 0), number != NONE, block[entry]))
    return Order(entry=entry[order], asked=number[order])
