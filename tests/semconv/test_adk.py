"""Google ADK: Gemini requests of older versions, and what agents retell of each other."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of


def columns(name="call_llm", **attributes):
    return columns_of(RawSpan("", "", None, name, 0, 0, attributes, scope_name="gcp.vertex.agent"))


def legacy(**attributes):
    return columns(**{f"gcp.vertex.agent.{key}": json.dumps(value) for key, value in attributes.items()})


def pairs(messages):
    return [(message[c.MESSAGE_ROLE], message.get(c.MESSAGE_CONTENT)) for message in messages]


CONTENTS = [
    {"role": "user", "parts": [{"text": "Find it."}]},
    {"role": "model", "parts": [{"function_call": {"id": "t1", "name": "find", "args": {"id": 7}}}]},
    {"role": "user", "parts": [{"function_response": {"id": "t1", "name": "find", "response": {"ok": True}}}]},
]


def test_requests_and_responses_are_the_talk():
    """Gemini calls the assistant model and sends results as the user."""
    found = legacy(
        llm_request={"model": "m", "config": {"system_instruction": "Be short."}, "contents": CONTENTS},
        llm_response={"content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "Here."}]}},
    )
    assert found[c.SPAN_KIND] == "LLM"
    assert pairs(found[c.INPUT_MESSAGES]) == [
        ("system", "Be short."),
        ("user", "Find it."),
        ("assistant", None),
        ("tool", '{"ok":true}'),
    ]
    parts = found[c.OUTPUT_MESSAGES][0][c.MESSAGE_CONTENTS]
    assert [(part[c.PART_TYPE], part[c.PART_TEXT]) for part in parts] == [("reasoning", "hm"), ("text", "Here.")]


def test_without_content_there_are_no_messages():
    """ADK writes an empty object then."""
    found = legacy(llm_request={}, llm_response={}, tool_call_args={}, tool_response={})
    assert {c.INPUT_MESSAGES, c.OUTPUT_MESSAGES, c.INPUT_VALUE, c.OUTPUT_VALUE}.isdisjoint(found)


def test_a_tool_has_arguments_and_result():
    """A result that is no object is wrapped."""
    found = columns(
        "execute_tool find",
        **{"gcp.vertex.agent.tool_call_args": '{"id": 7}', "gcp.vertex.agent.tool_response": '{"result": "found"}'},
    )
    assert (found[c.SPAN_KIND], found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("TOOL", '{"id": 7}', "found")


def test_a_cut_request_is_marked():
    """What is before the cut is still worth reading."""
    text = json.dumps({"contents": CONTENTS})[:60]
    found = columns(**{"gcp.vertex.agent.llm_request": text})
    assert pairs(found[c.INPUT_MESSAGES]) == [("user", "Find it."), ("truncated", None)]


def test_the_session_of_older_versions_counts():
    """It had a key of its own before the conventions had one."""
    assert columns(**{"gcp.vertex.agent.session_id": "s-1"})[c.SESSION_ID] == "s-1"


def quoted(text):
    return f"<<<BEGIN_QUOTED_AGENT_CONTENT>>>\n{text}\n<<<END_QUOTED_AGENT_CONTENT>>>"


@pytest.mark.parametrize("fence", [lambda text: text, quoted], ids=["plain", "fenced"])
def test_what_another_agent_did_is_not_the_users_line(fence):
    """After a hand-off ADK retells it in user messages."""
    call = f"[triage] called tool `hand_over` with parameters:\n{fence(repr({'to': 'refunds'}))}"
    result = f"[triage] `hand_over` tool returned result:\n{fence(repr({'result': None}))}"
    retold = [["For context:", f"[triage] said:\n{fence('One moment.')}", call], ["For context: and more", result]]
    messages = [{"role": "user", "parts": [{"type": "text", "content": text} for text in texts]} for texts in retold]
    found = columns("generate_content m", **{"gen_ai.input.messages": json.dumps(messages)})[c.INPUT_MESSAGES]
    assert pairs(found) == [("assistant", "One moment."), ("tool", '{"result":null}')]
    assert found[0][c.MESSAGE_NAME] == "triage"
    assert found[0][c.MESSAGE_TOOL_CALLS][0][c.CALL_ARGUMENTS] == '{"to":"refunds"}'


@pytest.mark.parametrize("value", ["[", "5", "[5]", '{"contents": 3}', '{"contents": [{"parts": [{"text": 5}]}]}', 7])
def test_hostile_values_lose_the_message_and_not_the_span(value):
    """Attributes come from anywhere."""
    for key in ("llm_request", "llm_response", "tool_call_args", "tool_response"):
        assert columns(**{f"gcp.vertex.agent.{key}": value})[c.SPAN_KIND]


def test_the_span_that_sums_up_parallel_tools_is_no_tool():
    """It has no arguments, and its results are those of the tools beside it."""
    assert columns("execute_tool (merged)", **{"gen_ai.operation.name": "execute_tool"})[c.SPAN_KIND] == "CHAIN"


def test_pieces_of_a_stream_are_not_answers():
    """Streaming, ADK 2 lists each piece and then the whole answer, which alone has a reason to finish."""
    answers = [
        {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reason}
        for text, reason in (("One mo", ""), ("ment.", ""), ("One moment.", "stop"))
    ]
    found = columns("generate_content m", **{"gen_ai.output.messages": json.dumps(answers)})
    assert pairs(found[c.OUTPUT_MESSAGES]) == [("assistant", "One moment.")]


def test_answers_of_which_none_says_why_it_ended_are_kept():
    """A stream that broke off has pieces only; better these than nothing."""
    answers = [{"role": "assistant", "parts": [{"type": "text", "content": "One mo"}], "finish_reason": ""}]
    found = columns("generate_content m", **{"gen_ai.output.messages": json.dumps(answers)})
    assert pairs(found[c.OUTPUT_MESSAGES]) == [("assistant", "One mo")]
