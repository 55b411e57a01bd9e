"""Pydantic AI in all its formats: events, GenAI parts, and OpenInference on top of them."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

FUNCTION = {"name": "find", "arguments": '{"id": 7}'}
EVENTS = [
    {"role": "system", "content": "Be short.", "event.name": "gen_ai.system.message"},
    {"role": "user", "content": "Find it.", "event.name": "gen_ai.user.message"},
    {"role": "assistant", "tool_calls": [{"id": "t1", "function": FUNCTION}], "event.name": "gen_ai.assistant.message"},
    {"role": "tool", "id": "t1", "name": "find", "content": "found", "event.name": "gen_ai.tool.message"},
    {"index": 0, "message": {"role": "assistant", "content": "Here."}, "event.name": "gen_ai.choice"},
]
TALK = [("system", "Be short."), ("user", "Find it."), ("assistant", None), ("tool", "found")]


def columns(name="chat m", **attributes):
    return columns_of(RawSpan("", "", None, name, 0, 0, attributes, scope_name="pydantic-ai"))


def pairs(messages):
    return [(message[c.MESSAGE_ROLE], message.get(c.MESSAGE_CONTENT)) for message in messages]


def test_events_of_format_1_are_the_talk():
    """The last event is the choice."""
    found = columns(events=json.dumps(EVENTS), **{"gen_ai.operation.name": "chat"})
    assert (found[c.SPAN_KIND], pairs(found[c.INPUT_MESSAGES])) == ("LLM", TALK)
    assert found[c.INPUT_MESSAGES][2][c.MESSAGE_TOOL_CALLS][0][c.CALL_NAME] == "find"
    assert pairs(found[c.OUTPUT_MESSAGES]) == [("assistant", "Here.")]


@pytest.mark.parametrize(
    ("name", "kind"), [("agent run", "AGENT"), ("running tool", "TOOL"), ("running tools", "CHAIN")]
)
def test_names_of_format_1_tell_the_kind(name, kind):
    """There is no operation name on them."""
    assert columns(name, agent_name="nova")[c.SPAN_KIND] == kind


def test_a_tool_of_format_1_has_arguments_and_response():
    """Their attributes are the framework's own."""
    found = columns("running tool", tool_arguments='{"id": 7}', tool_response="found")
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ('{"id": 7}', "found")


def test_an_agent_run_has_question_and_result():
    """They stand in for the turn where the model's spans are missing."""
    messages = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in (("user", "Old"), ("assistant", "Old reply"), ("user", "New"), ("assistant", "Here."))
    ]
    new = {
        "pydantic_ai.all_messages": json.dumps(messages),
        "pydantic_ai.new_message_index": 2,
        "final_result": "Here.",
    }
    found = columns("agent run", **new)
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("New", "Here.")
    assert columns("agent run", all_messages_events=json.dumps(EVENTS))[c.INPUT_VALUE] == "Find it."


def genai(parts, role="user"):
    return json.dumps([{"role": role, "parts": parts}])


def test_genai_messages_beat_openinference_of_the_same_span():
    """The span processor merges parallel results into one message; Phoenix leaves them empty."""
    results = [{"type": "tool_call_response", "id": f"t{n}", "result": f"r{n}"} for n in (1, 2)]
    merged = {"llm.input_messages.0.message.role": "tool", "llm.input_messages.0.message.content": "r1\nr2"}
    found = columns(**{"gen_ai.input.messages": genai(results), **merged})
    assert pairs(found[c.INPUT_MESSAGES]) == [("tool", "r1"), ("tool", "r2")]
    assert merged.items() <= found[c.ATTRIBUTES].items()


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.input.messages": genai([{"type": "text"}]),
            "gen_ai.output.messages": genai([{"type": "tool_call", "id": "t1", "name": "find"}], "assistant"),
        },
        {"events": json.dumps([{"role": "user", "content": [{"kind": "text"}], "event.name": "gen_ai.user.message"}])},
        {"events": json.dumps([{"role": "system", "event.name": "gen_ai.system.message"}, EVENTS[3]])},
    ],
)
def test_without_content_there_are_no_messages(attributes):
    """include_content=False writes roles, types and names; a call without its arguments would be an invention."""
    found = columns(**attributes)
    assert (found[c.INPUT_MESSAGES], found[c.OUTPUT_MESSAGES]) == ([], [])
    assert attributes.items() <= found[c.ATTRIBUTES].items()


@pytest.mark.parametrize(
    "part",
    [
        {"type": "binary", "media_type": "image/png", "content": "AAAA"},
        {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "AAAA"},
    ],
)
def test_images_of_all_formats_keep_type_and_size(part):
    """Before format 4 they were no GenAI parts."""
    [message] = columns(**{"gen_ai.input.messages": genai([{"type": "text", "content": "See"}, part])})[
        c.INPUT_MESSAGES
    ]
    image = message[c.MESSAGE_CONTENTS][1]
    facts = json.loads(image[c.PART_JSON])
    assert (image[c.PART_TYPE], facts["mime_type"], facts["bytes"]) == ("image", "image/png", 3)


@pytest.mark.parametrize("value", ["[", "5", "[5]", '[{"role": "user", "content": 5}]', '[{"message": 3}]', 7, None])
def test_hostile_values_lose_the_message_and_not_the_span(value):
    """Attributes come from anywhere."""
    for key in ("events", "gen_ai.input.messages", "pydantic_ai.all_messages", "all_messages_events"):
        assert columns(**{key: value})[c.SPAN_KIND]
