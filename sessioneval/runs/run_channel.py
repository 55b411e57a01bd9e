"""The channel of a run: what stands between its judges and the endpoints."""

from typing import Protocol

from sessioneval.evaluators.attempts import Pause, Retrying
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.runs.breaker import BreakerChannel
from sessioneval.runs.budget import Budget, BudgetedChannel
from sessioneval.runs.limited_channel import LimitedChannel, Limits
from sessioneval.runs.service_tier import ServiceTier, TieredChannel
from sessioneval.runs.stopping import Stop


class RunChannel(Channel, Protocol):
    """A channel that a whole run shares."""

    @property
    def given_up(self) -> tuple[str, ...]:
        """A sentence for each model that is not asked any more."""

    async def answer_deferred(self, stop: Stop) -> None:
        """Return when every call that was deferred has an answer, or the run is asked to stop."""


class LiveRunChannel:
    """Gives up on endpoints that only fail, retries, limits, charges the budget, and calls, from the outside in.

    Args:
        limits: For each model at an endpoint.
        pause: Waits before a retry.
        budget: What may be spent; nothing is asked beyond it.
        wire: Makes single attempts; the process's live endpoints if left out.
        service_tier: ``flex`` for the provider's slower half-price tier.

    Raises:
        InputError: A limit cannot be used.
    """

    def __init__(
        self,
        limits: Limits,
        pause: Pause,
        budget: Budget,
        wire: Channel | None = None,
        *,
        service_tier: ServiceTier = "standard",
    ) -> None:
        # The budget is checked when a call may be made, not when it begins to wait for that.
        self._limited = LimitedChannel(BudgetedChannel(wire or _Live(), budget), limits)
        self._breaker = BreakerChannel(Retrying(self._limited, pause))
        self._channel = TieredChannel(self._breaker, service_tier)

    @property
    def given_up(self) -> tuple[str, ...]:
        """A sentence for each model that is not asked any more."""
        return self._breaker.verdicts

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the model's answer.

        Raises:
            JudgeError: There is none.
        """
        return await self._channel.complete(call)

    def stop_waiting(self) -> None:
        """Cancel the calls that wait to be made; those in flight go on."""
        self._limited.stop_waiting()

    async def answer_deferred(self, stop: Stop) -> None:
        """Do nothing: a live endpoint defers no call."""

    async def aclose(self) -> None:
        """Close the connections that no other run in this event loop uses."""
        await self._channel.aclose()


class _Live:
    """The live endpoints; aiohttp is loaded with the first call, so runs of code evaluators do without."""

    def __init__(self) -> None:
        self._wire: Channel | None = None

    async def complete(self, call: JudgeCall) -> Completion:
        from sessioneval.evaluators.judge_client import WIRE  # loads aiohttp, a fifth of a second

        self._wire = WIRE
        return await WIRE.complete(call)

    async def aclose(self) -> None:
        if self._wire is not None:
            await self._wire.aclose()
