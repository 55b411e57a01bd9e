"""Asking for a provider's cheaper, slower service tier."""

from dataclasses import replace
from typing import Literal, get_args

from sessioneval.errors import InputError
from sessioneval.evaluators.channel import Channel, JudgeCall
from sessioneval.evaluators.judge_answer import Completion

ServiceTier = Literal["standard", "flex"]


class TieredChannel:
    """A channel that asks for flex processing: half the price, slower answers, and 429 when there is no room.

    The tier changes no verdict, so it is no part of an evaluator's fingerprint.

    Source: OpenAI's flex processing guide, parameter ``service_tier``.
    """

    def __init__(self, inner: Channel, tier: ServiceTier) -> None:
        """Take the channel inside; raises `InputError` for a tier that is none."""
        if tier not in get_args(ServiceTier):
            raise InputError(f"service tier {tier!r} is not known; use 'standard' or 'flex'")
        self._inner = inner
        self._tier = tier

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer of the channel inside; raises `JudgeError`."""
        if self._tier == "standard":
            return await self._inner.complete(call)
        return await self._inner.complete(replace(call, parameters={**call.parameters, "service_tier": self._tier}))

    async def aclose(self) -> None:
        """Close the channel inside."""
        await self._inner.aclose()
