"""Calls beside the talk, told on columns: what became of their answers, and which lane is the main one.

The rules are those of `side_calls` and of `assembly`; what cannot be told for certain is doubted.
"""

from collections.abc import Iterator

import numpy as np

from sessioneval.model.arrays import NONE, Flags, Ints, flags, nth_of_its_kind, ranges
from sessioneval.sessions.conversations import Conversations
from sessioneval.sessions.folding import Folding, New, paired, sends_history, sessions_with_several
from sessioneval.sessions.message_columns import TOOL as TOOL_RESULT
from sessioneval.sessions.message_columns import USER
from sessioneval.sessions.side_calls import MIN_QUOTED_CHARS
from sessioneval.sessions.span_batch import AGENT, CHAIN
from sessioneval.sessions.utterances import plain_text, texts_in


def unheard_calls(fold: Folding) -> Flags:
    """Return which calls were not heard of again, and doubt sessions with answers that later prompts quote."""
    return _Fate(fold).unheard()


class _Fate:
    """What became of the answers that no later call of their lane sends again."""

    def __init__(self, fold: Folding) -> None:
        self._batch = fold.batch
        self._talk = fold.talk
        self._found = fold.found
        self._lane = fold.lane
        self._new = fold.new
        self._is_last = ~flags(len(fold.before), fold.before[fold.before != NONE])
        self._answer, self._asks = self._answers()

    def _answers(self) -> tuple[Ints, Flags]:
        """Return the code of each call's answer, and whether it calls tools; several texts in one are doubted."""
        new, talk = self._new, self._talk
        said = np.flatnonzero(~new.is_sent)
        asks = flags(len(talk.rows), new.call[said[talk.said.n_calls[new.place[said]] > 0]])
        texts = said[new.stripped[said] != NONE]
        self._batch.doubt(talk.rows[new.call[texts[nth_of_its_kind(new.call[texts]) > 0]]])
        answer = np.full(len(talk.rows), NONE, dtype=np.int64)
        answer[new.call[texts]] = new.stripped[texts]
        return answer, asks

    def unheard(self) -> Flags:
        """Return which calls were not heard of again, and doubt sessions with answers that later prompts quote."""
        self._doubt_told_elsewhere()
        suspects = np.flatnonzero(self._is_last & ~self._asks & (self._answer != NONE))
        suspects = suspects[~self._batch.is_odd[self._talk.session[suspects]]]
        suspects = suspects[~self._is_sent_again(suspects)]
        self._doubt_quoted(suspects)
        return flags(len(self._is_last), self._unheard(suspects))

    def _doubt_told_elsewhere(self) -> None:
        """Doubt sessions with a lane that tells answers of another: it may be told the talk to find a title for it."""
        talk, lane = self._talk, self._lane
        tells = flags(int(lane.max(initial=0)) + 1, lane[sends_history(talk)])
        pairs = paired(talk.session, self._answer)
        _, first, kind = np.unique(pairs, return_index=True, return_inverse=True)
        self._batch.doubt(talk.rows[tells[lane] & (lane[first[kind]] != lane)])

    def _is_sent_again(self, suspects: Ints) -> Flags:
        """Return whether the words of an answer stand in what a later call of another lane sends."""
        new = self._new
        last_of_lane = np.zeros(int(self._lane.max(initial=0)) + 1, dtype=np.int64)
        np.maximum.at(last_of_lane, self._lane, np.arange(len(self._lane)))
        # The words of the last answer of a lane are never sent; all else is, up to the last call.
        until = last_of_lane[self._lane[new.call]]
        until = np.where(~new.is_sent & (until == new.call), NONE, until)
        has_text = np.flatnonzero((new.stripped != NONE) & (until != NONE))
        pairs = paired(new.session, new.stripped)
        wanted = _paired_like(self._talk.session[suspects], self._answer[suspects], new.stripped)
        order = has_text[np.lexsort((until[has_text], pairs[has_text]))]
        place = np.searchsorted(pairs[order], wanted, side="right") - 1
        hit = np.zeros(len(suspects), dtype=bool)
        inside = place >= 0
        at = order[place[inside]]
        hit[inside] = (pairs[at] == wanted[inside]) & (until[at] > suspects[inside])
        return hit

    def _doubt_quoted(self, suspects: Ints) -> None:
        """Doubt sessions where a later prompt quotes the answer."""
        talk = self._talk
        last_of_session = np.zeros(self._batch.n_sessions, dtype=np.int64)
        np.maximum.at(last_of_session, talk.session, np.arange(len(talk.session)))
        for call in suspects[last_of_session[talk.session[suspects]] > suspects].tolist():
            answer = self._text(self._answer_place(call))
            prompts = self._prompts(int(talk.session[call]))
            if len(answer) >= MIN_QUOTED_CHARS and any(answer in text for text in prompts):
                self._batch.doubt(talk.rows[[call]])

    def _prompts(self, session: int) -> Iterator[str]:
        """Yield all system prompts and user messages of a session."""
        talk, new = self._talk, self._new
        first, end = np.searchsorted(talk.session, [session, session + 1])
        low, high = np.searchsorted(new.session, [session, session + 1])
        asked = new.is_sent[low:high] & (new.role[low:high] == USER)
        codes = np.concatenate([talk.prompt[first:end], talk.said.text[new.place[low:high][asked]]])
        yield from (self._text(code) for code in np.unique(codes[codes != NONE]).tolist())

    def _answer_place(self, call: int) -> int:
        talk = self._talk
        first = int(talk.start[call] + talk.sent_length[call])
        codes = talk.said.text[first : int(talk.start[call] + talk.length[call])]
        return int(next(code for code in codes.tolist() if code != NONE and self._text(code)))

    def _text(self, code: int) -> str:
        return str(self._talk.texts[code].as_py()).strip()

    def _unheard(self, suspects: Ints) -> Ints:
        """Return the calls whose turn returned another call's answer, in sessions that send their history again."""
        talk = self._talk
        resends = flags(self._batch.n_sessions, talk.session[sends_history(talk)])
        others = self._has_other_answers()[suspects] & self._found.has_turn[talk.rows[suspects]]
        asked = suspects[others & resends[talk.session[suspects]]]
        return asked[[self._is_unheard(call) for call in asked.tolist()]] if len(asked) else asked

    def _has_other_answers(self) -> Flags:
        """Return for each call whether its trace has another answer than its own."""
        talk = self._talk
        answering = np.flatnonzero(self._answer != NONE)
        traces = paired(talk.session, self._batch.trace[talk.rows])
        differs = np.zeros(len(talk.rows), dtype=bool)
        order = answering[np.lexsort((self._answer[answering], traces[answering]))]
        if not len(order):
            return differs
        begins = np.flatnonzero(np.append(True, np.diff(traces[order]) != 0))
        sizes = np.diff(np.append(begins, len(order)))
        low, high = self._answer[order[begins]], self._answer[order[begins + sizes - 1]]
        differs[order] = np.repeat(low != high, sizes)
        return differs

    def _is_unheard(self, call: int) -> bool:
        """Return whether no turn above the call returned its answer, and the outermost returned another."""
        returned = self._returned(int(self._talk.rows[call]))
        if self._text(self._answer_place(call)) in returned:
            return False
        first, end = np.searchsorted(self._talk.session, self._talk.session[call] + np.arange(2))
        trace = self._batch.trace[self._talk.rows]
        peers = [k for k in range(first, end) if trace[k] == trace[call] and self._answer[k] != NONE]
        return returned[-1] in {self._text(self._answer_place(k)) for k in peers}

    def _returned(self, row: int) -> list[str]:
        """Return the texts that the turns above a row returned, the innermost first."""
        batch, texts = self._batch, []
        while (row := int(batch.parent[row])) != NONE:
            if batch.kind[row] in (AGENT, CHAIN):
                texts.append(plain_text(batch.output_value[row].as_py()).strip())
                if not texts[-1] and batch.outputs.lengths[row]:
                    batch.doubt(np.array([row]))
        return texts


def _paired_like(one: Ints, other: Ints, scale: Ints) -> Ints:
    return one * (int(scale.max(initial=0)) + 2) + other + 1


def calls_beside(fold: Folding, unheard: Flags) -> tuple[Flags, Flags]:
    """Return which calls are in a lane beside the main one, and which of them are the work of agents it calls as tools.

    A lane in traces of its own may be a turn of its own, which is left to the exact path.
    """
    batch, talk, lane = fold.batch, fold.talk, fold.lane
    beside, nested = np.zeros(len(lane), dtype=bool), np.zeros(len(lane), dtype=bool)
    several = sessions_with_several(talk.session, lane, batch.n_sessions) & ~batch.is_odd
    calls = np.flatnonzero(several[talk.session])
    if not len(calls):
        return beside, nested
    main = _main_lanes(fold, unheard)
    beside[calls] = ~unheard[calls] & (lane[calls] != main[talk.session[calls]])
    nested[beside] = _nested_lanes(fold, main, unheard, np.unique(lane[beside]))[lane[beside]]
    traces = paired(talk.session, batch.trace[talk.rows])
    at_home = np.isin(traces, traces[calls[~beside[calls] & ~unheard[calls]]])
    heard = flags(fold.n_lanes, lane[beside & at_home])
    batch.doubt(talk.rows[np.flatnonzero(beside & ~nested & ~heard[lane])])
    return beside, nested


def _nested_lanes(fold: Folding, main: Ints, unheard: Flags, lanes: Ints) -> Flags:
    """Return the lanes among `lanes` whose question is an argument of the main talk, or whose answer is a result."""
    new, nested = fold.new, np.zeros(fold.n_lanes, dtype=bool)
    heard = np.flatnonzero(~unheard[new.call])
    of_lane = heard[np.argsort(fold.lane[new.call[heard]], kind="stable")]
    borders = np.searchsorted(fold.lane[new.call[of_lane]], np.arange(fold.n_lanes + 1))
    for number in lanes.tolist():
        own = of_lane[borders[number] : borders[number + 1]]
        home = int(main[new.session[own[0]]])
        nested[number] = _is_nested(fold.talk, new, own, of_lane[borders[home] : borders[home + 1]])
    return nested


def _is_nested(talk: Conversations, new: New, own: Ints, main: Ints) -> bool:
    asked = own[new.role[own] == USER][:1]
    question = talk.stripped_text(int(new.place[asked[0]])) if len(asked) else ""
    answered = int(new.stripped[own[-1]])
    if not question or answered == NONE:
        return False
    if answered in new.stripped[main[new.role[main] == TOOL_RESULT]]:
        return True
    asking = new.place[main[talk.said.n_calls[new.place[main]] > 0]]
    items = ranges(talk.said.first_call[asking], talk.said.n_calls[asking])
    values = (talk.arguments.values[code] for code in talk.calls.arguments[items].tolist())
    return any(question in texts_in(value) for value in values)


def _main_lanes(fold: Folding, unheard: Flags) -> Ints:
    """Return the main lane of each session: that which sends its history again, else the longest; ties are doubted."""
    lane, new, n_lanes = fold.lane, fold.new, fold.n_lanes
    resends = flags(n_lanes, lane[(fold.known > 0) & ~unheard & sends_history(fold.talk)])
    size = np.bincount(lane[new.call[~unheard[new.call]]], minlength=n_lanes)
    first, session = np.full(n_lanes, len(lane), dtype=np.int64), np.empty(n_lanes, dtype=np.int64)
    heard = np.flatnonzero(~unheard)
    np.minimum.at(first, lane[heard], heard)
    session[lane] = fold.talk.session
    order = np.lexsort((-first, size, resends, session))
    ties = [values[order[1:]] == values[order[:-1]] for values in (session, resends, size)]
    is_top = np.append(session[order[1:]] != session[order[:-1]], True)[1:]
    fold.batch.doubt(fold.talk.rows[np.minimum(first, len(lane) - 1)[order[1:][np.logical_and.reduce(ties) & is_top]]])
    main = np.full(fold.batch.n_sessions, NONE, dtype=np.int64)
    main[session[order]] = order
    return main
