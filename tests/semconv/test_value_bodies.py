"""Messages that stand only in whole request and response bodies."""

import json

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

LLM = {"openinference.span.kind": "LLM"}
RESPONSE = {
    "object": "response",
    "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi."}]}],
}


def columns(**attributes):
    return columns_of(
        RawSpan("", "", None, "", 0, 0, LLM | {key.replace("_", "."): value for key, value in attributes.items()})
    )


def test_streamed_answer_is_read_from_the_listed_response():
    """openinference-instrumentation-openai-agents writes a list of one response, and no output messages."""
    found = columns(output_value=json.dumps([RESPONSE]), input_value=json.dumps([{"role": "user", "content": "Hello"}]))
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "Hi."}]
    assert found[c.INPUT_MESSAGES] == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Hello"}]


def test_structured_messages_come_first():
    """A body repeats what stands in the messages."""
    written = {"llm.output_messages.0.message.role": "assistant", "llm.output_messages.0.message.content": "Hello."}
    found = columns_of(RawSpan("", "", None, "", 0, 0, LLM | written | {"output.value": json.dumps(RESPONSE)}))
    assert [message[c.MESSAGE_CONTENT] for message in found[c.OUTPUT_MESSAGES]] == ["Hello."]


def test_plain_texts_are_no_bodies():
    """A text tells no roles; LlamaIndex lists messages as texts."""
    found = columns(output_value="Hi.", input_value=json.dumps({"messages": ["ChatMessage(role='user')"]}))
    assert c.OUTPUT_MESSAGES not in found
    assert c.INPUT_MESSAGES not in found
