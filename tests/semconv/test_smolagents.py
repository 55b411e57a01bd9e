"""smolagents tells its history as text; it becomes messages again."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of
from sessioneval.semconv.smolagents import SMOLAGENTS, said_by_all


def said(role, text=None, *calls):
    message = {c.MESSAGE_ROLE: role}
    if text is not None:
        message[c.MESSAGE_CONTENTS] = [{c.PART_TYPE: "text", c.PART_TEXT: text}]
    return {**message, c.MESSAGE_TOOL_CALLS: list(calls)} if calls else message


def told(*calls):
    items = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return said("tool-call", f"Calling tools:\n{items}")


def observed(text):
    return said("tool-response", f"Observation:\n{text}")


def pairs(messages):
    return [(message[c.MESSAGE_ROLE], message.get(c.MESSAGE_CONTENT) or of_parts(message)) for message in messages]


def of_parts(message):
    return "".join(part[c.PART_TEXT] for part in message.get(c.MESSAGE_CONTENTS, ())) or None


def test_a_told_turn_is_the_talk_again():
    """Task, step, observation and final answer."""
    found = said_by_all(
        [
            said("user", "New task:\nFind it."),
            said("assistant", "One moment."),
            told(("t1", "find", {"it's": 'a "thing"'})),
            observed("line one\nline two"),
            told(("t2", "final_answer", {"answer": "Here."})),
            observed("Here."),
            said("user", "New task:\nThanks"),
        ]
    )
    assert pairs(found) == [
        ("user", "Find it."),
        ("assistant", "One moment."),
        ("assistant", None),
        ("tool", "line one\nline two"),
        ("assistant", "Here."),
        ("user", "Thanks"),
    ]
    assert json.loads(found[2][c.MESSAGE_TOOL_CALLS][0][c.CALL_ARGUMENTS]) == {"it's": 'a "thing"'}
    assert found[3][c.MESSAGE_TOOL_CALL_ID] == "t1"


def test_a_call_of_final_answer_is_the_reply():
    """The user reads it as text."""
    call = {c.CALL_ID: "t1", c.CALL_NAME: "final_answer", c.CALL_ARGUMENTS: '{"answer": "Here."}'}
    assert said_by_all([said("assistant", None, call)]) == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "Here."}]


def test_results_of_parallel_calls_go_to_their_calls():
    """They are merged into one observation, a line each, in the order of the told calls."""
    found = said_by_all([told(("a", "find", {"n": 1}), ("b", "find", {"n": 2})), observed("one\ntwo")])
    assert [(message[c.MESSAGE_TOOL_CALL_ID], message[c.MESSAGE_CONTENT]) for message in found[1:]] == [
        ("a", "one"),
        ("b", "two"),
    ]


def test_merged_results_that_cannot_be_told_apart_are_left_to_the_tool_spans():
    """To give one call the text of two would be wrong."""
    found = said_by_all([told(("a", "find", {"n": 1}), ("b", "find", {"n": 2})), observed("one\nand more\ntwo")])
    assert [message[c.MESSAGE_ROLE] for message in found] == ["assistant"]


def test_an_error_is_the_result_without_the_advice():
    """The framework adds advice to retry, which no tool said."""
    text = "Call id: a\nError:\nno such order\nNow let's retry: take care not to repeat previous errors!\n"
    found = said_by_all([told(("a", "find", {})), said("tool-response", text)])
    assert (found[1][c.MESSAGE_TOOL_CALL_ID], found[1][c.MESSAGE_CONTENT]) == ("a", "no such order")


@pytest.mark.parametrize(
    "text", ["Calling tools:\n[", "Calling tools:\n__import__('os')", "Calling tools:\n" + "[" * 5_000]
)
def test_what_is_no_literal_stays_text(text):
    """Nothing is evaluated, and nothing is lost."""
    assert pairs(said_by_all([said("tool-call", text)])) == [("assistant", text)]


REQUEST = """{"messages": ["ChatMessage(role=<MessageRole.SYSTEM: 'system'>, content=[{'type'"""


@pytest.mark.parametrize(
    ("attributes", "scope", "is_known"),
    [
        ({}, "openinference.instrumentation.smolagents", True),
        ({"input.value": REQUEST}, "", True),
        ({"input.value": '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {}}'}, "", True),
        ({"input.value": "ChatMessage"}, "", False),
        ({"input.value": REQUEST}, "other", False),
    ],
)
def test_frames_are_recognised_without_the_scope(attributes, scope, is_known):
    """Phoenix's DataFrames have no scope."""
    assert SMOLAGENTS.recognises(RawSpan("", "", None, "", 0, 0, attributes, scope_name=scope)) is is_known


def columns(**attributes):
    return columns_of(
        RawSpan("", "", None, "", 0, 0, attributes, scope_name="openinference.instrumentation.smolagents")
    )


def test_a_tool_span_has_its_arguments_alone():
    """So that it is matched with its call; what stood there is kept."""
    value = '{"args": [], "sanitize_inputs_outputs": true, "kwargs": {"id": 7}}'
    found = columns(**{"openinference.span.kind": "TOOL", "tool.name": "find", "input.value": value})
    assert (found[c.INPUT_VALUE], found[c.ATTRIBUTES]) == ('{"id":7}', {"input.value": value})


def test_the_task_is_the_input_of_a_run():
    """The rest of the arguments are settings."""
    assert columns(**{"input.value": '{"task": "Find it.", "stream": false}'})[c.INPUT_VALUE] == "Find it."


def test_an_agent_that_an_agent_called_is_a_tool():
    """Its task is the manager's text, never a line of the user."""
    task = "You're a helpful agent named 'shopper'.\nYou have been submitted this task by your manager.\n---\nTask:\nGo"
    found = columns(**{"openinference.span.kind": "AGENT", "input.value": json.dumps({"task": task})})
    assert (found[c.SPAN_KIND], found[c.TOOL_NAME], found[c.OPENINFERENCE_KIND]) == ("TOOL", "shopper", "AGENT")


def test_the_told_messages_stay_in_the_attributes():
    """They are turned into something else, so the original is kept."""
    told_as = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "New task:\nGo"}
    found = columns(**told_as)
    assert found[c.INPUT_MESSAGES] == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Go"}]
    assert found[c.ATTRIBUTES] == told_as


def span(attributes, scope="openinference.instrumentation.smolagents"):
    return columns_of(RawSpan("", "", None, "run", 0, 0, attributes, scope_name=scope))


def test_message_that_lost_its_role_to_a_limit_is_left_out():
    """Over 128 attributes the SDK drops the first ones; what is left of that message is nobody's word."""
    attributes = {
        "llm.input_messages.6.message.contents.0.message_content.text": "Observation:\n7",
        "llm.input_messages.7.message.role": "user",
        "llm.input_messages.7.message.contents.0.message_content.text": "New task:\nAnd 8?",
    }
    assert pairs(span(attributes)[c.INPUT_MESSAGES]) == [("user", "And 8?")]


def test_giving_the_final_answer_is_no_work_of_a_tool():
    """The reply stands in the model's answer already; as a tool's result it would be said twice."""
    found = span({"tool.name": "final_answer", "openinference.span.kind": "TOOL", "output.value": "7"})
    assert found[c.SPAN_KIND] == "CHAIN"


@pytest.mark.parametrize(
    "nudge",
    [
        "Now proceed and carry out this plan.",
        "Based on the above, please provide an answer to the following user task:\nWhere is it?",
    ],
)
def test_words_in_the_place_of_the_user_are_left_out(nudge):
    """After a plan, or when its steps are used up, smolagents speaks to the model as the user."""
    assert said_by_all([said("user", "New task:\nWhere is it?"), said("user", nudge)]) == [
        {c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Where is it?"}
    ]


def test_roles_tell_the_framework_in_a_frame():
    """A frame has no scope, and the limit on attributes drops `input.value` first."""
    messages = [said("user", "New task:\nWhere is it?"), told(("c1", "find", {})), observed("Bern")]
    found = span({"llm.input_messages": messages, "openinference.span.kind": "LLM"}, scope="")
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["user", "assistant", "tool"]
