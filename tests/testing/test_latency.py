"""Latency distributions: the quantiles that were asked for, the same for the same seed."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.testing.faults import Faults
from sessioneval.testing.latency import Fixed, Lognormal, Uniform, latency_of, parse_latency


def delays(faults, count=4000):
    return [faults.delay_seconds(str(n), 1) for n in range(count)]


def test_a_lognormal_latency_has_the_quantiles_that_were_asked_for():
    """Half of the drawn times lie below p50 and 95 % below p95 (3 sigma of 4,000 draws)."""
    drawn = delays(Faults(latency_seconds=Lognormal(p50_seconds=0.2, p95_seconds=1.0)))
    assert sum(t <= 0.2 for t in drawn) / 4000 == pytest.approx(0.5, abs=0.024)
    assert sum(t <= 1.0 for t in drawn) / 4000 == pytest.approx(0.95, abs=0.011)
    assert Lognormal(p50_seconds=0.2, p95_seconds=1.0).seconds(0.95) == pytest.approx(1.0)


def test_a_uniform_latency_stays_in_its_bounds():
    """And its mean is in the middle."""
    drawn = delays(Faults(latency_seconds=Uniform(low_seconds=0.1, high_seconds=0.3)))
    assert 0.1 <= min(drawn) < max(drawn) <= 0.3
    assert statistics.mean(drawn) == pytest.approx(0.2, abs=0.003)


def test_the_same_seed_draws_the_same_times_and_a_retry_others():
    """A run can be repeated; a slow request is not slow for ever."""
    latency = Uniform(low_seconds=0, high_seconds=1)
    assert delays(Faults(seed=1, latency_seconds=latency), 50) == delays(Faults(seed=1, latency_seconds=latency), 50)
    assert delays(Faults(seed=1, latency_seconds=latency), 50) != delays(Faults(seed=2, latency_seconds=latency), 50)
    faults = Faults(latency_seconds=latency)
    assert faults.delay_seconds("same", 1) != faults.delay_seconds("same", 2)


@given(drawn=st.floats(0, 1))
def test_every_draw_gives_a_finite_time(drawn):
    """Also the ends, where the normal quantile is infinite."""
    assert 0 < Lognormal(p50_seconds=0.2, p95_seconds=1.0).seconds(drawn) < 1000


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("0.2", Fixed(delay_seconds=0.2)),
        ("uniform:0.1,0.3", Uniform(low_seconds=0.1, high_seconds=0.3)),
        ("lognormal:0.2,0.8", Lognormal(p50_seconds=0.2, p95_seconds=0.8)),
    ],
)
def test_the_written_forms_are_read(text, latency):
    """The command line takes what Python takes."""
    assert parse_latency(text) == latency
    assert latency_of(latency) is latency


@pytest.mark.parametrize("text", ["", "fast", "uniform:1", "uniform:2,1", "normal:1,2", "-1", "lognormal:0,1", "nan"])
def test_other_forms_are_refused(text):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match="is not allowed: use"):
        parse_latency(text)
