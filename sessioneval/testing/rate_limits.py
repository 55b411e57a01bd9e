"""Requests and tokens a minute as a provider counts them, with the headers that tell a client what is left."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from sessioneval.errors import InputError

_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request has to wait.

    Attributes:
        kind: What ran out: requests or tokens.
        wait_seconds: When it may come again.
    """

    kind: str
    wait_seconds: float


class TokenBucket:
    """Permissions that refill at an even pace.

    A request that costs more than the whole bucket holds is let through when the bucket is full, and leaves a debt:
    otherwise it could never be sent.

    Args:
        per_minute: Permissions a minute; above 0.
        burst_seconds: The bucket holds what flows in during this time, and at least 1.
        clock: Seconds that only grow.
    """

    def __init__(
        self, per_minute: float, burst_seconds: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.per_minute = per_minute
        self._per_second = per_minute / _SECONDS_PER_MINUTE
        self._size = max(1.0, self._per_second * burst_seconds)
        self._left = self._size
        self._clock = clock
        self._filled_at = clock()

    @property
    def remaining(self) -> int:
        """Whole permissions left at the last look."""
        return max(0, int(self._left))

    @property
    def full_after_seconds(self) -> float:
        """Time until nothing of what was taken shows any more."""
        return (self._size - self._left) / self._per_second

    def wait_seconds(self, cost: float) -> float:
        """Return the time until `cost` permissions may be taken; 0 if at once."""
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        return max(0.0, (min(cost, self._size) - self._left) / self._per_second)

    def take(self, cost: float) -> None:
        """Take the permissions, whether they are there or not."""
        self._left -= cost


class RateLimits:
    """What a provider lets through in a minute.

    Args:
        requests_per_minute: None for no limit.
        tokens_per_minute: Tokens of the prompts; None for no limit.
        burst_seconds: How many seconds' worth may come at once. Providers allow about 60; 1 makes a limit felt at once.
        clock: Seconds that only grow.

    Source: https://platform.openai.com/docs/guides/rate-limits
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        burst_seconds: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        limits = {"requests": requests_per_minute, "tokens": tokens_per_minute}
        self._buckets = {
            kind: TokenBucket(_checked(kind, limit), burst_seconds, clock)
            for kind, limit in limits.items()
            if limit is not None
        }

    def take(self, tokens: int = 0) -> Refusal | None:
        """Let a request with a prompt of so many tokens through and return None, or say what it has to wait for."""
        if not self._buckets:
            return None
        costs = {kind: 1 if kind == "requests" else tokens for kind in self._buckets}
        waits = {kind: bucket.wait_seconds(costs[kind]) for kind, bucket in self._buckets.items()}
        longest = max(waits, key=lambda kind: waits[kind])
        if waits[longest] > 0:
            return Refusal(kind=longest, wait_seconds=waits[longest])
        for kind, bucket in self._buckets.items():
            bucket.take(costs[kind])
        return None

    def headers(self) -> dict[str, str]:
        """Return the limit, what is left of it and the time until it is full again, for each limit that is set."""
        told: dict[str, str] = {}
        for kind, bucket in self._buckets.items():
            told[f"x-ratelimit-limit-{kind}"] = str(math.floor(bucket.per_minute))
            told[f"x-ratelimit-remaining-{kind}"] = str(bucket.remaining)
            told[f"x-ratelimit-reset-{kind}"] = duration_text(bucket.full_after_seconds)
        return told


def duration_text(seconds: float) -> str:
    """Return a time as OpenAI's headers write it.

    Example:
        >>> duration_text(0.0625), duration_text(1), duration_text(361.5)
        ('63ms', '1s', '6m1.5s')
    """
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 1000:  # noqa: PLR2004 - a second
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds / 1000, _SECONDS_PER_MINUTE)
    hours, minutes = divmod(int(minutes), _SECONDS_PER_MINUTE)
    return "".join([f"{hours}h" if hours else "", f"{minutes}m" if hours or minutes else "", f"{rest:.10g}s"])


def retry_headers(wait_seconds: float) -> dict[str, str]:
    """Return the two headers by which a client is told to wait.

    Example:
        >>> retry_headers(0.25)
        {'retry-after': '1', 'retry-after-ms': '250'}
    """
    return {"retry-after": str(math.ceil(wait_seconds)), "retry-after-ms": str(math.ceil(wait_seconds * 1000))}


def _checked(kind: str, limit: float) -> float:
    if not math.isfinite(limit) or limit <= 0:
        raise InputError(f"{kind}_per_minute {limit!r} is not allowed: use a number above 0")
    return limit
