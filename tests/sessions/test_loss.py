"""Every span of a session is accounted for, whatever is missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_factory import eventful_session, said, span, transcript, transcripts

from sessioneval.model import columns as c
from sessioneval.sessions.loss import REASONS

ROWS = eventful_session()


def check_accounts(made):
    loss = made.loss
    assert loss.spans_seen == made.session.n_spans
    assert loss.spans_seen == loss.spans_used + sum(loss.spans_ignored.values())
    assert set(loss.spans_ignored) <= set(REASONS)
    assert all(count >= 0 for name, count in loss.to_dict().items() if name != "spans_ignored")
    answered = len(made.tool_calls) - loss.calls_without_result
    results = sum(one.role == "tool" for one in made.messages)
    assert results == answered + loss.results_without_call


def test_eventful_session_is_told_whole():
    """The reference for the properties below: the talk, and what became of the rest."""
    made = transcript(*ROWS)
    assert said(made) == [
        "system: Help.",
        "user: Weather, then a report?",
        'assistant: Both. weather({"city": "Oslo"}) research({"topic": "rain"})',
        "tool: rain",
        "tool: wet",
        "assistant: Rain is wet.",
        "user: cached?",
        "assistant: yes",
        "user: yes",
        "assistant: Sure?",
        "user: yes",
        "assistant: Sure?",
    ]
    check_accounts(made)
    assert made.loss.spans_ignored == {
        "completion_marker": 1,
        "duplicate_call": 1,
        "guardrail": 1,
        "nested_agent": 1,
        "not_llm": 1,
        "retrieval": 1,
        "side_call": 2,
        "wrapper": 1,
    }
    assert (made.loss.session_id_conflicts, made.loss.clock_skew) == (2, 1)
    assert [each.is_error for each in made.tool_calls] == [False, True]


@given(st.sets(st.integers(0, len(ROWS) - 1), max_size=len(ROWS) - 1))
def test_loss_adds_up_for_any_part_of_a_session(dropped):
    """Spans get lost in any combination; the report must still say where each of the others went."""
    rows = [row for number, row in enumerate(ROWS) if number not in dropped]
    made = transcripts(*rows)
    n_spans = sum(each.session.n_spans for each in made)
    assert n_spans <= len(rows)
    for each in made:
        check_accounts(each)


@pytest.mark.parametrize("number", range(len(ROWS)), ids=lambda number: ROWS[number][c.SPAN_ID][-2:])
def test_dropping_one_span_invents_no_message(number):
    """What a span held may go with it, but nothing new may appear, and nobody may change sides.

    Two exceptions: without the first question's own spans its side calls are all that is left of it, and
    the nested agent's talk is not known to be nested without the tool that called it.
    """
    rows = [row for index, row in enumerate(ROWS) if index != number]
    main = next(each for each in transcripts(*rows) if each.session_id == "s")
    check_accounts(main)
    known = {(one.role, one.content) for one in transcript(*ROWS).messages}
    assert {(one.role, one.content) for one in main.messages} <= known


def test_dropped_attributes_are_summed():
    """An SDK over its limit drops the oldest attributes first, the session id among them."""
    made = transcript(span(1, DROPPED_ATTRIBUTES=3), span(2, DROPPED_ATTRIBUTES=4))
    assert made.loss.dropped_attributes == 7
