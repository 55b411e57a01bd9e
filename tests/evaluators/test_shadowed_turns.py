"""Which answer a shadow is compared with, wherever the app put it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.shadowed_turns import shadowed_turns
from sessioneval.model.context import SessionContext
from sessioneval.model.message import Message

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def seconds(start, end):
    return NOON + timedelta(seconds=start), NOON + timedelta(seconds=end)


# Two turns. In each an agent asks a model, which calls a tool and then answers.
TIMES = {
    "root": seconds(0, 100),
    "agent-0": seconds(1, 10),
    "around-0": seconds(0.5, 10.5),
    "call-0": seconds(2, 3),
    "answer-0": seconds(4, 5),
    "agent-1": seconds(21, 30),
    "around-1": seconds(20.5, 30.5),
    "call-1": seconds(22, 23),
    "answer-1": seconds(24, 25),
    "between": seconds(12, 13),
}
MESSAGES = tuple(
    Message(role=role, content=content, turn=turn, span_id=f"{span}-{turn}")
    for turn in (0, 1)
    for role, content, span in (("user", "Why?", "agent"), ("assistant", "", "call"), ("assistant", "So.", "answer"))
)
FIRST, SECOND = 2, 5


@pytest.fixture(name="placed", scope="module")
def placed_fixture(make):
    """Return (message, span) for each turn, given the spans that have a shadow."""

    def placed(*spans, messages=MESSAGES, times=TIMES):
        context = SessionContext(shadows={span: f"Shadow on {span}." for span in spans}, times=times)
        turns = list(shadowed_turns(replace(make.transcript(), messages=messages, context=context)))
        assert all(turn.served == messages[turn.message_index].content for turn in turns)
        assert all(turn.shadow == f"Shadow on {turn.span_id}." for turn in turns)
        return [(turn.message_index, turn.span_id) for turn in turns]

    return placed


@pytest.mark.parametrize("span", ["answer-0", "agent-0", "around-0", "call-0"])
def test_a_shadow_may_stand_on_any_span_of_its_turn_that_holds_the_answer(placed, span):
    """The LLM span of the answer, the agent's span that took the message, or a span of the app around the turn."""
    # A span of a tool call holds no answer and no user message: nothing says what it is an alternate of.
    assert placed(span) == ([] if span == "call-0" else [(FIRST, span)])


def test_each_turn_has_its_own(placed):
    """One verdict a turn, in the order of the conversation."""
    assert placed("around-1", "agent-0") == [(FIRST, "agent-0"), (SECOND, "around-1")]


@pytest.mark.parametrize("spans", [("answer-0", "agent-0", "around-0"), ("around-0", "agent-0", "answer-0")])
def test_of_several_shadows_of_an_answer_the_nearest_counts(placed, spans):
    """Whatever their order: a turn is judged once."""
    assert placed(*spans) == [(FIRST, "answer-0")]
    assert placed(*(span for span in spans if span != "answer-0")) == [(FIRST, "agent-0")]


def test_a_span_around_several_turns_says_nothing_of_any(placed):
    """A shadow of a whole session would be a counterfactual session."""
    assert placed("root") == placed("between") == placed("unknown") == []


def test_a_turn_without_an_answer_has_nothing_to_compare(placed):
    """The model failed; an opening line of the assistant is no answer to what came after it."""
    assert placed("agent-0", messages=MESSAGES[:2]) == []
    opening = replace(MESSAGES[FIRST], span_id=None)
    assert placed("agent-0", messages=(opening, *MESSAGES[:2])) == []


def test_one_span_for_question_and_answer(placed):
    """Without an agent's span, one LLM span takes the message in and answers."""
    spans = tuple(replace(message, span_id=f"answer-{message.turn}") for message in (MESSAGES[0], MESSAGES[2]))
    assert placed("answer-0", messages=spans) == [(1, "answer-0")]


def test_messages_without_spans_and_spans_without_times(placed):
    """History of unknown origin, and a context that was made by hand."""
    unknown = tuple(replace(message, span_id=None) for message in MESSAGES)
    assert placed("agent-0", "answer-0", "root", messages=unknown) == []
    assert placed("agent-0", "around-0", times={}) == [(FIRST, "agent-0")]


@given(st.lists(st.sampled_from(sorted({*TIMES, "unknown"}))), st.permutations(range(len(MESSAGES))))
def test_no_answer_is_compared_twice(placed, spans, order):
    """Whatever order messages and spans come in."""
    turns = placed(*spans, messages=tuple(MESSAGES[n] for n in order))
    assert len({index for index, _ in turns}) == len({span for _, span in turns}) == len(turns)
    assert turns == sorted(turns)
