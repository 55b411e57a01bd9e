"""Several rubrics asked in one call: cheaper where prompts are not cached, and an instrument of its own.

The rubrics become the checklist of one question, so the answer keeps the schema that all judges share. What a model says
of one quality sways what it says of the next, so the labels are not to be mixed with those of the rubrics asked one by
one: each part has a fingerprint of its own.

Source: many binary questions in one call, as in CheckEval (arXiv 2403.18771).
"""

import asyncio
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Unpack

from sessioneval.errors import InputError
from sessioneval.evaluators.base import failed
from sessioneval.evaluators.channel import Channel
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.rubric import UNSURE, Rubric, render_definitions, render_question
from sessioneval.evaluators.rubric_library import rubric_named
from sessioneval.evaluators.rubric_parts import ChecklistItem, filled
from sessioneval.model.evaluation import MAX_LABEL_CHARS, AnnotatorKind, Evaluation, Usage
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.kept_renderings import KeptRenderings

_VERSION = "1"
_BETWEEN = "__"
_MIN_RUBRICS = 2
_QUESTION = """
Several evaluators ask about this session at once. The checklist holds the question of each under its name, with what \
else it wants to know before it. Answer them one by one, each by its own words alone: what you found for one is no reason \
for another. The reason of each label stands in its item's reason, naming the numbers of the messages that decide."""
_LABELS = {"answered": 1.0, "not_answered": 0.0}
_DEFINITIONS = {
    "answered": "Every item of the checklist has its answer.",
    "not_answered": "Some could not be answered.",
}
# What a row without a usable label does not have.
_NOTHING: Mapping[str, Any] = {
    "label": None,
    "score": None,
    "explanation": None,
    "confidence": None,
    "evidence": (),
    "findings": (),
    "fields": {},
    "is_unsupported": False,
    "is_flagged": False,
}
_Slot = dict[str, "asyncio.Future[Evaluation]"]
_ASKED: KeptRenderings[_Slot] = KeptRenderings()


def combined(
    rubrics: Iterable[str | Rubric], *, model: str, **options: Unpack[JudgeOptions]
) -> tuple["CombinedPart", ...]:
    """Return one evaluator a rubric; together they make one call a session.

    Args:
        rubrics: Names or rubrics, two or more. Their references and tools are shown to the one call.
        model: The model's name at the endpoint.
        options: As for `Judge`, but for `variables`: set them with `Rubric.with_variables`.

    Raises:
        InputError: There are fewer than two, two have one name, or a rubric has examples, which stand for one
            question alone.

    Example:
        >>> [part.name for part in combined(["coherence", "frustration"], model="m", base_url="http://localhost/v1")]
        ['coherence', 'frustration']
    """
    found = [rubric_named(each) if isinstance(each, str) else each for each in rubrics]
    judge = Judge(_together(found), model=model, **options)
    return tuple(CombinedPart(judge=judge, rubric=rubric) for rubric in found)


@dataclass(frozen=True, kw_only=True)
class CombinedPart:
    """The part of a combined judge that answers one rubric; made by `combined`.

    Attributes:
        judge: Asks all rubrics at once.
        rubric: The one whose label this is.
    """

    judge: Judge
    rubric: Rubric

    @property
    def annotator_kind(self) -> AnnotatorKind:
        """That of a judge."""
        return "LLM"

    @property
    def name(self) -> str:
        """The rubric's name."""
        return self.rubric.name

    @property
    def labels(self) -> Mapping[str, float]:
        """The rubric's labels with their scores."""
        return self.rubric.labels

    @property
    def model(self) -> str:
        """The judge's model."""
        return self.judge.model

    @property
    def needs_context(self) -> bool:
        """Whether any of the rubrics reads more than the transcript."""
        return self.judge.needs_context

    @property
    def prefix_key(self) -> str:
        """That of any judge of this model and address: the schema is the same."""
        return self.judge.prefix_key

    @cached_property
    def identifier(self) -> str:
        """Fingerprint of the whole call and of the rubric that is read from it."""
        labels = list(self.rubric.labels.items())
        return fingerprint({"combined": self.judge.identifier, "part": [self.name, labels], "version": _VERSION})

    def through(self, channel: Channel) -> "CombinedPart":
        """Return the part with the call going through `channel`."""
        return replace(self, judge=self.judge.through(channel))

    def check(self) -> None:
        """Validate without any call; raises `InputError`."""
        self.judge.check()

    async def aclose(self) -> None:
        """Release the judge's connections."""
        await self.judge.aclose()

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return this rubric's evaluation; the first part that asks makes the call, and its row carries the cost."""
        slot = _ASKED.of(transcript, (self.judge.identifier, asyncio.get_running_loop()), dict)
        is_first = "call" not in slot
        if is_first:
            slot["call"] = asyncio.ensure_future(self.judge.evaluate(transcript))
        call = slot["call"]
        try:
            # A part that is given up must not take the call from the others.
            whole = await asyncio.shield(call)
        except BaseException:
            # No answer is kept: a batch defers the call to a later round.
            if _is_without_answer(call) and slot.get("call") is call:
                del slot["call"]
            raise
        return self._of(whole if is_first else replace(whole, usage=Usage(), duration_seconds=0.0))

    def _of(self, whole: Evaluation) -> Evaluation:
        """Return the row of the whole call as this rubric's."""
        own = replace(whole, name=self.name, identifier=self.identifier, evaluation_id=uuid.uuid4().hex)
        if whole.status != "evaluated":
            return own
        known = self.rubric.scores_of(whole.fields.get(self.name, ""))
        if known is None:
            error = f"the combined answer of {self.model!r} has no usable label for {self.name!r}"
            return replace(own, **_NOTHING, **failed("JudgeAnswerError", error))
        reasons: dict[str, str] = whole.metadata.get("reasons", {})
        return replace(
            own,
            label=known[0],
            score=known[1],
            explanation=reasons.get(self.name),
            confidence=None,
            fields=self._own(whole.fields),
            metadata={**whole.metadata, "reasons": self._own(reasons)},
        )

    def _own(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what belongs to this rubric's checklist, by its own ids."""
        start = f"{self.name}{_BETWEEN}"
        return {key.removeprefix(start): value for key, value in values.items() if key.startswith(start)}


def _is_without_answer(call: "asyncio.Future[Evaluation]") -> bool:
    return call.done() and (call.cancelled() or call.exception() is not None)


def _together(rubrics: Sequence[Rubric]) -> Rubric:
    """Return one rubric whose checklist asks all of them."""
    names = [rubric.name for rubric in rubrics]
    if len(set(names)) < max(len(names), _MIN_RUBRICS):
        raise InputError(f"combined takes two rubrics or more, each once; given: {', '.join(names) or 'none'}")
    if with_examples := [rubric.name for rubric in rubrics if rubric.examples]:
        raise InputError(f"rubric {with_examples[0]!r} has examples, which stand for one question; ask it alone")
    return Rubric(
        name=_BETWEEN.join(["combined", *names])[:MAX_LABEL_CHARS],
        version=_VERSION,
        question=_QUESTION,
        labels=_LABELS,
        definitions=_DEFINITIONS,
        checklist=tuple(item for rubric in rubrics for item in _items(rubric)),
        reference=tuple(dict.fromkeys(name for rubric in rubrics for name in rubric.reference)),
        tools=any(rubric.tools for rubric in rubrics),
    )


def _items(rubric: Rubric) -> Iterator[ChecklistItem]:
    """Yield a rubric's checklist and then its question, as items that hold no variables any more."""
    for item in rubric.checklist:
        asked = filled("checklist", item.question, rubric.variables)
        yield replace(item, id=f"{rubric.name}{_BETWEEN}{item.id}", question=_plain(asked))
    question = f"{render_question(rubric)}\n{render_definitions(rubric)}"
    answers = tuple(dict.fromkeys([*rubric.labels, UNSURE]))
    yield ChecklistItem(id=rubric.name, question=_plain(question), answers=answers)


def _plain(text: str) -> str:
    """Return text whose braces are read as text, not as variables."""
    return text.replace("{{", "{ {")
