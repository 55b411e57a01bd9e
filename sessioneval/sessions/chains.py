"""Telling on columns which sessions are chains, where each call sends all that was said before and something new.

A session may hold several such chains (lanes): the talk and those of sub-agents. Every test here is
sufficient, not necessary: what cannot be told for certain is doubted and takes the exact path, whose rules
(`lanes`, `alignment`, `side_calls`, `duplicate_calls`) these are.
"""

from dataclasses import dataclass

import numpy as np

from sessioneval.model.arrays import NONE, Flags, Ints, flags, nth_of_its_kind, ranges
from sessioneval.sessions.asides import calls_beside, unheard_calls
from sessioneval.sessions.conversations import Conversations
from sessioneval.sessions.folding import Folding, New, paired, sessions_with_several
from sessioneval.sessions.message_columns import ASSISTANT
from sessioneval.sessions.message_columns import TOOL as TOOL_RESULT
from sessioneval.sessions.span_batch import AGENT, CHAIN, LLM, TOOL, UNKNOWN, Family, SpanBatch


@dataclass(frozen=True, kw_only=True)
class Chains:
    """What each call adds to its lane; one entry a call.

    Attributes:
        known: How many messages of its input were said before.
        brings_prompt: Whether its system prompt is new to the lane.
        is_unheard: Whether its answer was never said: the turn returned another call's.
        is_aside: Whether it is beside the talk, unheard or in a lane beside the main one.
        is_nested: Whether its lane is the work of an agent that the main talk calls as a tool.
    """

    known: Ints
    brings_prompt: Flags
    is_unheard: Flags
    is_aside: Flags
    is_nested: Flags


def talking_calls(batch: SpanBatch, found: Family) -> Ints:
    """Return the rows of the model calls that may be part of the talk."""
    is_call = (batch.kind == LLM) & batch.has_messages
    return np.flatnonzero(is_call & ~found.inside_tool & ~found.inside_side)


def chains(batch: SpanBatch, talk: Conversations, found: Family) -> Chains:
    """Order the calls into lanes; sessions that are more than that are doubted in `batch`."""
    lane, before = _lanes(batch, talk)
    known = np.where(before == NONE, 0, talk.length[before])
    _doubt_broken(batch, talk, before, known)
    _doubt_shown_twice(batch, talk)
    new = New(talk, known)
    fold = Folding(batch=batch, talk=talk, found=found, lane=lane, before=before, known=known, new=new)
    _doubt_odd_beginnings(fold)
    _doubt_echoes(batch, talk, new)
    _doubt_lone_results(batch, talk)
    _doubt_touching_lanes(batch, talk, new, lane)
    _doubt_silent_traces(batch)
    _doubt_group_chats(batch, talk, found)
    unheard = unheard_calls(fold)
    aside, nested = calls_beside(fold, unheard)
    return Chains(
        known=known,
        brings_prompt=(talk.prompt != NONE) & (nth_of_its_kind(paired(lane, talk.prompt)) == 0),
        is_unheard=unheard,
        is_aside=aside | unheard,
        is_nested=nested,
    )


def _doubt_odd_beginnings(fold: Folding) -> None:
    """Doubt lanes that begin with a tool's result, and answers that are known from later history only."""
    talk, new = fold.talk, fold.new
    has_sent = np.flatnonzero(talk.sent_length)
    fold.batch.doubt(talk.rows[has_sent[talk.said.role[talk.start[has_sent]] == TOOL_RESULT]])
    is_late = new.is_sent & (new.role == ASSISTANT) & (fold.before[new.call] != NONE)
    fold.batch.doubt(talk.rows[new.call[is_late]])


def _lanes(batch: SpanBatch, talk: Conversations) -> tuple[Ints, Ints]:
    """Return each call's lane and the call before it: calls of one lane begin with the same message."""
    n_calls = len(talk.rows)
    batch.doubt(talk.rows[talk.sent_length == 0])
    first = np.zeros(n_calls, dtype=np.int64)
    has_sent = talk.sent_length > 0
    first[has_sent] = talk.said.key[talk.start[has_sent]]
    order = np.lexsort((first, talk.session))
    begins = np.append(True, (np.diff(talk.session[order]) != 0) | (np.diff(first[order]) != 0))[:n_calls]
    lane, before = np.empty(n_calls, dtype=np.int64), np.full(n_calls, NONE, dtype=np.int64)
    lane[order] = np.cumsum(begins) - 1
    before[order[1:][~begins[1:]]] = order[:-1][~begins[1:]]
    return lane, before


def _doubt_broken(batch: SpanBatch, talk: Conversations, before: Ints, known: Ints) -> None:
    """Doubt sessions with a call that does not send again all that was sent and answered before."""
    later = np.flatnonzero(before != NONE)
    batch.doubt(talk.rows[later[talk.sent_length[later] < known[later]]])
    later = later[talk.sent_length[later] >= known[later]]
    lengths = known[later]
    again, said = ranges(talk.start[later], lengths), ranges(talk.start[before[later]], lengths)
    differs = talk.said.key[again] != talk.said.key[said]
    if differs.any():
        batch.doubt(talk.rows[np.repeat(later, lengths)[differs]])


def _doubt_shown_twice(batch: SpanBatch, talk: Conversations) -> None:
    """Doubt sessions in which calls that overlap in time may have one answer; and answers that are there but empty.

    Starts ascend, so a call that overlaps any later one overlaps the next.
    """
    rows = talk.rows
    is_silent = talk.length == talk.sent_length
    batch.doubt(rows[is_silent & (batch.outputs.lengths[rows] > 0) & ~batch.is_error[rows]])
    calls = np.flatnonzero((batch.kind == LLM) & batch.has_messages)
    above = batch.parent[calls]
    batch.doubt(calls[(above != NONE) & (batch.kind[above] == LLM)])
    session = batch.session[calls]
    over = (session[1:] == session[:-1]) & (batch.end_ns[calls[:-1]] > batch.start_ns[calls[1:]])
    if over.any():
        some = calls[flags(batch.n_sessions, session[1:][over])[session]]
        some = some[batch.outputs.lengths[some] > 0]
        _, codes = np.unique(talk.answer_hash[some], return_inverse=True)
        batch.doubt(some[nth_of_its_kind(paired(batch.session[some], codes)) > 0])


def _doubt_echoes(batch: SpanBatch, talk: Conversations, new: New) -> None:
    """Doubt sessions where an answer is sent on: to the letter, as a user's words or in another talk, or with its calls."""
    has_text = new.stripped != NONE
    asked = np.flatnonzero(new.is_sent & (new.role != TOOL_RESULT) & has_text)
    answered = np.flatnonzero(~new.is_sent & has_text)
    pairs = paired(new.session, new.stripped)
    batch.doubt(talk.rows[new.call[asked[np.isin(pairs[asked], pairs[answered])]]])


def _doubt_lone_results(batch: SpanBatch, talk: Conversations) -> None:
    """Doubt sessions with results in a call's input that the answer before them does not ask for."""
    said = talk.said
    results = np.flatnonzero(said.role == TOOL_RESULT)
    if not len(results):
        return
    place = np.arange(len(said.call))
    asking = np.maximum.accumulate(np.where(said.role == TOOL_RESULT, 0, place))[results]
    is_asked = (said.call[asking] == said.call[results]) & (results - asking <= said.n_calls[asking])
    batch.doubt(talk.rows[said.call[results[~is_asked]]])


def _doubt_touching_lanes(batch: SpanBatch, talk: Conversations, new: New, lane: Ints) -> None:
    """Doubt sessions whose lanes share a message or a system prompt: a call might belong to either."""
    if len(lane) and int(lane.max()) + 1 == len(np.unique(talk.session)):
        return
    several = sessions_with_several(talk.session, lane, batch.n_sessions)
    some = np.flatnonzero(several[new.session])
    _, keys = np.unique(new.key[some], return_inverse=True)
    touching = _shared(paired(new.session[some], keys), lane[new.call[some]])
    batch.doubt(talk.rows[new.call[some[touching]]])
    is_brought = new.is_sent & (new.role == ASSISTANT) & (talk.said.n_calls[new.place] > 0)
    batch.doubt(talk.rows[new.call[some[is_brought[some]]]])
    calls = np.flatnonzero(several[talk.session])
    touching = _shared(paired(talk.session[calls], talk.prompt[calls]), lane[calls])
    batch.doubt(talk.rows[calls[touching]])


def _shared(values: Ints, owners: Ints) -> Flags:
    """Return which items have an equal value with another owner."""
    order = np.lexsort((owners, values))
    differs = (np.diff(values[order]) == 0) & (np.diff(owners[order]) != 0)
    return flags(len(values), order[1:][differs])


def _doubt_silent_traces(batch: SpanBatch) -> None:
    """Doubt sessions with a trace without messages that may hold a turn as plain text."""
    traces = paired(batch.session, batch.trace)
    is_call = (batch.kind == LLM) & batch.has_messages
    may_speak = np.isin(batch.kind, (LLM, AGENT, CHAIN, UNKNOWN)) & ~batch.is_marker & ~is_call & batch.may_have_value
    rows = np.flatnonzero(may_speak)
    batch.doubt(rows[~np.isin(traces[rows], traces[is_call])])


def _doubt_group_chats(batch: SpanBatch, talk: Conversations, found: Family) -> None:
    """Doubt sessions without tool calls in which several agents, or tools, speak."""
    asks = flags(
        batch.n_sessions, talk.session[talk.said.call[(talk.said.n_calls > 0) | (talk.said.role == TOOL_RESULT)]]
    )
    tools = np.flatnonzero((batch.kind == TOOL) & ~found.inside_tool)
    batch.doubt(tools[~asks[batch.session[tools]]])
    agents = found.agent[talk.rows]
    named = np.flatnonzero(agents != NONE)
    several = sessions_with_several(talk.session[named], paired(talk.session[named], agents[named]), batch.n_sessions)
    batch.is_odd[several & ~asks] = True
