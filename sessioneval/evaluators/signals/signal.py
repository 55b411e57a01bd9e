"""What a signal is: a code evaluator that names its fields, and may ask for the session's context."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sessioneval.evaluators.code import CodeEvaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.transcript import Transcript

Decided = dict[str, Any]
SignalFunction = Callable[[Transcript], Decided | None]


class Signal(CodeEvaluator):
    """A built-in code evaluator; made by `signal`.

    Attributes:
        fields: Names of what it counts; the keys of `Evaluation.fields`.
        needs_context: Whether it reads `Transcript.context`.
    """

    def __init__(
        self,
        function: SignalFunction,
        labels: Mapping[str, float],
        *,
        fields: tuple[str, ...],
        needs_context: bool,
        version: str,
    ) -> None:
        super().__init__(function, None, labels, version)
        self.fields = fields
        self.needs_context = needs_context

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the evaluation; None from the function is a row with status skipped."""
        evaluation = await super().evaluate(transcript)
        return replace(evaluation, fields=evaluation.metadata, metadata={})


def signal(
    labels: Mapping[str, float] | None = None,
    *,
    fields: tuple[str, ...] = (),
    needs_context: bool = False,
    version: str = "1",
) -> Callable[[SignalFunction], Signal]:
    """Make a signal of a function that returns what `decided` makes, or None where it does not apply.

    Args:
        labels: Labels with their scores; none for a signal that is a number.
        fields: Names of what it counts.
        needs_context: Whether it reads `Transcript.context`.
        version: Change it when the result changes for a reason outside the function's source.
    """

    def made(function: SignalFunction) -> Signal:
        return Signal(function, labels or {}, fields=fields, needs_context=needs_context, version=version)

    return made


def decided(outcome: str | float, explanation: str, *, score: float | None = None, **fields: Any) -> Decided:
    """Return a decision.

    Args:
        outcome: A label, or a score.
        explanation: Why, with message indexes.
        score: A score that counts before the label's.
        fields: What was counted.
    """
    key = "label" if isinstance(outcome, str) else "score"
    own_score = {} if score is None else {"score": score}
    return {key: outcome, **own_score, "explanation": explanation, "metadata": fields}
