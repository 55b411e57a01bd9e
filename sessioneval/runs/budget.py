"""A run's budget: calls are made until it is spent, and what is in flight then is finished.

So a run ends above its cap by at most one call for each worker.
"""

from collections.abc import Iterable

from sessioneval.errors import InputError, OverBudget
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.model.evaluation import Usage
from sessioneval.runs.prices import Prices


class Budget:
    """What a run may spend, in money, in tokens, or both.

    Args:
        usd: Money by `prices`; None is no limit.
        tokens: Input and output tokens, cached ones included; None is no limit.
        prices: What the models cost.

    Raises:
        InputError: A limit is not above 0.

    Example:
        >>> budget = Budget(tokens=100)
        >>> budget.charge("a-model", Usage(calls=1, input_tokens=90, output_tokens=10))
        >>> budget.is_spent
        True
    """

    def __init__(self, *, usd: float | None = None, tokens: int | None = None, prices: Prices | None = None) -> None:
        for name, limit in (("usd", usd), ("tokens", tokens)):
            if limit is not None and not 0 < limit < float("inf"):
                raise InputError(f"the budget in {name} is {limit!r}; give a number above 0, or None for no limit")
        self._usd = usd
        self._tokens = tokens
        self.prices = prices or Prices()
        self.spent_usd = 0.0
        self.spent_tokens = 0

    @property
    def is_limited(self) -> bool:
        """Whether there is a limit at all."""
        return self._usd is not None or self._tokens is not None

    @property
    def is_spent(self) -> bool:
        """Whether no further call may be made."""
        return (self._usd is not None and self.spent_usd >= self._usd) or (
            self._tokens is not None and self.spent_tokens >= self._tokens
        )

    def check_prices(self, models: Iterable[str]) -> None:
        """Refuse models whose money cannot be counted.

        Raises:
            InputError: There is a limit in money and a model without a price.
        """
        if self._usd is None:
            return
        for model in models:
            if self.prices.cost_usd(model, Usage(calls=1)) is None:
                raise InputError(
                    f"a budget in USD needs the price of model {model!r}, and no list has it; "
                    "give a price file, or a budget in tokens"
                )

    def check(self) -> None:
        """Raise `OverBudget` if no further call may be made."""
        if self.is_spent:
            raise OverBudget(f"the budget is spent: {self.spent_usd:.4f} USD, {self.spent_tokens} tokens")

    def charge(self, model: str, usage: Usage) -> None:
        """Count what a call used."""
        self.spent_tokens += usage.input_tokens + usage.output_tokens
        self.spent_usd += self.prices.cost_usd(model, usage) or 0.0


class BudgetedChannel:
    """A channel that makes no call once the budget is spent."""

    def __init__(self, inner: Channel, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer of the channel inside; raises `OverBudget` instead of asking beyond the cap."""
        self._budget.check()
        completion = await self._inner.complete(call)
        self._budget.charge(call.model, completion.usage)
        return completion

    async def aclose(self) -> None:
        """Close the channel inside."""
        await self._inner.aclose()
