"""Calls at an endpoint: as many as it takes, no more than allowed, in order, and none forgotten."""

import asyncio
import time

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.attempts import AttemptFailed, Retrying
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.evaluators.judge_client import WIRE
from sessioneval.model.evaluation import Usage
from sessioneval.runs.adaptive_limit import AdaptiveLimit
from sessioneval.runs.limited_channel import LimitedChannel, Limits
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn


def call(endpoint=None, model="m"):
    text = [{"role": "user", "content": "x" * 400}]
    return JudgeCall(endpoint=endpoint or Endpoint(base_url="http://a/v1", api_key="none"), model=model, messages=text)


async def elapse(seconds):
    """Let time pass for the others, as a call over the network does."""
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)


class Endless:
    """A channel that notes how many calls are under way and answers when it is told to."""

    def __init__(self, answer=None):
        self.under_way = self.peak = self.n_calls = 0
        self._answer = answer or (lambda: Completion(usage=Usage(calls=1, input_tokens=100, output_tokens=20)))

    async def complete(self, _):
        self.n_calls += 1
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        await elapse(0.005)
        self.under_way -= 1
        return self._answer()

    async def aclose(self):
        """Nothing to close."""


@pytest.mark.parametrize("n_models", [1, 3])
def test_no_more_calls_at_once_than_the_concurrency(n_models):
    """`--concurrency` is the maximum, over all models together."""

    async def main():
        inner = Endless()
        channel = LimitedChannel(inner, Limits(concurrency=4))
        calls = [call(model=f"m{number % n_models}") for number in range(60)]
        await asyncio.gather(*map(channel.complete, calls))
        return inner.n_calls, inner.peak

    assert asyncio.run(main()) == (60, 4)


def test_many_calls_are_reached_while_an_endpoint_answers():
    """It starts with 32 and grows: a large concurrency is used, not only allowed."""

    async def main():
        inner = Endless()
        channel = LimitedChannel(inner, Limits(concurrency=200))
        await asyncio.gather(*(channel.complete(call()) for _ in range(2_000)))
        return inner.peak

    assert 100 < asyncio.run(main()) <= 200


def test_an_endpoint_that_throttles_is_asked_less():
    """Pushing on would only collect more of its 429s."""

    def throttle():
        raise AttemptFailed("slow down", 429)

    async def main():
        inner = Endless(throttle)
        channel = LimitedChannel(inner, Limits(concurrency=32))
        for _ in range(8):
            inner.peak = 0
            await asyncio.gather(*(channel.complete(call()) for _ in range(40)), return_exceptions=True)
        return inner.peak

    assert asyncio.run(main()) <= 2


def test_a_few_random_429s_do_not_throttle_a_run():
    """Busy providers send some to everybody; a run at a fourth of its pace would cost more than they do."""
    limit = AdaptiveLimit(maximum=64)
    for number in range(2_000):
        if number % 10:
            limit.answered(0.2)
            limit.grow()
        else:
            limit.throttled()
    assert limit.value == 64


def test_answers_that_take_ever_longer_lower_the_limit_and_usual_ones_raise_it_again():
    """Calls that queue at the endpoint gain nothing there."""
    limit = AdaptiveLimit(maximum=256)
    for _ in range(1_000):
        limit.answered(0.2)
        limit.grow()
    full = limit.value
    for _ in range(1_000):
        limit.answered(2.0)
    slow = limit.value
    for _ in range(40_000):
        limit.answered(0.2)
        limit.grow()
    assert (full, limit.value) == (256, 256)
    assert 32 <= slow < 200


def test_an_endpoint_with_a_rate_limit_is_used_to_its_limit_and_hardly_over():
    """The pace is the cap's: almost no call is wasted on a 429, and no time on waiting longer than asked."""
    with StandIn(Faults(requests_per_minute=1_200)) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none")

        async def main():
            channel = LimitedChannel(WIRE, Limits(concurrency=16, rpm=1_200))
            begun = time.monotonic()
            await asyncio.gather(*(Retrying(channel).complete(call(endpoint)) for _ in range(40)))
            await channel.aclose()
            return time.monotonic() - begun

        seconds = asyncio.run(main())
        assert server.stats["by_status"].get("429", 0) <= 2
    assert 1.5 < seconds < 6


def test_without_a_cap_the_endpoints_own_limit_is_found():
    """Nothing is lost: every call is answered in the end, by waiting as the server asks."""
    with StandIn(Faults(requests_per_minute=1_800)) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none", max_retries=20)

        async def main():
            channel = LimitedChannel(WIRE, Limits(concurrency=16))
            answers = await asyncio.gather(*(Retrying(channel).complete(call(endpoint)) for _ in range(60)))
            await channel.aclose()
            return answers

        assert all(answer.text for answer in asyncio.run(main()))


def test_a_cap_on_tokens_spreads_the_calls():
    """A provider counts tokens as well; 6,000 a minute are 100 a second."""

    async def main():
        channel = LimitedChannel(Endless(), Limits(concurrency=8, tpm=24_000))
        begun = time.monotonic()
        await asyncio.gather(*(channel.complete(call()) for _ in range(5)))
        return time.monotonic() - begun

    assert 0.8 < asyncio.run(main()) < 6


def test_a_caller_that_leaves_the_queue_does_not_block_it():
    """Cancelled calls hold no place in the line."""

    async def main():
        inner = Endless()
        channel = LimitedChannel(inner, Limits(concurrency=1))
        tasks = [asyncio.create_task(channel.complete(call())) for _ in range(6)]
        await asyncio.sleep(0)
        for task in tasks[1:4]:
            task.cancel()
        await asyncio.wait(tasks)
        await channel.complete(call())
        return [task.cancelled() for task in tasks]

    assert asyncio.run(main()) == [False, True, True, True, False, False]


def test_calls_that_wait_are_let_go_when_the_run_stops():
    """Under a low cap a stop would take minutes otherwise."""

    async def main():
        channel = LimitedChannel(Endless(), Limits(concurrency=8, rpm=6))
        tasks = [asyncio.create_task(channel.complete(call())) for _ in range(3)]
        await elapse(0.02)
        channel.stop_waiting()
        await asyncio.wait(tasks, timeout=1)
        return sorted(task.cancelled() for task in tasks)

    assert asyncio.run(main()) == [False, True, True]


def test_wrong_caps_are_told_before_any_call():
    """At the start of a run, not in its middle."""
    with pytest.raises(InputError, match="tpm is -1"):
        LimitedChannel(Endless(), Limits(concurrency=1, tpm=-1))
