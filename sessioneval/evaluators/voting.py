"""How many votes a verdict takes: repeats, several models, and whom to ask in doubt."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Unpack

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.judge import JudgeOptions
from sessioneval.evaluators.panel import DEFAULT_MIN_CONFIDENCE, Panel, Voter
from sessioneval.evaluators.registry import Spec, resolve, resolve_all


@dataclass(frozen=True, kw_only=True)
class Voting:
    """Who votes on each verdict of a judge.

    Attributes:
        repeats: How often each model is asked.
        panel: Models that vote beside the run's model.
        escalate_to: Model that decides where the votes differ or are not confident; None for the majority.
        min_confidence: Less than this, by a judge's own word, is doubt; 0 to 1.

    Raises:
        InputError: `repeats` is below 1.
    """

    repeats: int = 1
    panel: tuple[str, ...] = ()
    escalate_to: str | None = None
    min_confidence: float = DEFAULT_MIN_CONFIDENCE

    def __post_init__(self) -> None:
        if self.repeats < 1:
            raise InputError(f"repeats is {self.repeats!r}; use 1 for one vote, or more")

    @property
    def is_single(self) -> bool:
        """Whether one vote is the verdict."""
        return self.repeats == 1 and not self.panel and self.escalate_to is None


def resolve_voting(
    specs: Sequence[Spec], voting: Voting, *, model: str | None = None, **options: Unpack[JudgeOptions]
) -> tuple[Evaluator, ...]:
    """Return the evaluators of all `specs`, each judge among them with its votes; code evaluators as they are.

    Raises:
        InputError: As `resolve_all`; or an evaluator that is ready cannot be asked of other models.
    """
    resolved = resolve_all(specs, model=model, **options)
    if voting.is_single:
        return resolved
    return tuple(
        _voted(spec, evaluator, voting, options) if evaluator.annotator_kind == "LLM" else evaluator
        for spec, evaluator in zip(specs, resolved, strict=True)
    )


def _voted(spec: Spec, evaluator: Evaluator, voting: Voting, options: JudgeOptions) -> Evaluator:
    others = [_voter(spec, resolve(spec, model=model, **options)) for model in voting.panel]
    votes = [one for judge in (_voter(spec, evaluator), *others) for one in _repeated(judge, voting.repeats)]
    escalation = None
    if voting.escalate_to is not None:
        escalation = _voter(spec, resolve(spec, model=voting.escalate_to, **options))
    return Panel(votes, escalation=escalation, min_confidence=voting.min_confidence)


def _voter(spec: Spec, evaluator: Evaluator) -> Voter:
    if not isinstance(evaluator, Voter):
        raise InputError(f"evaluator {spec!r:.200} cannot vote more than once; make a Panel of your own judges")
    return evaluator


def _repeated(judge: Voter, repeats: int) -> list[Voter]:
    return [judge, *(judge.again(number) for number in range(1, repeats))]
