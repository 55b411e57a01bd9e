"""Limits on requests and tokens: an even pace, and headers that say what is left."""

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.testing.faults import Faults
from sessioneval.testing.rate_limits import RateLimits, Refusal, duration_text
from sessioneval.testing.server import StandIn


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_the_bucket_refills_at_an_even_pace():
    """One a second: the second must wait a second, or what is left of it."""
    clock = Clock()
    limits = RateLimits(60, clock=clock)
    assert limits.take() is None
    assert limits.take() == Refusal(kind="requests", wait_seconds=1.0)
    clock.now = 0.75
    assert limits.take().wait_seconds == pytest.approx(0.25)
    clock.now = 1.5
    assert limits.take() is None


def test_a_burst_of_a_minute_lets_a_minutes_worth_through_at_once():
    """Providers count over a minute; a test can ask for that."""
    limits = RateLimits(100, burst_seconds=60, clock=Clock())
    assert [limits.take() for _ in range(100)] == [None] * 100
    assert limits.take() == Refusal(kind="requests", wait_seconds=pytest.approx(0.6))


def test_tokens_are_limited_beside_requests():
    """The longer wait of the two decides, and a refused request takes nothing."""
    clock = Clock()
    limits = RateLimits(6000, 60_000, clock=clock)
    assert limits.take(1000) is None
    assert limits.take(500) == Refusal(kind="tokens", wait_seconds=0.5)
    clock.now = 0.5
    assert limits.take(500) is None


def test_a_prompt_above_the_whole_bucket_passes_and_leaves_a_debt():
    """Otherwise it could never be sent at all."""
    clock = Clock()
    limits = RateLimits(tokens_per_minute=60_000, clock=clock)
    assert limits.take(5000) is None
    assert limits.take(1) == Refusal(kind="tokens", wait_seconds=pytest.approx(4.001))
    clock.now = 5
    assert limits.take(5000) is None


@given(costs=st.lists(st.integers(0, 3000), max_size=30), per_minute=st.integers(60, 100_000))
def test_who_waits_as_told_is_let_through(costs, per_minute):
    """The wait that is named is enough, for any order of prompts."""
    clock = Clock()
    limits = RateLimits(per_minute, per_minute, clock=clock)
    for cost in costs:
        refusal = limits.take(cost)
        clock.now += refusal.wait_seconds + 1e-6 if refusal else 0
        assert refusal is None or limits.take(cost) is None


def test_the_headers_name_limit_rest_and_reset_of_both():
    """An adaptive client steers by these six."""
    limits = RateLimits(600, 60_000, burst_seconds=60, clock=Clock())
    limits.take(3000)
    assert limits.headers() == {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "599",
        "x-ratelimit-reset-requests": "100ms",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-tokens": "57000",
        "x-ratelimit-reset-tokens": "3s",
    }
    assert RateLimits().headers() == {}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.0005, "1ms"), (59.5, "59.5s"), (60, "1m0s"), (3600, "1h0m0s"), (3725, "1h2m5s")],
)
def test_durations_read_as_the_providers(seconds, text):
    """Clients parse this form."""
    assert duration_text(seconds) == text


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_impossible_limits_are_refused(limit):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match=r"per_minute .* is not allowed: use a number above 0"):
        RateLimits(limit)


def test_the_token_limit_holds_over_http(connect):
    """A 429 of the token kind says so, and the answers before it show what was left."""
    with StandIn(Faults(tokens_per_minute=60_000, requests_per_minute=6000)) as server:
        client = connect(server)
        prompt = [{"role": "user", "content": "x" * 8000}]
        first = client.chat.completions.with_raw_response.create(model="m", messages=prompt)
        assert first.headers["x-ratelimit-remaining-tokens"] == "0"
        assert first.headers["x-ratelimit-remaining-requests"] == "99"
        with pytest.raises(openai.RateLimitError) as refused:
            client.chat.completions.create(model="m", messages=prompt)
        assert refused.value.type == "tokens"
        assert refused.value.code == "rate_limit_exceeded"
        assert 0 < int(refused.value.response.headers["retry-after-ms"]) <= 2004
        assert server.stats["by_fault"] == {"rate_limit": 1}
