"""A channel that calls each endpoint only as often as it can take."""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sessioneval.evaluators.attempts import AttemptFailed
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.runs.adaptive_limit import AdaptiveLimit
from sessioneval.runs.rate_caps import Cap, hold_seconds

_TOO_MANY_REQUESTS = 429
_OVERLOADED = frozenset({_TOO_MANY_REQUESTS, 503, 529})
# So many throttled calls in a row: the endpoint wants a rest, not only this call.
_STREAK = 5
# The first calls are spread over this time, so that they do not stay in step.
_FIRST_SPREAD_SECONDS = 0.05
_CHARS_A_TOKEN = 4
_GROWTH_AN_ANSWER = 2
_FIRST_OUTPUT_TOKENS = 200.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much a run may ask; the caps are for each model at an endpoint.

    Attributes:
        concurrency: Calls at once, at most, to all models together.
        rpm: Calls a minute; None is no cap.
        tpm: Tokens a minute, input and output; None is no cap.
    """

    concurrency: int
    rpm: float | None = None
    tpm: float | None = None


class LimitedChannel:
    """Lets single attempts through as the limits and the endpoint's answers allow.

    Args:
        inner: Makes one attempt a call.
        limits: What may be asked.

    Raises:
        InputError: A cap is not above 0.
    """

    def __init__(self, inner: Channel, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits
        self._lanes: dict[tuple[Endpoint, str], Lane] = {}
        self._in_flight = asyncio.Semaphore(limits.concurrency)
        Lane(limits)  # says at once what cannot be used

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer of the channel inside, once the call may be made."""
        key = (call.endpoint, call.model)
        lane = self._lanes.get(key) or self._lanes.setdefault(key, Lane(self._limits))
        estimate = lane.estimated_tokens(call)
        await lane.enter(estimate)
        try:
            async with self._in_flight:
                started = time.monotonic()
                completion = await self._inner.complete(call)
            lane.answered(completion, time.monotonic() - started, estimate)
        except AttemptFailed as failure:
            lane.failed(failure)
            raise
        finally:
            lane.leave()
        return completion

    def stop_waiting(self) -> None:
        """Cancel the calls that wait to be made."""
        for lane in self._lanes.values():
            lane.stop_waiting()

    async def aclose(self) -> None:
        """Close the channel inside."""
        await self._inner.aclose()


class Lane:
    """The way to one model at one endpoint: calls enter in order, as limit, caps and holds allow."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = AdaptiveLimit(limits.concurrency)
        self._calls = Cap("rpm", limits.rpm, clock)
        self._tokens = Cap("tpm", limits.tpm, clock)
        self._counts_tokens = limits.tpm is not None
        self._clock = clock
        self._waiting: deque[tuple[asyncio.Future[None], float]] = deque()
        self._in_flight = 0
        self._open_at = 0.0
        self._streak = 0
        self._output_tokens = _FIRST_OUTPUT_TOKENS
        self._alarm: asyncio.TimerHandle | None = None
        self._n_first = self._limit.value

    def estimated_tokens(self, call: JudgeCall) -> float:
        """Return what a call will use: a token for four characters, and as many to answer as calls before it.

        0 where nobody asks.
        """
        if not self._counts_tokens:
            return 0.0
        n_chars = sum(len(str(message["content"])) for message in call.messages)
        return n_chars / _CHARS_A_TOKEN + self._output_tokens

    async def enter(self, n_tokens: float) -> None:
        """Wait until a call of so many tokens may be made; `leave` when it has ended."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, n_tokens))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """Let the next call in."""
        self._in_flight -= 1
        self._admit()

    def stop_waiting(self) -> None:
        """Cancel who waits to enter."""
        for turn, _ in self._waiting:
            turn.cancel()
        self._waiting.clear()

    def answered(self, completion: Completion, latency_seconds: float, n_tokens: float) -> None:
        """Learn from an answer."""
        self._streak = 0
        self._limit.answered(latency_seconds)
        if self._limit.can_grow:
            # Calls that start together are answered together; a random delay spreads them over the latency.
            delay = random.random() * latency_seconds  # noqa: S311 - spreads calls, guards no secret
            asyncio.get_running_loop().call_later(delay, self._grow)
        usage = completion.usage
        self._output_tokens += 0.1 * (usage.output_tokens - self._output_tokens)
        if usage.input_tokens:
            self._tokens.take(usage.input_tokens + usage.output_tokens - n_tokens)
        self._hold(hold_seconds(getattr(completion, "headers", {})))

    def failed(self, failure: AttemptFailed) -> None:
        """Learn from an attempt that was not answered."""
        if failure.status not in _OVERLOADED:
            return
        self._limit.throttled()
        self._streak += 1
        if self._streak >= _STREAK:
            self._hold(failure.retry_after_seconds or 0.0)

    def _hold(self, seconds: float) -> None:
        if seconds > 0:
            self._open_at = max(self._open_at, self._clock() + seconds)

    def _grow(self) -> None:
        for _ in range(_GROWTH_AN_ANSWER):
            self._limit.grow()
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._in_flight < self._limit.value:
            turn, n_tokens = self._waiting[0]
            if not turn.done():
                wait_seconds = self._wait_seconds(n_tokens)
                if wait_seconds > 0:
                    self._wake_after(wait_seconds)
                    return
                self._calls.take(1)
                self._tokens.take(n_tokens)
                self._in_flight += 1
                self._n_first -= 1
                if self._n_first > 0:
                    self._hold(_FIRST_SPREAD_SECONDS / self._limit.value)
                turn.set_result(None)
            self._waiting.popleft()

    def _wait_seconds(self, n_tokens: float) -> float:
        return max(self._open_at - self._clock(), self._calls.wait_seconds(1), self._tokens.wait_seconds(n_tokens))

    def _wake_after(self, seconds: float) -> None:
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(seconds, self._woken)

    def _woken(self) -> None:
        self._alarm = None
        self._admit()
