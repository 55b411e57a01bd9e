"""Shares of labels with their intervals."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sessioneval.errors import InputError

# The 97.5 % point of the normal distribution: two-sided 95 %.
Z_95 = 1.959963984540054


def wilson_interval(successes: int, n: int, z: float = Z_95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion, within [0, 1].

    It holds its level also for few sessions and for shares near 0 and 1, where p +- z*sqrt(p(1-p)/n) fails.

    Args:
        successes: How many of `n`.
        n: Trials; with none the interval is (0, 1).
        z: Normal quantile of the level; 95 % by default.

    Raises:
        InputError: `successes` is not from 0 to `n`.

    Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of the
        American Statistical Association 22 (1927), 209-212.

    Example:
        >>> [round(bound, 6) for bound in wilson_interval(8, 10)]
        [0.490162, 0.943318]
        >>> wilson_interval(0, 4, z=2.0), wilson_interval(4, 4, z=2.0)
        ((0.0, 0.5), (0.5, 1.0))
    """
    if not 0 <= successes <= n:
        raise InputError(f"{successes!r} of {n!r} is no proportion; give 0 <= successes <= n")
    if n == 0:
        return 0.0, 1.0
    share, scale = successes / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / scale
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    # Exact at the ends, where rounding would leave a rest.
    return (0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)


@dataclass(frozen=True, kw_only=True)
class LabelShare:
    """How often an evaluator gave a label.

    Attributes:
        name: The evaluator.
        label: The label.
        n: Sessions with it.
        of: Sessions with any label of this evaluator.
        share: `n` / `of`.
        low, high: 95 % Wilson score interval of the share.
    """

    name: str
    label: str
    n: int
    of: int
    share: float
    low: float
    high: float


def label_shares(rows: Iterable[Mapping[str, Any]], labels: Mapping[str, Iterable[str]]) -> list[LabelShare]:
    """Return the share of each label of each evaluator, in the order of `labels`.

    Args:
        rows: Evaluations, at most one for each (session, evaluator); only those with a label count.
        labels: Evaluator name to the labels to show also where no session has them.
    """
    counts: dict[str, Counter[str]] = {name: Counter(dict.fromkeys(known, 0)) for name, known in labels.items()}
    for row in rows:
        if row["status"] == "evaluated" and row["label"] is not None:
            counts.setdefault(row["name"], Counter())[row["label"]] += 1
    return [
        _share(name, label, n, of_name.total())
        for name, of_name in counts.items()
        if of_name.total()
        for label, n in of_name.items()
    ]


def _share(name: str, label: str, n: int, of: int) -> LabelShare:
    low, high = wilson_interval(n, of)
    return LabelShare(name=name, label=label, n=n, of=of, share=n / of, low=low, high=high)
