"""What the stand-in would have cost: tokens by kind, at their prices, by session."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from sessioneval.errors import InputError

TOKENS_PER_PRICE = 1_000_000
OTHER = "-"
"""The session of calls without a fenced transcript."""


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of tokens; all but the first as multiples.

    Attributes:
        input_usd: Dollars for a million tokens of input that is neither read from the cache nor written to it.
        cached: Price of a token read from the cache, as a multiple of `input_usd`.
        written: Price of a token written to the cache.
        output: Price of a token of the answer.
        batch: What a call in a batch, or in the flex tier, costs as a share of the same call sent at once.

    Source: the providers' prompt caching and batch guides (a read at 0.1, a write at 1.25, a batch at half price).
    """

    input_usd: float = 1.0
    cached: float = 0.1
    written: float = 1.25
    output: float = 8.0
    batch: float = 0.5

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            InputError: A price is negative or not finite.
        """
        for name, price in vars(self).items():
            if not math.isfinite(price) or price < 0:
                raise InputError(f"price {name} {price!r} is not allowed: use a number from 0")


class Ledger:
    """Bills by session.

    Args:
        prices: What tokens cost.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._bills: dict[str, Counter[str]] = {}

    def reset(self) -> None:
        """Forget all bills."""
        self._bills.clear()

    def charge(self, session: str, usage: dict[str, Any], *, discounted: bool = False) -> None:
        """Put one answer on a session's bill; `discounted` in batches and in the flex tier."""
        share = self._prices.batch if discounted else 1.0
        details = usage["prompt_tokens_details"]
        cached, written = details["cached_tokens"], details.get("cache_write_tokens", 0)
        plain = usage["prompt_tokens"] - cached - written
        bill = self._bills.setdefault(session, Counter())
        bill["calls"] += 1
        bill["prompt_tokens"] += usage["prompt_tokens"]
        bill["cached_tokens"] += cached
        bill["written_tokens"] += written
        bill["completion_tokens"] += usage["completion_tokens"]
        bill["billed_input_tokens"] += share * (plain + cached * self._prices.cached + written * self._prices.written)
        bill["billed_output_tokens"] += share * usage["completion_tokens"]

    def by_session(self) -> dict[str, dict[str, float]]:
        """Return each session's bill; `billed_*` in tokens at full price, and dollars."""
        return {session: self._priced(bill) for session, bill in self._bills.copy().items()}

    def total(self) -> dict[str, float]:
        """Return the sum of all bills."""
        summed: Counter[str] = Counter()
        for bill in self._bills.copy().values():
            summed.update(bill)
        return self._priced(summed)

    def _priced(self, bill: Counter[str]) -> dict[str, float]:
        names = ("calls", "prompt_tokens", "cached_tokens", "written_tokens", "completion_tokens")
        billed = {name: round(bill[name], 6) for name in ("billed_input_tokens", "billed_output_tokens")}
        weighted = billed["billed_input_tokens"] + billed["billed_output_tokens"] * self._prices.output
        usd = round(weighted * self._prices.input_usd / TOKENS_PER_PRICE, 9)
        return {name: bill[name] for name in names} | billed | {"usd": usd}
