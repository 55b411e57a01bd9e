"""The filters that every command and frame shares."""

from datetime import UTC, datetime, timedelta

import pytest
from span_factory import span, table

from sessioneval.errors import InputError, UnknownName
from sessioneval.sessions.grouping import group
from sessioneval.sessions.selection import Selection

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SESSIONS = group(
    table(
        span(
            1, trace=1, session="a", USER_ID="ann", SOURCE="web", METADATA='{"plan": "pro", "seats": 3, "beta": true}'
        ),
        span(2, trace=2, session="b", at=60, USER_ID="bob", SOURCE="app", TAGS=["vip", "eu"], AGENT_VERSION="v2"),
        span(3, trace=3, session="c", at=120, SESSION_STATUS="completed"),
    )
).sessions


@pytest.mark.parametrize(
    ("filters", "admitted"),
    [
        ({}, "abc"),
        ({"since": NOON + timedelta(seconds=60)}, "bc"),
        ({"until": NOON + timedelta(seconds=60)}, "a"),
        ({"since": NOON + timedelta(seconds=1), "until": NOON + timedelta(seconds=61)}, "b"),
        ({"session_ids": frozenset({"a", "c", "nobody"})}, "ac"),
        ({"user_ids": frozenset({"ann"})}, "a"),
        ({"sources": frozenset({"web", "app"})}, "ab"),
        ({"sources": frozenset({"web"}), "user_ids": frozenset({"bob"})}, ""),
        ({"agent_versions": frozenset({"v2"})}, "b"),
        ({"where": {"metadata.plan": "pro"}}, "a"),
        ({"where": {"metadata.seats": "3"}}, "a"),
        ({"where": {"metadata.beta": "true"}}, "a"),
        ({"where": {"metadata.missing": "None"}}, ""),
        ({"where": {"tags": "vip"}}, "b"),
        ({"where": {"is_complete": "true"}}, "c"),
        ({"where": {"is_complete": "false"}}, "ab"),
        ({"where": {"user_id": "ann", "source": "web"}}, "a"),
    ],
    ids=str,
)
def test_sessions_pass_every_filter_that_is_set(filters, admitted):
    """Filters are joined by "and"; values of one filter by "or"; since is inclusive and until is not."""
    selection = Selection(**filters)
    assert [session.session_id for session in SESSIONS if selection.admits(session)] == list(admitted)


def test_unknown_column_names_the_nearest():
    """A misspelt filter would select nothing, and the report would look fine."""
    with pytest.raises(UnknownName, match=r"unknown column 'usr_id'; did you mean 'user_id'\?"):
        Selection(where={"usr_id": "ann"})


def test_moment_without_a_zone_is_refused():
    """Local time would select other sessions on another machine."""
    with pytest.raises(InputError, match="since '2026-11-20T12:00:00' has no time zone"):
        Selection(since=datetime(2026, 11, 20, 12))  # noqa: DTZ001 - the mistake


def test_empty_range_is_refused():
    """It selects nothing, which is never meant."""
    with pytest.raises(InputError, match="is not before until"):
        Selection(since=NOON, until=NOON)
