"""Calls joined with results, whatever ids instrumentors kept; and cycles of calls."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.signals.executions import call_key, executions
from sessioneval.evaluators.signals.repeated_calls import longest_cycle
from sessioneval.evaluators.signals.user_repeats import similarity
from sessioneval.model.message import Message, ToolCall


def asks(*calls, turn=0):
    made = tuple(ToolCall(id=identifier, name=name, arguments={}, is_error=fails) for identifier, name, fails in calls)
    return Message(role="assistant", content="", tool_calls=made, turn=turn)


def tells(identifier=None, name=None, *, fails=False, turn=0):
    return Message(role="tool", content="x", tool_call_id=identifier, name=name, is_error=fails, turn=turn)


def seen(*messages):
    return [(each.name, each.asked_at, each.seen_at, each.ended_at, each.is_error) for each in executions(messages)]


def test_results_belong_to_the_newest_call_with_their_id():
    """Local servers count their ids from 1 in every answer."""
    messages = [asks(("1", "a", False)), tells("1"), asks(("1", "b", False)), tells("1", fails=True)]
    assert seen(*messages) == [("a", 0, 0, 1, False), ("b", 2, 3, 3, True)]


def test_two_calls_with_one_id_get_a_result_each():
    """The newest first; neither is answered twice."""
    messages = [asks(("1", "a", False), ("1", "b", False)), tells("1", fails=True), tells("1")]
    assert seen(*messages) == [("a", 0, 0, 2, False), ("b", 0, 1, 1, True)]


def test_results_without_an_id_belong_by_name_and_order():
    """Some instrumentors lose the ids."""
    messages = [asks(("", "a", False), ("", "b", False)), tells(name="b", fails=True), tells(), tells(name="c")]
    assert seen(*messages) == [("a", 0, 0, 2, False), ("b", 0, 1, 1, True), ("c", 3, 3, 3, False)]


def test_a_result_that_no_call_asked_for_is_an_execution():
    """In a group chat the terminal speaks for itself."""
    (found,) = executions([tells(name="terminal", fails=True, turn=4)])
    assert (found.name, found.turn, found.is_error, found.is_call) == ("terminal", 4, True, False)
    assert [each.is_call for each in executions([asks(("1", "a", False)), tells("2")])] == [True, False]


def test_a_call_without_a_result_ends_where_it_is_asked():
    """The app died in the tool."""
    assert seen(asks(("1", "a", True))) == [("a", 0, 0, 0, True)]


CALLS = st.lists(st.tuples(st.sampled_from(["", "1", "2"]), st.sampled_from("ab"), st.booleans()), max_size=3)
MESSAGES = st.lists(
    st.builds(lambda calls: asks(*calls), CALLS)
    | st.builds(
        tells, st.sampled_from([None, "1", "2", "9"]), st.sampled_from([None, "a", "b", "c"]), fails=st.booleans()
    ),
    max_size=12,
)


@given(MESSAGES)
def test_every_call_is_one_execution_and_no_result_is_lost(messages):
    """Whatever the ids: calls + results = executions + pairs, and a pair never runs backwards."""
    found = executions(messages)
    n_calls = sum(len(message.tool_calls) for message in messages)
    n_results = sum(message.role == "tool" for message in messages)
    calls = [each for each in found if each.is_call]
    strays = [each for each in found if not each.is_call]
    n_pairs = sum(each.ended_at > each.asked_at for each in calls)
    assert (len(calls), n_pairs + len(strays)) == (n_calls, n_results)
    assert max(Counter(each.ended_at for each in found if each.ended_at > each.asked_at).values(), default=0) <= 1
    assert [each.asked_at for each in found] == sorted(each.asked_at for each in found)


def test_keys_do_not_depend_on_the_order_of_arguments():
    """Models write arguments in any order."""
    assert call_key("f", {"a": 1, "b": [1, 2]}) == call_key("f", {"b": [1, 2], "a": 1})
    assert call_key("f", {"a": 1}) != call_key("f", {"a": "1"})
    assert call_key("f", {}) != call_key("g", {})


@given(
    st.text("abc", min_size=1, max_size=5), st.integers(3, 8), st.text("xyz", max_size=4), st.text("xyz", max_size=4)
)
def test_a_planted_cycle_is_found(unit, rounds, before, after):
    """Whatever stands before and after it; a cycle of "aa" is one of "a"."""
    found = longest_cycle(before + unit * rounds + after)
    assert found is not None
    assert found.length * found.rounds >= len(unit) * rounds
    keys = before + unit * rounds + after
    members = keys[found.start : found.start + found.length]
    assert keys[found.start : found.start + found.length * found.rounds] == members * found.rounds


@pytest.mark.parametrize("keys", ["", "a", "aa", "abab", "abcabc", "aabbaabb"])
def test_two_rounds_are_no_cycle(keys):
    """People do things twice."""
    assert longest_cycle(keys) is None


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("How do I return my order?", "How can I return my order?", True),
        ("I want my money back for the shoes", "I want the money back for my shoes!", True),
        ("Where is my parcel now please", "Whree is my parcell now plaese", True),
        ("我的包裹在哪里呢", "我的包裹现在在哪里", True),
        ("Where is my parcel?", "WHERE is my  parcel?", False),
        ("Cancel order 1234 for me", "Cancel order 5678 for me", False),
        ("Cancel order 1234 for me", "Please cancel order 1234 for me", True),
        ("yes please do", "yes please do it", False),
        ("Where is my parcel?", "I would like to book a table", False),
        ("... !!! ??? ,,,", "!!! ... ,,, ???", False),
        ("", "", False),
    ],
)
def test_one_request_in_two_wordings(one, other, is_same):
    """The rule and its threshold, on both sides."""
    assert (similarity(one, other) >= 1, similarity(other, one) >= 1) == (is_same, is_same)
