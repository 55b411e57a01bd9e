"""An endpoint that only fails is given up soon; one that fails now and then never is."""

import asyncio

import pytest

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.attempts import AttemptFailed, Rejected, Retrying
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.runs.breaker import BreakerChannel


def call(model="m", max_retries=0):
    return JudgeCall(
        endpoint=Endpoint(base_url="http://a/v1", api_key="none", max_retries=max_retries), model=model, messages=[]
    )


class Scripted:
    """A channel that raises what its script says, and answers where it says None."""

    def __init__(self, *script):
        self.script = list(script)
        self.n_calls = 0

    async def complete(self, _):
        error = self.script[min(self.n_calls, len(self.script) - 1)]
        self.n_calls += 1
        if error is not None:
            raise error
        return Completion(text="yes")

    async def aclose(self):
        """Nothing to close."""


async def no_pause(_):
    """Wait for nothing."""


def outcomes(script, n_calls, one=None):
    inner = Scripted(*script)
    channel = BreakerChannel(Retrying(inner, no_pause))

    async def main():
        found = []
        for _ in range(n_calls):
            try:
                found.append(await channel.complete(one or call()))
            except (JudgeRefused, JudgeUnavailable) as error:
                found.append(error)
        return found

    return asyncio.run(main()), inner, channel


@pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
def test_a_wrong_key_or_model_ends_the_calls_after_five(status):
    """A list of a million sessions would be a million refusals."""
    found, inner, channel = outcomes([Rejected(f"refused with {status}", status)], 50)
    assert inner.n_calls == 5
    assert type(found[0]) is JudgeRefused
    assert "given up for model 'm' after 5 failed calls" in str(found[-1])
    assert f"refused with {status}" in channel.verdicts[0]


@pytest.mark.parametrize(("max_retries", "n_attempts"), [(0, 20), (1, 20), (5, 30)])
def test_an_endpoint_that_does_not_answer_is_given_up(max_retries, n_attempts):
    """Twenty attempts in a row at least, and five calls."""
    found, inner, _ = outcomes([AttemptFailed("nobody there")], 50, call(max_retries=max_retries))
    assert inner.n_calls == n_attempts
    assert all(isinstance(each, JudgeUnavailable) for each in found)


def test_one_answer_is_enough_to_go_on():
    """An overloaded endpoint is no dead one."""
    script = [*[AttemptFailed("overloaded", 503)] * 19, None] * 5
    _, inner, channel = outcomes(script, 100)
    assert (inner.n_calls, channel.verdicts) == (100, ())


@pytest.mark.parametrize("status", [400, 413, 422])
def test_rejections_of_single_calls_do_not_count(status):
    """Some transcripts are too long for the model; the others are not."""
    _, inner, channel = outcomes([Rejected("too long", status)], 50)
    assert (inner.n_calls, channel.verdicts) == (50, ())


def test_other_models_of_the_endpoint_go_on():
    """A misspelt name must not stop the judge beside it."""
    inner = Scripted(*[Rejected("no such model", 404)] * 5, None)
    channel = BreakerChannel(Retrying(inner, no_pause))

    async def main():
        for _ in range(5):
            with pytest.raises(JudgeRefused):
                await channel.complete(call("wrong"))
        return await channel.complete(call("right"))

    assert asyncio.run(main()).text == "yes"
