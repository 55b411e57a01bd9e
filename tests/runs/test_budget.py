"""The cap on what a run spends."""

import asyncio

import pytest

from sessioneval.errors import InputError, OverBudget
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.model.evaluation import Usage
from sessioneval.runs.budget import Budget, BudgetedChannel
from sessioneval.runs.prices import Price, Prices

CALL = JudgeCall(endpoint=Endpoint(), model="m", messages=[])
PRICES = Prices(table={"m": Price(input=1_000_000.0, output=0.0)})  # a dollar a token


class Counting:
    """A channel whose every answer costs ten tokens; a call ends only when the others have begun."""

    def __init__(self):
        self.n_calls = 0

    async def complete(self, call):
        """Answer."""
        self.n_calls += 1
        await asyncio.sleep(0)
        return Completion(text=call.model, usage=Usage(calls=1, input_tokens=10))

    async def aclose(self):
        """Nothing to close."""


def spend(budget, n_workers):
    """Ask until the budget stops every worker; return the number of calls made."""
    inner = Counting()
    channel = BudgetedChannel(inner, budget)

    async def worker():
        while True:
            try:
                await channel.complete(CALL)
            except OverBudget:
                return

    async def run():
        await asyncio.gather(*(worker() for _ in range(n_workers)))
        await channel.aclose()

    asyncio.run(run())
    return inner.n_calls


@pytest.mark.parametrize("n_workers", [1, 7])
@pytest.mark.parametrize("limit", [{"tokens": 100}, {"usd": 100.0}])
def test_a_run_ends_within_one_call_a_worker_of_the_cap(limit, n_workers):
    """Calls in flight are finished and kept, for they are paid for."""
    budget = Budget(**limit, prices=PRICES)
    n_calls = spend(budget, n_workers)
    assert 10 <= n_calls < 10 + n_workers
    assert budget.is_spent
    assert budget.spent_tokens == 10 * n_calls
    assert budget.spent_usd == pytest.approx(10 * n_calls)


def test_no_limit_never_ends():
    """The default."""
    budget = Budget(prices=PRICES)
    budget.charge("m", Usage(calls=1, input_tokens=10**12))
    budget.check()


@pytest.mark.parametrize(
    "limit", [{"usd": 0}, {"usd": -1}, {"usd": float("nan")}, {"tokens": 0}, {"usd": float("inf")}]
)
def test_a_budget_of_nothing_is_refused(limit):
    """Probably a typo, and it would skip every session."""
    with pytest.raises(InputError, match="above 0"):
        Budget(**limit)


def test_a_budget_in_money_needs_prices():
    """A model without a price would be free and the cap would never be reached."""
    with pytest.raises(InputError, match="nobodys-model"):
        Budget(usd=1.0).check_prices(["nobodys-model"])
    Budget(usd=1.0, prices=PRICES).check_prices(["m"])
    Budget(tokens=1).check_prices(["nobodys-model"])
