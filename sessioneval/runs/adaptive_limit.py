"""How many calls an endpoint takes at once: more while it answers, fewer when it throttles or slows down."""

import math
from statistics import median

_FIRST_LIMIT = 32
_MIN_WINDOW = 10
# Up to this share of throttled calls is the price of finding the endpoint's rate.
_TOLERATED_SHARE = 0.15
_MAX_CUT = 0.5
# Slower than this many times the best window: calls queue at the endpoint.
_SLOW = 2.5
_SLOW_CUT = 0.85
# Sessions differ in length, so the best latency is forgotten by and by.
_FORGOTTEN_A_WINDOW = 1.05
_SLOW_FLOOR_SHARE = 8


class AdaptiveLimit:
    """The number of calls at once, from 1 to a maximum.

    It grows by one for each answer until the first cut, from then on by one for each round of answers, and is
    judged once a round of calls: cut by the share that was throttled, if that is more than tolerated and chance, and a
    little when latency has grown.

    Source: additive increase, multiplicative decrease (RFC 5681) on rounds of calls.

    Args:
        maximum: At least 1.

    Example:
        >>> limit = AdaptiveLimit(maximum=100)
        >>> before = limit.value
        >>> for _ in range(before):
        ...     limit.throttled()
        >>> before, limit.value
        (32, 16)
    """

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._limit = float(min(maximum, _FIRST_LIMIT))
        self._is_starting = True
        self._latencies: list[float] = []
        self._n_throttled = 0
        self._best = float("inf")

    @property
    def value(self) -> int:
        """Calls at once, now."""
        return int(self._limit)

    @property
    def can_grow(self) -> bool:
        """Whether the maximum is not reached."""
        return self._limit < self._maximum

    def grow(self) -> None:
        """Allow more after an answer."""
        step = 1.0 if self._is_starting else 1.0 / self._limit
        self._limit = min(float(self._maximum), self._limit + step)

    def answered(self, latency_seconds: float) -> None:
        """Count an answer for the round."""
        self._latencies.append(latency_seconds)
        self._judge_round()

    def throttled(self) -> None:
        """Count a call that was throttled or not served for lack of capacity."""
        self._n_throttled += 1
        self._judge_round()

    def _judge_round(self) -> None:
        n_calls = len(self._latencies) + self._n_throttled
        if n_calls < max(_MIN_WINDOW, self.value):
            return
        share = self._n_throttled / n_calls
        if share > _TOLERATED_SHARE + _by_chance(n_calls):
            self._cut(max(_MAX_CUT, 1.0 - share), floor=1.0)
        elif self._is_slow():
            self._cut(_SLOW_CUT, floor=max(1.0, min(self._limit, self._maximum / _SLOW_FLOOR_SHARE)))
        self._latencies.clear()
        self._n_throttled = 0

    def _cut(self, factor: float, floor: float) -> None:
        self._limit = max(floor, self._limit * factor)
        self._is_starting = False

    def _is_slow(self) -> bool:
        usual = median(self._latencies)
        self._best = min(self._best * _FORGOTTEN_A_WINDOW, usual)
        return usual > _SLOW * self._best


def _by_chance(n_calls: int) -> float:
    """Return by how much a share of so many calls may exceed the tolerated one by chance: two standard errors."""
    return 2 * math.sqrt(_TOLERATED_SHARE * (1 - _TOLERATED_SHARE) / n_calls)
