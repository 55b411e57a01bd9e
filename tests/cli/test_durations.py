"""Durations and moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.cli.durations import parse_duration, parse_moment
from sessioneval.errors import InputError

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", timedelta(minutes=10)),
        ("30s", timedelta(seconds=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("0s", timedelta(0)),
        ("1d2h3m4s", timedelta(days=1, hours=2, minutes=3, seconds=4)),
    ],
)
def test_units_are_days_hours_minutes_seconds(text, expected):
    """What the help promises."""
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "10", "m", "10 m", "10x", "-5m", "1.5h", "30m1h", "1h30", "٣m", "9" * 12 + "d", "9" * 5_000 + "d"]
)
def test_what_is_no_duration_is_named_with_what_is_allowed(text):
    """A bare number has no unit: seconds or minutes would be a guess."""
    with pytest.raises(InputError, match=r"such as 30s, 10m, 1h30m or 7d|the longest is"):
        parse_duration(text)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_duration_is_the_sum_of_its_parts(days, hours, minutes, seconds):
    """Whatever the numbers, also above 59 minutes."""
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert parse_duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T12:00", NOW),
        ("2026-11-20T12:00Z", NOW),
        ("2026-11-20T13:00+01:00", NOW),
        ("7d", NOW - timedelta(days=7)),
        ("1h30m", NOW - timedelta(minutes=90)),
    ],
)
def test_a_moment_is_iso_or_a_duration_ago(text, expected):
    """A time without a zone is UTC, never this machine's."""
    moment = parse_moment(text, now=NOW)
    assert (moment, moment.tzinfo) == (expected, UTC)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "2026-11-20T25:00", "7", "99999999d", "0001-01-01T00:00+23:00"]
)
def test_what_is_no_moment_is_refused(text):
    """Also what Python's calendar cannot hold."""
    with pytest.raises(InputError, match=r"no moment|outside the calendar"):
        parse_moment(text, now=NOW)
