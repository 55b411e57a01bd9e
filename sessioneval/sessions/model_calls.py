"""Model calls as the fold reads them, and the words that are known from earlier calls."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sessioneval.model import columns as c
from sessioneval.semconv.cut_json import CUT
from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.utterances import (
    Utterance,
    canonical,
    dialogue,
    inputs_of,
    outputs_of,
    plain_text,
    said_by_user,
    system_text,
)

# No person repeats this many characters to the letter.
_UNLIKELY_REPEATED_CHARS = 80
TURN_KINDS = ("AGENT", "CHAIN")
"""Kinds of the spans that a user's turn is made of."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ModelCall:
    """A model call: what was sent and what was answered.

    Attributes:
        span: The LLM span.
        prompt: The system prompt, empty if there is none.
        sent: The input without system prompts.
        answered: The output.
        asked: The question of the turn, where the input was cut before it.
        has_summary: Whether a summary of what was said before took the place of the history.
    """

    span: SpanView
    prompt: str
    sent: tuple[Utterance, ...]
    answered: tuple[Utterance, ...]
    asked: Utterance | None = None
    has_summary: bool = False

    @property
    def sends_answers(self) -> bool:
        """Whether earlier answers are sent again."""
        return any(said.role == "assistant" for said in self.sent)

    @property
    def sends_history(self) -> bool:
        """Whether an answer to an earlier question is sent again, not just this turn's own steps."""
        last_question = max((index for index, said in enumerate(self.sent) if said.role == "user"), default=-1)
        return any(said.role == "assistant" for said in self.sent[: last_question + 1])

    @property
    def asks_tools(self) -> bool:
        """Whether the answer calls a tool."""
        return any(said.calls for said in self.answered)

    @property
    def question(self) -> str:
        """The text of the last user message."""
        return next((said.text.strip() for said in reversed(self.sent) if said.role == "user"), "")

    @property
    def answer(self) -> str:
        """The text of the answer."""
        return "\n".join(said.text.strip() for said in self.answered).strip()

    def without_summary(self, summaries: Iterable[str]) -> "ModelCall":
        """Return the call without messages that only quote a summary, and note whether there was one."""
        texts = tuple(summaries)
        kept = tuple(said for said in self.sent if said.role != "user" or not _quotes(said.text, texts))
        return replace(self, sent=kept, has_summary=len(kept) < len(self.sent) or _quotes(self.prompt, texts))


def _quotes(text: str, quoted: Iterable[str]) -> bool:
    return any(part in text for part in quoted)


def model_call(span: SpanView) -> ModelCall:
    """Read an LLM span."""
    everything = inputs_of(span)
    return ModelCall(
        span=span,
        prompt=system_text(everything),
        sent=tuple(dialogue(everything)),
        answered=tuple(outputs_of(span)),
    )


def with_lost_questions(calls: Iterable[ModelCall]) -> list[ModelCall]:
    """Return the calls; one whose input lacks the question of its turn is given the text that the turn took in.

    OpenLLMetry, for one, loses the whole input where it cannot upload an image, and limits on the length of
    attributes cut the newest messages. Only the first call of a trace that is answered is asked by the user.
    """
    found: list[ModelCall] = []
    begun: set[str] = set()
    for call in calls:
        is_first = bool(call.answered) and call.span.trace_id not in begun
        begun.update([call.span.trace_id] if call.answered else ())
        found.append(_with_question(call) if is_first else call)
    return found


def _with_question(call: ModelCall) -> ModelCall:
    if call.span.has_cut_input:
        question = _question_of_turn(call.span)
        last = call.sent[-1] if call.sent and call.sent[-1].role == "user" else None
        is_there = question is None or (last is not None and question.text.startswith(last.text.removesuffix(CUT)))
        return call if is_there else replace(call, asked=question)
    question = None if call.sent or not _has_lost_question(call.span) else _question_of_turn(call.span)
    return replace(call, sent=(question,)) if question else call


def _has_lost_question(call: SpanView) -> bool:
    """Return whether the input is missing, or its user message lacks all content."""
    roles = {message.get(c.MESSAGE_ROLE) for message in call.inputs}
    return not roles or "user" in roles


def _question_of_turn(call: SpanView) -> Utterance | None:
    turns = [span for span in reversed(call.ancestors) if span.kind in TURN_KINDS]
    said = (said for turn in turns for said in reversed(inputs_of(turn)) if said.role == "user")
    plain = (plain_text(turn.input_value) for turn in turns if turn.input_value)
    text = next((one.text for one in said), None) or next(plain, None)
    return said_by_user(text, call) if text else None


def returned_by(turn: SpanView) -> str:
    """Return the text that an agent or chain returned."""
    said = [said.text.strip() for said in outputs_of(turn)]
    return plain_text(turn.output_value).strip() or next(reversed(said), "")


def has_several_agents(calls: Iterable[ModelCall]) -> bool:
    """Return whether more than one agent makes the calls."""
    return len({agent for call in calls if (agent := call.span.nearest_agent())}) > 1


def is_group_chat(calls: Sequence[ModelCall], tools: Iterable[SpanView]) -> bool:
    """Return whether tools are speakers of the talk: none is called by a message, and their words are sent on."""
    said = [said for call in calls for said in (*call.sent, *call.answered)]
    if any(item.calls or item.role == "tool" for item in said):
        return False
    texts = {item.text.strip() for item in said} - {""}
    return has_several_agents(calls) or any((tool.output_value or "").strip() in texts for tool in tools)


class Known:
    """What calls and tools have said so far, to know it again when it is sent on.

    In a talk of several agents, each sees the others' words as messages of role user, so there the text
    alone tells. With one agent a user may well repeat a short answer; but nobody repeats a long one to the
    letter, and what comes right after an answer in the same trace is an agent's next step.
    """

    def __init__(self, *, several_agents: bool) -> None:
        self._several_agents = several_agents
        self._by_key: dict[object, Utterance] = {}
        self._by_text: dict[str, Utterance] = {}
        self._by_calls: dict[object, Utterance] = {}
        self._last: Utterance | None = None

    def add(self, utterances: Iterable[Utterance]) -> None:
        """Note what was said."""
        for said in utterances:
            self._by_key[said.key] = said
            if said.calls:
                self._by_calls[_calls_of(said)] = said
            if said.text.strip():
                self._by_text[said.text.strip()] = said
                self._last = said

    def recognised(self, call: ModelCall) -> ModelCall:
        """Return the call with each message that is sent again replaced by the utterance it repeats."""
        return replace(call, sent=tuple(self._original(said) for said in call.sent))

    def _original(self, said: Utterance) -> Utterance:
        if said.role == "assistant":
            return self._by_key.get(said.key) or self._calling(said) or said
        known = self._by_text.get(said.text.strip()) if said.role == "user" else None
        return known if known is not None and self._is_sent_on(said, known) else said

    def _calling(self, said: Utterance) -> Utterance | None:
        """Return the message with the same calls, of which the history may tell less, or in another order.

        Some instrumentors write a text beside tool calls only where it was said, not where it is sent again.
        """
        known = self._by_calls.get(_calls_of(said)) if said.calls else None
        return known if known is not None and said.text.strip() in ("", known.text.strip()) else None

    def _is_sent_on(self, said: Utterance, known: Utterance) -> bool:
        is_long = len(said.text) >= _UNLIKELY_REPEATED_CHARS
        is_step_before = known is self._last and known.call.trace_id == said.call.trace_id
        return self._several_agents or is_long or is_step_before


def _calls_of(said: Utterance) -> object:
    return tuple(sorted((call.id, call.name, canonical(call.arguments)) for call in said.calls))
