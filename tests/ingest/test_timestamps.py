"""Times in DataFrames come as integers, datetimes or ISO 8601 text."""

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pytest

from sessioneval.ingest.timestamps import unix_ns


@pytest.mark.parametrize(
    ("value", "ns"),
    [
        (5, 5),
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01 00:00:01", 10**9),
        ("1970-01-01T02:00:01+02:00", 10**9),
        ("1970-01-01T00:00:00.000000123Z", 123),
        ("1970-01-01T00:00:00.0000001+00:00", 100),
        ("1970-01-01T00:00:00.5Z", 5 * 10**8),
        (datetime(1970, 1, 1, 0, 0, 1), 10**9),  # noqa: DTZ001 - frames hold times without a zone
        (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), 10**9),
        (datetime(1970, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), 0),
        (pd.Timestamp(1_700_000_000_123_456_789, tz="UTC"), 1_700_000_000_123_456_789),
    ],
)
def test_times_are_unix_nanoseconds(value, ns):
    """Order within a session may hang on nanoseconds."""
    assert unix_ns(value) == ns


@pytest.mark.parametrize("value", ["", "soon", None, True, 1.5, [], "2026-13-01"])
def test_what_is_no_time_is_0(value):
    """The span is then refused by name."""
    assert unix_ns(value) == 0
