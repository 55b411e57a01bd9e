"""A session and its facts: anchor, times, counts, first values, completion."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_factory import SECOND_NS, llm, span, span_id, table, turns

from sessioneval.model import columns as c
from sessioneval.sessions.grouping import group
from sessioneval.sessions.span_facts import completion_column

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def only(*rows, **options):
    (session,) = group(table(*rows), **options).sessions
    return session


def test_anchor_is_the_earliest_start():
    """The place where evaluations are shown must not depend on the order in which spans arrived."""
    assert only(span(1, at=2), span(2, at=1), span(3, at=3)).anchor_span_id == span_id(2)


def test_anchor_of_equal_starts_is_the_root():
    """A root and its child often share a millisecond."""
    assert only(span(9), span(1, parent=9)).anchor_span_id == span_id(9)


def test_anchor_of_equal_starts_and_depths_is_the_smallest_span_id():
    """Something must decide between two traces that began at once."""
    assert only(span(5, trace=1), span(4, trace=2)).anchor_span_id == span_id(4)


def test_start_before_root_wins_over_root_before_child():
    """Clock skew may put a child before its root; the rule still has one answer."""
    assert only(span(1, at=1), span(2, parent=1, at=0.5)).anchor_span_id == span_id(2)


def test_an_earlier_span_moves_the_anchor():
    """Spans arrive late; evaluations are joined by session and follow."""
    late = span(7, trace=3, at=-100)
    assert only(*turns(2)).anchor_span_id != only(*turns(2), late).anchor_span_id == span_id(7)


def test_facts_of_a_session():
    """These are the columns of `sessions_df`, and what filters ask for."""
    session = only(
        span(1, seconds=2, USER_ID="", METADATA='{"plan": "free"}', TAGS=["b", "a"]),
        llm(2, [], parent=1, at=1, seconds=9, PROMPT_TOKENS=10, COMPLETION_TOKENS=5, USER_ID="u", TAGS=["a", "c"]),
        span(3, trace=2, at=20, STATUS_CODE="ERROR", USER_ID="later", SOURCE="web", AGENT_VERSION="v2"),
        span(4, kind="AGENT", trace=2, parent=3, at=21, PROMPT_TOKENS=10, COMPLETION_TOKENS=5),
    )
    assert (session.start_time, session.end_time) == (NOON, NOON + timedelta(seconds=22))
    assert (session.n_spans, session.n_traces, session.n_errors) == (4, 2, 1)
    # The AGENT span repeats the sum of its children.
    assert session.total_tokens == 15
    assert (session.user_id, session.source, session.agent_version) == ("u", "web", "v2")
    assert session.metadata == {"plan": "free"}
    assert session.tags == ("b", "a", "c")
    assert not session.is_complete


def test_end_before_start_is_skew_and_not_a_negative_session():
    """Reversed times must not make a session end before it began."""
    session = only(span(1, seconds=-5))
    assert session.end_time == session.start_time == NOON
    assert group(table(span(1, seconds=-5), span(2, parent=1, at=-1))).skewed.tolist() == [2]


@pytest.mark.parametrize(
    ("completion", "columns", "is_complete"),
    [
        (("session_status", "completed"), {"SESSION_STATUS": "completed"}, True),
        (("session_status", "completed"), {"SESSION_STATUS": "open"}, False),
        (("session_status", "done"), {"SESSION_STATUS": "done"}, True),
        (("app.state", "ended"), {"ATTRIBUTES": '{"app.state": "ended"}'}, True),
        (("app.state", "ended"), {"ATTRIBUTES": '{"note": "app.state ended"}'}, False),
        (("app.state", "3"), {"ATTRIBUTES": '{"app.state": 3}'}, True),
        (("app.done", "true"), {"ATTRIBUTES": '{"app.done": true}'}, True),
        (("app.state", "ended"), {"ATTRIBUTES": '{"app.state": "ended"'}, False),
        (("app.état", "fini"), {"ATTRIBUTES": json.dumps({"app.état": "fini"})}, True),
        (("app.state", "ended"), {}, False),
    ],
    ids=str,
)
def test_completion_marker(completion, columns, is_complete):
    """An app may say by a key and value of its own that a session ended; a look-alike does not."""
    assert only(span(1), span(2, at=1, **columns), completion=completion).is_complete is is_complete
    assert completion_column(completion[0]) in (c.SESSION_STATUS, c.ATTRIBUTES)


@pytest.mark.parametrize("metadata", ["[1]", "no json", "{", "null", "[" * 200_000, '{"a":' * 200_000], ids=len)
def test_bad_metadata_is_no_metadata(metadata):
    """One span with junk in its metadata must not end the listing of a store."""
    assert only(span(1, METADATA=metadata)).metadata == {}


def test_spans_without_a_session_are_counted():
    """They are in no row of any list, so their number is the only trace of them."""
    grouping = group(table(span(1), span(2, trace=2, session=None), span(3, trace=3, session="")))
    assert (len(grouping.sessions), grouping.n_without_session) == (1, 2)


def test_conflicting_ids_are_counted():
    """A nested agent's own id is overruled, and the loss report says how often."""
    grouping = group(table(span(1), span(2, parent=1, session="inner"), span(3, parent=2, session="inner")))
    assert grouping.conflicts.tolist() == [2]


def test_sessions_are_ordered_by_start_and_id():
    """Lists of the same store must look the same."""
    rows = [span(1, trace=1, session="b"), span(2, trace=2, session="a"), span(3, trace=3, session="z", at=-1)]
    assert [session.session_id for session in group(table(*rows)).sessions] == ["z", "a", "b"]


def test_empty_table_has_no_sessions():
    """A new store is no error."""
    assert list(group(table())) == list(group(table()).sessions) == []


def digest(rows):
    return only(*rows).spans_digest


@given(st.permutations(turns(3)))
def test_spans_digest_does_not_depend_on_order(rows):
    """It decides whether a session is judged again, which costs money."""
    assert digest(rows) == digest(turns(3))


@given(st.integers(0, 5), st.integers(1, 10**12))
def test_spans_digest_changes_with_any_added_removed_or_replaced_span(position, later_ns):
    """A session that went on must be seen to have."""
    rows = turns(3)
    replaced = [dict(row) for row in rows]
    replaced[position][c.END_TIME] += later_ns
    removed = rows[:position] + rows[position + 1 :]
    added = [*rows, span(900, at=position)]
    assert len({digest(each) for each in (rows, replaced, removed, added)}) == 4


def test_times_are_exact_to_the_microsecond():
    """Datetimes end at microseconds; a float in between would round."""
    row = span(1)
    row[c.START_TIME] += 123_456_789
    row[c.END_TIME] = row[c.START_TIME] + 10 * SECOND_NS
    session = only(row)
    assert session.start_time == NOON + timedelta(microseconds=123_456)
    assert session.end_time - session.start_time == timedelta(seconds=10)
