"""Medians of scores with their intervals."""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sessioneval.analysis.proportions import Z_95

_TAIL = 0.025
# Up to here the binomial sum is exact in floats; beyond, its normal approximation is off by less than a rank.
_EXACT_UP_TO = 1_000


def median_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """Return a 95 % interval of the median from order statistics; None for fewer than 6 values.

    It assumes no distribution: with k the largest rank such that P(Binomial(n, 1/2) < k) <= 2.5 %, the k-th
    smallest and the k-th largest value enclose the median in at least 95 % of samples.

    Source: W. J. Conover, Practical Nonparametric Statistics, 3rd edition (1999), section 3.2.

    Example:
        >>> median_interval([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), median_interval([1, 2, 3, 4, 5])
        ((2, 9), None)
    """
    rank = _rank(len(values))
    ordered = sorted(values)
    return (ordered[rank - 1], ordered[-rank]) if rank else None


def _rank(n: int) -> int:
    if n > _EXACT_UP_TO:
        return math.floor((n - Z_95 * math.sqrt(n)) / 2)
    rank, term, below = 0, 0.5**n, 0.5**n
    while below <= _TAIL:
        rank += 1
        term *= (n - rank + 1) / rank
        below += term
    return rank


@dataclass(frozen=True, kw_only=True)
class ScoreMedian:
    """The median score of an evaluator that gives no labels.

    Attributes:
        name: The evaluator.
        n: Sessions with a score.
        median: Their median score.
        low, high: Its 95 % interval; None for fewer than 6 sessions.
    """

    name: str
    n: int
    median: float
    low: float | None
    high: float | None


def score_medians(rows: Iterable[Mapping[str, Any]]) -> list[ScoreMedian]:
    """Return the median score of each evaluator, of evaluations that have a score and no label."""
    scores: dict[str, list[float]] = {}
    for row in rows:
        if row["status"] == "evaluated" and row["label"] is None and row["score"] is not None:
            scores.setdefault(row["name"], []).append(row["score"])
    return [_median(name, values) for name, values in sorted(scores.items())]


def _median(name: str, values: Sequence[float]) -> ScoreMedian:
    low, high = median_interval(values) or (None, None)
    return ScoreMedian(name=name, n=len(values), median=statistics.median(values), low=low, high=high)
