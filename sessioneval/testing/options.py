"""How one stand-in is set up."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answerer
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.billing import Prices
from sessioneval.testing.capabilities import checked_capabilities
from sessioneval.testing.faults import Faults
from sessioneval.testing.prompt_cache import Regime, prompt_cache
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.verdict import first_label

AnswererName = Literal["rules", "first-label", "constant"]
CONSTANT: AnswererName = "constant"
_BY_NAME: dict[str, Answerer] = {"rules": answer_by_rules, "first-label": first_label, CONSTANT: first_label}


@dataclass(frozen=True, kw_only=True)
class Options:
    """All that can be set.

    Attributes:
        faults: How badly it behaves; not at all if left out.
        api_key: Asked for as bearer token where it is given.
        models: Names that are answered; others get 404. None answers to any name.
        answerer: Maps a `ChatRequest` to an `Answer`: a `NoisyOracle` or any function, or a name: ``rules``;
            ``first-label`` for the first label of each question, which costs less than the rules; ``constant`` for
            the same without reading the transcript, which costs least and counts nothing by session.
        refuses: Names of `CAPABILITIES` that get the error of a provider that does not have them.
        prompt_cache: How prompts are cached and billed: ``automatic``, ``breakpoint`` or ``none``.
        prices: What tokens cost.
        batches: What happens to batches.

    Raises:
        InputError: A value is not allowed.
    """

    faults: Faults = field(default_factory=Faults)
    api_key: str | None = None
    models: Iterable[str] | None = None
    answerer: Answerer | AnswererName = "rules"
    refuses: Iterable[str] = ()
    prompt_cache: Regime = "automatic"
    prices: Prices = field(default_factory=Prices)
    batches: BatchScript = field(default_factory=BatchScript)

    def __post_init__(self) -> None:
        """Check the names."""
        checked_capabilities(self.refuses)
        prompt_cache(self.prompt_cache)
        if isinstance(self.answerer, str) and self.answerer not in _BY_NAME:
            raise InputError(f"answerer {self.answerer!r} is not known: use a function or one of {', '.join(_BY_NAME)}")

    @property
    def answers(self) -> Answerer:
        """What answers."""
        return _BY_NAME[self.answerer] if isinstance(self.answerer, str) else self.answerer
