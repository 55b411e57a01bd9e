"""A pace: so many calls and tokens a minute, as caps of the user or as an endpoint's headers tell."""

import re
import time
from collections.abc import Callable, Mapping

from sessioneval.errors import InputError

# The largest burst, in seconds of the pace: an endpoint that counts by the second is not overrun.
_BURST_SECONDS = 0.25
_MAX_HOLD_SECONDS = 120.0
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Cap:
    """A bucket that refills at an even pace; what is taken beyond it is owed.

    Args:
        name: Of the option, for the message.
        per_minute: Units a minute; None is no cap.
        clock: Seconds that only grow.

    Raises:
        InputError: The pace is not above 0.
    """

    def __init__(self, name: str, per_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        if per_minute is not None and not 0 < per_minute < float("inf"):
            raise InputError(f"{name} is {per_minute!r}; give a number above 0, or None for no cap")
        self._per_second = None if per_minute is None else per_minute / 60
        self._size = max(1.0, (self._per_second or 0.0) * _BURST_SECONDS)
        self._level = self._size
        self._clock = clock
        self._filled_at = clock()

    def wait_seconds(self, n_units: float) -> float:
        """Return how long to wait before taking some units; 0 if they may be taken now."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        self._level = min(self._size, self._level + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        return max(0.0, (min(n_units, self._size) - self._level) / self._per_second)

    def take(self, n_units: float) -> None:
        """Take some units; negative ones give back what was taken too much."""
        self._level -= n_units


def hold_seconds(headers: Mapping[str, str]) -> float:
    """Return how long an endpoint's rate-limit headers ask for no further call; 0 if they do not.

    Where nothing remains and the limit is told, that is the time in which one call or token flows back; where the
    limit is not told, the time of the reset, up to two minutes.

    Source: ``x-ratelimit-limit-*``, ``-remaining-*`` and ``-reset-*`` of OpenAI and Azure, for requests and tokens;
    the reset is the time until all is back. https://platform.openai.com/docs/guides/rate-limits

    Example:
        >>> hold_seconds({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"})
        62.5
        >>> hold_seconds({"x-ratelimit-remaining-requests": "7", "x-ratelimit-reset-requests": "1s"})
        0.0
    """
    empty = [kind for kind in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{kind}", "").strip() == "0"]
    return min(max((_flow_seconds(headers, kind) for kind in empty), default=0.0), _MAX_HOLD_SECONDS)


def _flow_seconds(headers: Mapping[str, str], kind: str) -> float:
    limit = headers.get(f"x-ratelimit-limit-{kind}", "")
    n_to_flow_back = int(limit) if re.fullmatch(r"[1-9]\d{0,11}", limit) else 1
    return _length(headers.get(f"x-ratelimit-reset-{kind}", "")) / n_to_flow_back


def _length(text: str) -> float:
    """Return a length of time such as ``6m0s`` or ``20ms``, or a bare number of seconds; 0 for anything else."""
    parts = _LENGTH.findall(text[:32])
    if parts:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return float(text) if re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text) else 0.0
