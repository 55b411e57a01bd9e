"""GenAI spans that went through Phoenix are read by what the framework wrote, not by what Phoenix made of it."""

import json

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

SENT = [
    {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]},
    {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "find", "arguments": {}}]},
    {"role": "user", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"place": "Bern"}}]},
]
CONVERTED = [
    {"message.role": "user", "message.content": "Where is it?"},
    {"message.role": "user", "message.content": '{"place": "Bern"}'},
]


def columns(**attributes):
    return columns_of(RawSpan("", "", None, "chat", 0, 0, {**attributes}))


def roles(messages):
    return [message[c.MESSAGE_ROLE] for message in messages]


def test_tool_results_of_role_user_are_no_words_of_the_user():
    """Phoenix turns them into user messages, which would stand in the transcript as if a person had said them."""
    found = columns(**{"gen_ai.input.messages": json.dumps(SENT), "llm.input_messages": CONVERTED})
    assert roles(found[c.INPUT_MESSAGES]) == ["user", "assistant", "tool"]


def test_pieces_of_a_stream_of_adk_are_one_answer():
    """Google ADK lists the pieces of a stream before the whole answer, also in a frame, where no scope tells it."""
    answers = [
        {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reason}
        for text, reason in (("In B", ""), ("ern.", ""), ("In Bern.", "stop"))
    ]
    attributes = {"gen_ai.input.messages": json.dumps(SENT[:1]), "gen_ai.output.messages": json.dumps(answers)}
    converted = [{"message.role": "assistant", "message.content": "In B"}]
    more = {"llm.input_messages": CONVERTED[:1], "llm.output_messages": converted, "gcp.vertex.agent.event_id": "e1"}

    found = columns(**attributes, **more)
    assert [message[c.MESSAGE_CONTENT] for message in found[c.OUTPUT_MESSAGES]] == ["In Bern."]


def test_flattened_messages_of_a_double_instrumentation_stay_openinference():
    """On the wire both conventions come from one instrumentor, and OpenInference tells no less."""
    told = [{"role": "user", "parts": [{"type": "text", "content": "by GenAI"}]}]
    flat = {"llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "by OpenInference"}
    found = columns(**{"gen_ai.input.messages": json.dumps(told)}, **flat)
    assert found[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "by OpenInference"


def test_what_was_converted_stays_among_the_attributes():
    """Nothing that was exported is lost in translation."""
    found = columns(**{"gen_ai.input.messages": json.dumps(SENT), "llm.input_messages": CONVERTED})
    assert found[c.ATTRIBUTES]["llm.input_messages"] == CONVERTED
    assert found[c.ATTRIBUTES]["gen_ai.input.messages"] == json.dumps(SENT)
