"""What a judge's calls cost, by model.

Prices come from the genai-prices package (providers' list prices, no network) unless a table of the user's
names the model. A model without a price costs None, never 0: an unknown price must not pass for a free one.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sessioneval.errors import InputError, UnknownName
from sessioneval.model.evaluation import Usage

_TOKENS_PER_PRICE = 1_000_000
# Source: OpenAI's pricing page: Batch API and flex processing cost half of the standard price.
BATCH_TIER = "batch"
HALF_PRICE_TIERS = frozenset({BATCH_TIER, "flex"})


@dataclass(frozen=True, kw_only=True)
class Price:
    """A model's price in USD per 1,000,000 tokens.

    Attributes:
        input: Tokens of the prompt that were not cached.
        output: Tokens of the answer, reasoning included.
        cached: Tokens read from the prefix cache; by default as `input`.
        cache_write: Tokens written to the cache at an own price; by default as `input`.
    """

    input: float
    output: float
    cached: float | None = None
    cache_write: float | None = None

    def cost_usd(self, usage: Usage) -> float:
        """Return what the tokens cost.

        Example:
            >>> Price(input=1.0, output=10.0, cached=0.1).cost_usd(Usage(input_tokens=1_000_000, cached_tokens=500_000))
            0.55
        """
        cached = self.input if self.cached is None else self.cached
        written = self.input if self.cache_write is None else self.cache_write
        fresh = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
        paid = max(0, fresh) * self.input + usage.cached_tokens * cached + usage.cache_write_tokens * written
        return (paid + usage.output_tokens * self.output) / _TOKENS_PER_PRICE


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Prices of models: the user's table first, then list prices.

    Attributes:
        table: The user's own prices by model.
        service_tier: ``standard``, or ``batch`` or ``flex`` at half the price.

    Example:
        >>> Prices(table={"mine": Price(input=2.0, output=8.0)}).cost_usd("mine", Usage(calls=1, output_tokens=500_000))
        4.0
        >>> Prices().cost_usd("a-model-nobody-sells", Usage(calls=1, output_tokens=500_000)) is None
        True
    """

    table: Mapping[str, Price] = field(default_factory=dict)
    service_tier: str = "standard"

    @classmethod
    def from_file(cls, path: Path | str, service_tier: str = "standard") -> "Prices":
        """Read a TOML file with a table ``[models."NAME"]`` of `Price`'s fields for each model.

        Raises:
            InputError: The file cannot be read, or a key or price is not allowed.
        """
        try:
            return cls(table=_table(_loaded(Path(path))), service_tier=service_tier)
        except InputError as error:
            raise InputError(f"price file {str(path)!r}: {error}") from error

    def cost_usd(self, model: str | None, usage: Usage) -> float | None:
        """Return what the tokens cost; 0 for no calls, None for a model without a price."""
        if usage.calls == 0:
            return 0.0
        standard = self._standard_cost_usd(model or "", usage)
        return None if standard is None else standard * (0.5 if self.service_tier in HALF_PRICE_TIERS else 1.0)

    def saved_usd(self, model: str | None, usage: Usage) -> float | None:
        """Return how much more the tokens would have cost without the prefix cache; negative if it cost more."""
        without_cache = Usage(calls=usage.calls, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
        full, paid = self.cost_usd(model, without_cache), self.cost_usd(model, usage)
        return None if full is None or paid is None else full - paid

    def _standard_cost_usd(self, model: str, usage: Usage) -> float | None:
        own = self.table.get(model)
        return _list_cost_usd(model, usage) if own is None else own.cost_usd(usage)


def _list_cost_usd(model: str, usage: Usage) -> float | None:
    # Its data take 0.2 s to load: only when something is to be priced.
    from genai_prices import Usage as Tokens
    from genai_prices import calc_price

    tokens = Tokens(
        input_tokens=usage.input_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.output_tokens,
    )
    provider, _, name = model.rpartition("/")
    try:
        return float(calc_price(tokens, model_ref=name, provider_id=provider or None).total_price)
    except (LookupError, ValueError):
        return None


def _loaded(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not valid UTF-8 TOML: {error}") from error


def _table(document: dict[str, Any]) -> dict[str, Price]:
    models = document.get("models")
    if not isinstance(models, dict) or not models:
        raise InputError('it has no prices; give a table such as [models."my-model"] with input and output')
    return {model: _price(model, values) for model, values in models.items()}


def _price(model: str, values: object) -> Price:
    if not isinstance(values, dict):
        raise InputError(f"prices of {model!r} are {values!r}; give a table with input and output")
    known = list(Price.__dataclass_fields__)
    for key, value in values.items():
        if key not in known:
            raise UnknownName.among(f"price of {model!r}", key, known)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise InputError(f"{key} of {model!r} is {value!r}; give USD per 1,000,000 tokens, 0 or more")
    if missing := [key for key in ("input", "output") if key not in values]:
        raise InputError(f"prices of {model!r} lack {missing[0]!r}; required: input, output")
    return Price(**values)
