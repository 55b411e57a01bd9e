"""Model calls beside the talk: summaries, titles, follow-up questions, checks.

Nothing on a span says what a call was for, so it is told from what became of its answer: an answer
of the talk is sent again as history or is what the turn returned; an answer that is only quoted in a
later prompt, or that nobody heard of again while the turn returned another, was never said to the user.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sessioneval.sessions.model_calls import TURN_KINDS, ModelCall, returned_by

# Shorter texts ("yes", "Paris") stand in prompts by chance.
MIN_QUOTED_CHARS = 30


@dataclass(frozen=True, kw_only=True)
class SideCalls:
    """The calls beside the talk.

    Attributes:
        spans: Ids of their `SpanView` objects.
        summaries: Their answers that later prompts quote.
    """

    spans: frozenset[int]
    summaries: tuple[str, ...]


def find_side_calls(calls: Sequence[ModelCall]) -> SideCalls:
    """Find the side calls among the model calls of a session (in time order)."""
    fate = _Fate(calls)
    quoted = [call for index, call in enumerate(calls) if fate.is_only_quoted(index, call)]
    unheard = [call for index, call in enumerate(calls) if fate.is_unheard(index, call)]
    retelling = [call for index, call in enumerate(calls) if fate.is_told_all(index, call)]
    return SideCalls(
        spans=frozenset(id(call.span) for call in (*quoted, *unheard, *retelling)),
        summaries=tuple(call.answer for call in quoted),
    )


class _Fate:
    """What became of the answers of a session."""

    def __init__(self, calls: Sequence[ModelCall]) -> None:
        self._last_sent: dict[str, int] = {}
        self._last_prompted: dict[str, int] = {}
        self._answers: dict[str, set[str]] = {}
        self._prompt_of_answer: dict[str, str] = {}
        self._last_without_history: dict[str, int] = {}
        for index, call in enumerate(calls):
            self._prompt_of_answer.setdefault(call.answer, call.prompt)
            if call.question and not call.sends_answers:
                self._last_without_history[call.prompt] = index
            self._last_sent.update((said.text.strip(), index) for said in call.sent)
            self._last_prompted[call.prompt] = index
            self._last_prompted.update((said.text, index) for said in call.sent if said.role == "user")
            self._answers.setdefault(call.span.trace_id, set()).add(call.answer)
        self._resends = any(call.sends_history for call in calls)

    def _is_sent_again(self, index: int, call: ModelCall) -> bool:
        return any(self._last_sent.get(said.text.strip(), -1) > index for said in call.answered if said.text.strip())

    def is_only_quoted(self, index: int, call: ModelCall) -> bool:
        """Return whether the answer was never sent again as a message but stands inside a later prompt.

        A prompt that quotes the question too tells the talk over again, to have it summarised, say.
        """
        text = call.answer
        if len(text) < MIN_QUOTED_CHARS or call.asks_tools or self._is_sent_again(index, call):
            return False
        question = call.question
        quoting = (prompt for prompt, last in self._last_prompted.items() if last > index and text in prompt)
        return any(not question or question not in prompt for prompt in quoting)

    def is_told_all(self, index: int, call: ModelCall) -> bool:
        """Return whether the call was sent answers under other instructions by an app that else sends none.

        So it is told the talk to do something about it, such as to find a title. That the app has no memory shows
        in a later question under the instructions that the answers were given by.
        """
        if not call.sends_history or call.asks_tools:
            return False
        told = (said.text.strip() for said in call.sent if said.role == "assistant")
        prompts = {self._prompt_of_answer[text] for text in told if text in self._prompt_of_answer}
        return call.prompt not in prompts and any(self._last_without_history.get(one, -1) > index for one in prompts)

    def is_unheard(self, index: int, call: ModelCall) -> bool:
        """Return whether the answer vanished while the turn returned another call's answer.

        Only where the app sends its history again: elsewhere every answer vanishes.
        """
        if not self._resends or call.asks_tools or not call.answer or self._is_sent_again(index, call):
            return False
        returned = [returned_by(above) for above in call.span.ancestors if above.kind in TURN_KINDS]
        others = self._answers[call.span.trace_id] - {"", call.answer}
        return bool(returned) and call.answer not in returned and returned[-1] in others
