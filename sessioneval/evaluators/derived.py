"""Judges whose verdict is computed by code from what the model answered, for sessions that they apply to."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Self

from sessioneval.evaluators.base import evaluation_of, judged_digest
from sessioneval.evaluators.channel import Channel
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.evaluation import AnnotatorKind, Evaluation
from sessioneval.model.transcript import Transcript

Gate = Callable[[Transcript], str | None]
Derivation = Callable[[Evaluation, Transcript], dict[str, Any]]


_RUBRICS = Path(__file__).parent / "derived_rubrics"


class DerivedJudge:
    """Asks a judge where its gate lets it, and derives label, score and fields from the answer by code.

    Args:
        judge: Asks the model; its evaluation is never stored as it is.
        labels: The labels that `derive` gives, with their scores.
        gate: From a transcript to why it is skipped; None lets it through.
        derive: From the judge's evaluation to the fields of an evaluation that change.
        settings: What gate and derivation depend on, for the fingerprint; raise its version with their code.
    """

    annotator_kind: AnnotatorKind = "LLM"

    def __init__(
        self,
        judge: Judge,
        *,
        labels: Mapping[str, float],
        gate: Gate,
        derive: Derivation,
        settings: Mapping[str, Any],
    ) -> None:
        self.judge = judge
        self.labels = dict(labels)
        self._gate = gate
        self._derive = derive
        self._settings = dict(settings)

    @property
    def name(self) -> str:
        """The rubric's name."""
        return self.judge.name

    @property
    def model(self) -> str:
        """The judge's model."""
        return self.judge.model

    @property
    def prefix_key(self) -> str:
        """That of the judge."""
        return self.judge.prefix_key

    @property
    def needs_context(self) -> bool:
        """Whether the judge reads more than the transcript."""
        return self.judge.needs_context

    @cached_property
    def identifier(self) -> str:
        """Fingerprint of the judge and of what is made of its answer."""
        return fingerprint({"judge": self.judge.identifier, "labels": list(self.labels.items()), **self._settings})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, model={self.model!r})"

    def through(self, channel: Channel) -> Self:
        """Return the evaluator with its judge bound to a channel."""
        return self._with(self.judge.through(channel))

    def again(self, number: int) -> Self:
        """Return the evaluator as another vote: its judge asks once more (see `Judge.again`)."""
        return self._with(self.judge.again(number))

    def check(self) -> None:
        """Validate without any call; raises `InputError`."""
        self.judge.check()

    async def aclose(self) -> None:
        """Release the judge's connections."""
        await self.judge.aclose()

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the derived evaluation; skipped where the gate says so, failed where the judge failed."""
        reason = self._gate(transcript)
        if reason is not None:
            return evaluation_of(self, transcript, status="skipped", reason=reason)
        answered = await self.judge.evaluate(transcript)
        derived = self._derive(answered, transcript) if answered.status == "evaluated" else {}
        return replace(
            answered,
            identifier=self.identifier,
            transcript_digest=judged_digest(self, transcript),
            **derived,
        )

    def _with(self, judge: Judge) -> Self:
        made = copy.copy(self)
        made.__dict__.pop("identifier", None)
        made.judge = judge
        return made


@cache
def derived_rubric(name: str) -> Rubric:
    """Return the rubric that a derived judge asks; alone it would be no evaluator, so it is in no list."""
    return Rubric.from_file(_RUBRICS / f"{name}.toml")
