"""Faults that the stand-in shows on purpose, chosen by a seed so that a run can be repeated."""

import hashlib
import json
import math
from dataclasses import dataclass, fields, replace
from typing import Literal

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answer
from sessioneval.testing.latency import Latency, latency_of

Fault = Literal[
    "none", "too_many_requests", "error", "hang", "reset", "garble", "truncate", "bad_label", "refusal", "slow"
]

CONTENT_FAULTS: frozenset[Fault] = frozenset({"garble", "truncate", "bad_label", "refusal"})
"""Those that spoil the answer and not its delivery."""
BAD_LABEL = "label_of_no_rubric"
REFUSAL = "I can't help with that request."


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How badly the stand-in behaves; the default is not at all.

    A request meets at most one of the faults with a rate. Which one follows from the seed, the
    request and how often that same request was sent before, so a retry may succeed and a repeated
    run sees the same faults. A judge's request is the same for the same transcript, evaluator, model and
    sampling seed, whatever the nonce of its fence. The rates add up to at most 1.

    Attributes:
        seed: Another seed gives other faults and times at the same rates.
        latency_seconds: Wait before each answer: a number, or a distribution that is drawn from for each sending.
        requests_per_minute: More requests are answered by 429 with Retry-After.
        tokens_per_minute: The same for the tokens of the prompts.
        burst_seconds: How many seconds' worth of both limits may come at once (at least 1 request).
        too_many_requests_rate: Share of requests answered by 429 whatever the pace.
        retry_after_seconds: What those 429 ask the client to wait.
        error_rate: Share answered by 500.
        hang_rate: Share never answered, until the client leaves.
        reset_rate: Share whose connection is reset.
        garble_rate: Share answered by text that is no JSON.
        truncate_rate: Share cut off in the middle with the finish reason ``length``.
        bad_label_rate: Share of judge answers with a label of no rubric; other answers stay as they are.
        refusal_rate: Share answered by a refusal.
        slow_rate: Share whose bytes trickle in; the answer itself is whole.
        slow_seconds: How long those take from the first byte to the last.
    """

    seed: int = 0
    latency_seconds: float | Latency = 0.0
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    burst_seconds: float = 1.0
    too_many_requests_rate: float = 0.0
    retry_after_seconds: float = 1.0
    error_rate: float = 0.0
    hang_rate: float = 0.0
    reset_rate: float = 0.0
    garble_rate: float = 0.0
    truncate_rate: float = 0.0
    bad_label_rate: float = 0.0
    refusal_rate: float = 0.0
    slow_rate: float = 0.0
    slow_seconds: float = 1.0

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
        latency_of(self.latency_seconds)
        for name in ("retry_after_seconds", "burst_seconds", "slow_seconds"):
            _check_positive(name, getattr(self, name), zero_allowed=True)
        for name in ("requests_per_minute", "tokens_per_minute"):
            if getattr(self, name) is not None:
                _check_positive(name, getattr(self, name), zero_allowed=False)

    @property
    def rates(self) -> dict[str, float]:
        """Fault to its share of requests."""
        return {fault: getattr(self, name) for fault, name in _RATES}

    def choose(self, identity: str, attempt: int) -> Fault:
        """Return the fault that the `attempt`-th sending (from 1) of a request meets.

        Example:
            >>> Faults(error_rate=1.0).choose("00ff", 1)
            'error'
        """
        drawn = drawn_share(self.seed, identity, attempt)
        for fault, rate in self.rates.items():
            if drawn < rate:
                return fault  # type: ignore[return-value]  # the names of the fields are the faults
            drawn -= rate
        return "none"

    def delay_seconds(self, identity: str, attempt: int) -> float:
        """Return how long the `attempt`-th sending (from 1) of a request waits before its answer.

        Example:
            >>> Faults(latency_seconds=0.2).delay_seconds("00ff", 1)
            0.2
        """
        if isinstance(self.latency_seconds, int | float):
            return self.latency_seconds
        return self.latency_seconds.seconds(drawn_share(self.seed, "latency", identity, attempt))


_RATES = [(field.name.removesuffix("_rate"), field.name) for field in fields(Faults) if field.name.endswith("_rate")]


def drawn_share(*key: object) -> float:
    """Return a number from 0 to 1 that follows from the key alone, even over many keys.

    Example:
        >>> drawn_share(7, "coherence") == drawn_share(7, "coherence") != drawn_share(8, "coherence")
        True
    """
    text = "\0".join(map(str, key))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]) / 2**64


def _check_positive(name: str, value: float, *, zero_allowed: bool) -> None:
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
        raise InputError(f"{name} {value!r} is not allowed: use a number {'from' if zero_allowed else 'above'} 0")


def spoil(answer: Answer, fault: Fault) -> Answer:
    """Return the answer as the fault leaves it."""
    if fault == "garble":
        return replace(answer, text=f'{{"{answer.text[: len(answer.text) // 2]}', calls=())
    if fault == "truncate":
        return _cut_off(answer)
    if fault == "refusal":
        return replace(answer, text="", calls=(), refusal=REFUSAL)
    if fault == "bad_label" and answer.kind == "judge":
        calls = tuple(replace(call, arguments=_with_bad_label(call.arguments)) for call in answer.calls)
        return replace(answer, text=answer.text and _with_bad_label(answer.text), calls=calls)
    return answer


def _cut_off(answer: Answer) -> Answer:
    calls = tuple(replace(call, arguments=call.arguments[: len(call.arguments) // 2]) for call in answer.calls)
    return replace(answer, text=answer.text[: len(answer.text) // 2], calls=calls, truncated=True)


def _with_bad_label(text: str) -> str:
    return json.dumps({**json.loads(text), "label": BAD_LABEL})
