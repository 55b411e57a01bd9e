"""Faults that the stand-in shows on purpose, chosen by a seed so that a run can be repeated."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Literal

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answer

Fault = Literal["none", "too_many_requests", "error", "hang", "reset", "garble", "bad_label", "refusal"]

BAD_LABEL = "label_of_no_rubric"
REFUSAL = "I can't help with that request."


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How badly the stand-in behaves; the default is not at all.

    A request meets at most one of the faults with a rate. Which one follows from the seed, the
    request and how often that same request was sent before, so a retry may succeed and a repeated
    run sees the same faults. The rates add up to at most 1.

    Attributes:
        seed: Another seed gives other faults at the same rates.
        latency_seconds: Wait before each answer.
        rate_limit_per_minute: Requests a minute; more are answered by 429 with Retry-After. Up to one
            second's worth (at least 1) may come at once.
        too_many_requests_rate: Share of requests answered by 429 whatever the pace.
        retry_after_seconds: What those 429 ask the client to wait.
        error_rate: Share answered by 500.
        hang_rate: Share never answered, until the client leaves.
        reset_rate: Share whose connection is reset.
        garble_rate: Share answered by text that is no JSON.
        bad_label_rate: Share of judge answers with a label of no rubric; other answers stay as they are.
        refusal_rate: Share answered by a refusal.
    """

    seed: int = 0
    latency_seconds: float = 0.0
    rate_limit_per_minute: float | None = None
    too_many_requests_rate: float = 0.0
    retry_after_seconds: float = 1.0
    error_rate: float = 0.0
    hang_rate: float = 0.0
    reset_rate: float = 0.0
    garble_rate: float = 0.0
    bad_label_rate: float = 0.0
    refusal_rate: float = 0.0

    def __post_init__(self) -> None:
        """Check all values.

        Raises:
            InputError: A rate outside 0..1, rates that add up to more than 1, a negative time or pace.
        """
        for name, rate in self.rates.items():
            if not 0 <= rate <= 1:
                raise InputError(f"{name}_rate {rate!r} is not allowed: use a share between 0 and 1")
        if sum(self.rates.values()) > 1 + 1e-9:
            raise InputError(f"the fault rates {self.rates!r} add up to more than 1: lower some of them")
        _check_positive("latency_seconds", self.latency_seconds, zero_allowed=True)
        _check_positive("retry_after_seconds", self.retry_after_seconds, zero_allowed=True)
        if self.rate_limit_per_minute is not None:
            _check_positive("rate_limit_per_minute", self.rate_limit_per_minute, zero_allowed=False)

    @property
    def rates(self) -> dict[str, float]:
        """Fault to its share of requests."""
        names = [field.name for field in fields(self) if field.name.endswith("_rate")]
        return {name.removesuffix("_rate"): getattr(self, name) for name in names}

    def choose(self, fingerprint: str, attempt: int) -> Fault:
        """Return the fault that the `attempt`-th sending (from 1) of a request meets.

        Example:
            >>> Faults(error_rate=1.0).choose("00ff", 1)
            'error'
        """
        key = f"{self.seed}\0{fingerprint}\0{attempt}".encode()
        drawn = int.from_bytes(hashlib.sha256(key).digest()[:8]) / 2**64
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault  # type: ignore[return-value]  # the names of the fields are the faults
            drawn -= rate
        return "none"


def _check_positive(name: str, value: float, *, zero_allowed: bool) -> None:
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
        raise InputError(f"{name} {value!r} is not allowed: use a number {'from' if zero_allowed else 'above'} 0")


def spoil(answer: Answer, fault: Fault) -> Answer:
    """Return the answer as the fault leaves it."""
    if fault == "garble":
        return replace(answer, text=f'{{"{answer.text[: len(answer.text) // 2]}', calls=())
    if fault == "refusal":
        return replace(answer, text="", calls=(), refusal=REFUSAL)
    if fault == "bad_label" and answer.kind == "judge":
        calls = tuple(replace(call, arguments=_with_bad_label(call.arguments)) for call in answer.calls)
        return replace(answer, text=answer.text and _with_bad_label(answer.text), calls=calls)
    return answer


def _with_bad_label(text: str) -> str:
    return json.dumps({**json.loads(text), "label": BAD_LABEL})


class RateLimiter:
    """A bucket of permissions that refills at an even pace.

    Args:
        per_minute: Permissions a minute; None for no limit.
        clock: Seconds that only grow.
    """

    def __init__(self, per_minute: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = None if per_minute is None else per_minute / 60
        self._size = max(1.0, self._per_second or 0.0)
        self._left = self._size
        self._clock = clock
        self._filled_at = clock()

    @property
    def remaining(self) -> int:
        """Whole permissions left."""
        return int(self._left)

    def take(self) -> float:
        """Take a permission and return 0, or return the seconds until there is one."""
        if self._per_second is None:
            return 0.0
        now = self._clock()
        self._left = min(self._size, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._left < 1:
            return (1 - self._left) / self._per_second
        self._left -= 1
        return 0.0
