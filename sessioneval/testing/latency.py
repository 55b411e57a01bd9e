"""How long the stand-in takes to answer: distributions of seconds, drawn by a number from 0 to 1."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from sessioneval.errors import InputError

_P95_SIGMAS = NormalDist().inv_cdf(0.95)
_SMALLEST, _LARGEST = 1e-9, 1 - 1e-9
_FORMS = "a number of seconds, uniform:LOW,HIGH or lognormal:P50,P95"


class Latency(Protocol):
    """A distribution of seconds; the same draw gives the same time."""

    def seconds(self, drawn: float) -> float:
        """Return the quantile at `drawn`, a number from 0 to 1."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """Every answer takes as long.

    Attributes:
        delay_seconds: From 0.
    """

    delay_seconds: float = 0.0

    def __post_init__(self) -> None:
        """Check the value.

        Raises:
            InputError: It is negative or not finite.
        """
        _check("latency_seconds", self.delay_seconds)

    def seconds(self, drawn: float) -> float:  # noqa: ARG002 - every draw gives the same
        """Return the time, whatever was drawn."""
        return self.delay_seconds


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Every time between two bounds is as likely.

    Attributes:
        low_seconds: The shortest time.
        high_seconds: The longest time.
    """

    low_seconds: float
    high_seconds: float

    def __post_init__(self) -> None:
        """Check the bounds.

        Raises:
            InputError: A bound is negative, or they are in the wrong order.
        """
        _check("low_seconds", self.low_seconds)
        _check("high_seconds", self.high_seconds)
        if self.high_seconds < self.low_seconds:
            raise InputError(f"high_seconds {self.high_seconds!r} is not allowed: use at least {self.low_seconds!r}")

    def seconds(self, drawn: float) -> float:
        """Return the time at the share `drawn` of the way from low to high.

        Example:
            >>> Uniform(low_seconds=1, high_seconds=3).seconds(0.5)
            2.0
        """
        return self.low_seconds + drawn * (self.high_seconds - self.low_seconds)


@dataclass(frozen=True, kw_only=True)
class Lognormal:
    """A long tail, as hosted models have it.

    Attributes:
        p50_seconds: Half of the answers take at most this; above 0.
        p95_seconds: 95 of 100 answers take at most this; at least `p50_seconds`.

    Source: the quantile function exp(mu + sigma z) with mu = ln p50 and sigma = ln(p95 / p50) / z(0.95).
    """

    p50_seconds: float
    p95_seconds: float

    def __post_init__(self) -> None:
        """Check the quantiles.

        Raises:
            InputError: The median is not above 0, or the 95th percentile is below it.
        """
        _check("p50_seconds", self.p50_seconds)
        _check("p95_seconds", self.p95_seconds)
        if not 0 < self.p50_seconds <= self.p95_seconds:
            shown = f"p50_seconds {self.p50_seconds!r} with p95_seconds {self.p95_seconds!r}"
            raise InputError(f"{shown} is not allowed: use 0 < p50 <= p95")

    def seconds(self, drawn: float) -> float:
        """Return the quantile at `drawn`.

        Example:
            >>> Lognormal(p50_seconds=0.2, p95_seconds=0.8).seconds(0.5)
            0.2
        """
        sigma = math.log(self.p95_seconds / self.p50_seconds) / _P95_SIGMAS
        z = NormalDist().inv_cdf(min(max(drawn, _SMALLEST), _LARGEST))
        return self.p50_seconds * math.exp(sigma * z)


def latency_of(value: float | Latency) -> Latency:
    """Return the distribution; a number of seconds is a fixed time."""
    return Fixed(delay_seconds=value) if isinstance(value, int | float) else value


def parse_latency(text: str) -> Latency:
    """Return the distribution written as ``0.2``, ``uniform:0.1,0.3`` or ``lognormal:0.2,0.8``.

    Raises:
        InputError: The text is none of these forms.

    Example:
        >>> parse_latency("uniform:0.1,0.3")
        Uniform(low_seconds=0.1, high_seconds=0.3)
    """
    kind, _, numbers = text.rpartition(":")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError as error:
        raise InputError(f"latency {text!r} is not allowed: use {_FORMS}") from error
    match kind, values:
        case "", [delay]:
            return Fixed(delay_seconds=delay)
        case "uniform", [low, high]:
            return Uniform(low_seconds=low, high_seconds=high)
        case "lognormal", [p50, p95]:
            return Lognormal(p50_seconds=p50, p95_seconds=p95)
    raise InputError(f"latency {text!r} is not allowed: use {_FORMS}")


def _check(name: str, value: float) -> None:
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{name} {value!r} is not allowed: use a number from 0")
