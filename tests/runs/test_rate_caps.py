"""Caps of the user and headers of the endpoint: never faster, hardly slower, nonsense ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.runs.rate_caps import Cap, hold_seconds


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@given(per_minute=st.floats(1, 100_000), sizes=st.lists(st.floats(0.1, 5_000), min_size=2, max_size=50))
def test_a_cap_is_kept_over_any_stretch_of_time(per_minute, sizes):
    """What is taken in a stretch never exceeds what flows in, but for a burst and the last take."""
    clock = Clock()
    cap = Cap("rpm", per_minute, clock)
    taken = []
    for n_units in sizes:
        clock.now += cap.wait_seconds(n_units)
        cap.take(n_units)
        taken.append((clock.now, n_units))
    begun = taken[0][0]
    burst = max(1.0, per_minute / 60 * 0.25)
    before_the_last = sum(n_units for _, n_units in taken[:-1])
    allowed = burst + (taken[-1][0] - begun) * per_minute / 60 + max(sizes)
    assert before_the_last <= allowed * (1 + 1e-6)


def test_no_cap_never_waits():
    """The default costs nothing."""
    cap = Cap("rpm", None)
    cap.take(10**9)
    assert cap.wait_seconds(10**9) == 0.0


@pytest.mark.parametrize("per_minute", [0, -1, float("inf"), float("nan")])
def test_a_cap_that_would_stop_everything_is_refused(per_minute):
    """`--rpm 0` would wait for ever."""
    with pytest.raises(InputError, match="rpm is"):
        Cap("rpm", per_minute)


@pytest.mark.parametrize(
    ("limit", "reset", "seconds"),
    [("60", "60s", 1.0), ("500", "1m0s", 0.12), ("", "20ms", 0.02), ("x", "6m0s", 120.0), ("0", "1s", 1.0)],
)
def test_an_endpoint_that_has_nothing_left_is_asked_when_a_call_has_flowed_back(limit, reset, seconds):
    """Waiting until all has flowed back would use a fraction of what is paid for."""
    headers = {
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-limit-tokens": limit,
        "x-ratelimit-reset-tokens": reset,
    }
    assert hold_seconds(headers) == pytest.approx(seconds)


@given(st.text(max_size=40), st.text(max_size=40))
def test_whatever_the_headers_say_the_wait_is_bounded(limit, reset):
    """Headers are what a server sends, and a server may send anything."""
    headers = {
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-limit-requests": limit,
        "x-ratelimit-reset-requests": reset,
    }
    assert 0.0 <= hold_seconds(headers) <= 120.0
