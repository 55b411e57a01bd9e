"""Built-in signals: exact on sessions made for each rule."""

import asyncio
from dataclasses import replace

import pytest

from sessioneval.evaluators.signals.library import SIGNALS
from sessioneval.model.context import SessionContext
from sessioneval.model.message import Message, ToolCall


def call(call_id="c1", *, is_error=False):
    return Message(
        role="assistant", content="", tool_calls=(ToolCall(id=call_id, name="t", arguments={}, is_error=is_error),)
    )


def result(call_id="c1", *, is_error=False):
    return Message(role="tool", content="out", tool_call_id=call_id, is_error=is_error)


USER = ("user", "Where is my parcel, please?")
SAID = ("assistant", "On its way.")


def evaluated(name, transcript):
    return asyncio.run(SIGNALS[name].evaluate(transcript))


def test_turns_are_user_messages(make):
    """The system prompt and the answers are no turns."""
    row = evaluated("turn_count", make.transcript(("system", "s"), USER, SAID, USER, SAID))
    assert (row.score, row.label, row.explanation) == (2.0, None, "User messages: [1], [3].")
    assert evaluated("turn_count", make.transcript()).score == 0.0


def test_long_lists_of_indexes_are_cut(make):
    """An explanation is read by people."""
    row = evaluated("turn_count", make.transcript(*[USER] * 25))
    assert row.explanation.endswith("[19] and 5 more.")


@pytest.mark.parametrize(
    ("messages", "label", "n_errors"),
    [
        ([USER, SAID], "clean", 0),
        ([USER, call(), result(), SAID], "clean", 0),
        ([USER, call(), result(is_error=True), SAID], "errors", 1),
        ([USER, call(is_error=True), result(), SAID], "errors", 1),
        ([USER, call(is_error=True), result(is_error=True), SAID], "errors", 1),
        ([USER, call("a", is_error=True), call("b"), result("b", is_error=True)], "errors", 2),
        ([USER, call("", is_error=True)], "errors", 1),
    ],
)
def test_each_failed_tool_counts_once(make, messages, label, n_errors):
    """A failure is seen on the call's span, on the result, or on both."""
    row = evaluated("tool_errors", make.transcript(*messages))
    assert (row.label, row.fields["n_errors"]) == (label, n_errors)


def test_tool_errors_names_the_messages(make):
    """The reader can look."""
    row = evaluated("tool_errors", make.transcript(USER, call(), result(is_error=True)))
    assert (row.score, row.explanation) == (0.0, "Tools failed at messages [2].")


@pytest.mark.parametrize(
    ("texts", "label"),
    [
        (["Where is my parcel?", "Where is my parcel?"], "repeated"),
        (["Where is my parcel?", "  WHERE is\n my  parcel? "], "repeated"),
        (["Where is my ﬁrst parcel?", "Where is my first parcel?"], "repeated"),
        (["Die Straße ist ja gesperrt", "DIE STRASSE IST JA GESPERRT"], "repeated"),
        (["我的包裹在哪里", "谢谢", "我的包裹在哪里"], "repeated"),
        (["Where is my parcel?", "Where is my other parcel?"], "not_repeated"),
        (["yes", "yes", "ok go on", "OK go on"], "not_repeated"),
        (["", ""], "not_repeated"),
        (["好的", "好的"], "not_repeated"),
    ],
)
def test_a_request_made_again_in_the_same_words_is_repeated(make, texts, label):
    """Case, spacing and look-alike characters do not make a text another; a short confirmation repeats nothing."""
    row = evaluated("repeated_user_message", make.transcript(*(("user", text) for text in texts)))
    assert row.label == label


def test_only_user_messages_repeat(make):
    """An assistant may say its greeting twice."""
    text = "How can I help you today?"
    session = make.transcript(("assistant", text), ("assistant", text), ("user", text), ("user", text))
    row = evaluated("repeated_user_message", session)
    assert (row.score, row.explanation) == (0.0, "The same user text stands at messages [2], [3].")


@pytest.mark.parametrize(
    ("messages", "label"),
    [
        ([USER, SAID], "answered"),
        ([USER, SAID, USER], "unanswered"),
        ([USER, SAID, USER, ("system", "note")], "unanswered"),
        ([USER, call()], "unanswered"),
        ([USER, call(), result()], "answered"),
        ([USER, call(), result(), SAID], "answered"),
    ],
)
def test_a_session_that_ends_with_the_user_or_an_open_call_is_unanswered(make, messages, label):
    """The app broke off, whatever came before."""
    assert evaluated("unanswered_session", make.transcript(*messages)).label == label


@pytest.mark.parametrize("messages", [[], [("system", "s")]])
def test_an_empty_session_is_neither_answered_nor_unanswered(make, messages):
    """Nobody asked."""
    assert evaluated("unanswered_session", make.transcript(*messages)).status == "skipped"


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("asks_for_person", [SAID]),
        ("corrections", [SAID]),
        ("empty_answer", [USER]),
        ("turns_to_resolution", [USER, ("user", "Thanks!")]),
        ("turns_to_resolution", [("user", "Thanks!"), SAID]),
        ("time_to_first_answer", [USER, SAID]),
        ("time_to_first_answer", [SAID]),
        ("latency_p50", [USER, SAID]),
    ],
)
def test_a_signal_does_not_apply_to_what_it_cannot_tell(make, name, messages):
    """A skipped row is no number, and never a 0."""
    row = evaluated(name, make.transcript(*messages))
    assert (row.status, row.reason, row.label, row.score, row.fields) == ("skipped", "not applicable", None, None, {})


@pytest.mark.parametrize("value", ["{", 7, '{"name": "f"}', '[{"arguments": {}}]', [["f"]]])
def test_expected_calls_that_cannot_be_read_are_a_failure(make, value):
    """Whoever writes the reference wants to know."""
    context = SessionContext(attributes={"session_eval.expected_actions": value})
    row = evaluated("expected_tool_calls", replace(make.transcript(USER), context=context))
    assert (row.status, row.reason) == ("failed", "EvaluatorError")
    assert "session_eval.expected_actions" in row.error


def test_a_changed_signal_is_another_evaluator():
    """Rows of two definitions are never mixed."""
    assert len({signal.identifier for signal in SIGNALS.values()}) == len(SIGNALS)
    assert repr(SIGNALS["tool_loop"]) == "CodeEvaluator('tool_loop', version='1')"
