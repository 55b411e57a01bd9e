"""Vercel AI SDK spans: inner spans have the messages, the outer one the plain turn."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of
from sessioneval.semconv.vercel import VERCEL


def columns(operation, **attributes):
    named = {f"ai.{key}": value for key, value in attributes.items()}
    return columns_of(RawSpan("", "", None, operation, 0, 0, {"ai.operationId": operation, **named}, scope_name="ai"))


def step(messages=(), **attributes):
    given = {"prompt.messages": json.dumps(list(messages))} if messages else {}
    return columns("ai.generateText.doGenerate", **given, **attributes)


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("ai.generateText", "AGENT"),
        ("ai.streamText", "AGENT"),
        ("ai.generateObject.doGenerate", "LLM"),
        ("ai.streamText.doStream", "LLM"),
        ("ai.toolCall", "TOOL"),
        ("ai.embed.doEmbed", "EMBEDDING"),
    ],
)
def test_the_operation_tells_the_kind(operation, kind):
    """The outer call is the agent, so that the model's steps inside it are the ones that are read."""
    assert columns(operation)[c.SPAN_KIND] == kind


def test_frames_are_recognised_without_the_scope():
    """Phoenix's DataFrames have no scope."""
    assert VERCEL.recognises(RawSpan("", "", None, "", 0, 0, {"ai.operationId": "ai.generateText"}))
    assert not VERCEL.recognises(RawSpan("", "", None, "chat", 0, 0, {"ai.x": 1}))


@pytest.mark.parametrize(
    ("call", "result"),
    [
        ({"args": {"id": 7}}, {"result": {"ok": True}}),
        ({"input": {"id": 7}}, {"output": {"type": "json", "value": {"ok": True}}}),
    ],
)
def test_tools_of_all_versions_read_alike(call, result):
    """Version 4 has args and result, later ones input and a typed output."""
    named = {"toolCallId": "t1", "toolName": "find"}
    found = step(
        [
            {"role": "user", "content": [{"type": "text", "text": "Find it."}]},
            {"role": "assistant", "content": [{"type": "tool-call", **named, **call}]},
            {"role": "tool", "content": [{"type": "tool-result", **named, **result}]},
        ]
    )
    [asked, called, returned] = found[c.INPUT_MESSAGES]
    assert asked == {c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Find it."}
    assert called[c.MESSAGE_TOOL_CALLS] == [{c.CALL_ID: "t1", c.CALL_NAME: "find", c.CALL_ARGUMENTS: '{"id":7}'}]
    assert (returned[c.MESSAGE_TOOL_CALL_ID], returned[c.MESSAGE_CONTENT]) == ("t1", '{"ok":true}')


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ({"type": "text", "value": "done"}, "done"),
        ({"type": "error-text", "value": "no such order"}, "no such order"),
        ({"type": "content", "value": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}, "one\ntwo"),
        ({"type": "execution-denied", "reason": "not allowed"}, "not allowed"),
    ],
)
def test_every_type_of_tool_output_is_text(output, text):
    """The type is the SDK's; the judge reads what the tool said."""
    part = {"type": "tool-result", "toolCallId": "t1", "toolName": "find", "output": output}
    assert step([{"role": "tool", "content": [part]}])[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENT] == text


@pytest.mark.parametrize("given", ['{"id": 7}', {"id": 7}])
def test_the_answer_has_text_and_calls(given):
    """Generated arguments are a string, streamed ones an object."""
    calls = [{"toolCallId": "t1", "toolName": "find", "input": given}]
    [answer] = step(**{"response.text": "One moment.", "response.toolCalls": json.dumps(calls)})[c.OUTPUT_MESSAGES]
    assert answer[c.MESSAGE_CONTENT] == "One moment."
    assert json.loads(answer[c.MESSAGE_TOOL_CALLS][0][c.CALL_ARGUMENTS]) == {"id": 7}


def test_a_failed_step_has_no_answer():
    """An error is no empty reply."""
    assert c.OUTPUT_MESSAGES not in step([{"role": "user", "content": "hi"}])


@pytest.mark.parametrize(
    "part",
    [
        {"type": "file", "mediaType": "image/png", "data": "AAAA"},
        {"type": "image", "mimeType": "image/png", "image": "data:image/png;base64,AAAA"},
    ],
)
def test_images_keep_type_and_size(part):
    """What a reader sees is the placeholder."""
    [message] = step([{"role": "user", "content": [{"type": "text", "text": "See"}, part]}])[c.INPUT_MESSAGES]
    image = message[c.MESSAGE_CONTENTS][1]
    facts = json.loads(image[c.PART_JSON])
    assert (image[c.PART_TYPE], facts["mime_type"], facts["bytes"]) == ("image", "image/png", 3)


@pytest.mark.parametrize("prompt", [{"prompt": "Hello?"}, {"messages": [{"role": "user", "content": "Hello?"}]}])
def test_the_outer_span_alone_gives_a_turn(prompt):
    """Samplers drop inner spans."""
    found = columns("ai.generateText", prompt=json.dumps(prompt), **{"response.text": "Hi."})
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("Hello?", "Hi.")
    assert c.INPUT_MESSAGES not in found


def test_the_function_names_the_agent():
    """It is the only mark of a side call."""
    assert step(**{"telemetry.functionId": "title"})[c.AGENT_NAME] == "title"


@pytest.mark.parametrize(("result", "text"), [('"plain"', "plain"), ('{"a":1}', '{"a":1}'), (None, None)])
def test_a_tool_span_has_arguments_and_result(result, text):
    """A failed tool has no result."""
    more = {} if result is None else {"toolCall.result": result}
    found = columns(
        "ai.toolCall", **{"toolCall.name": "find", "toolCall.id": "t1", "toolCall.args": '{"id":7}', **more}
    )
    assert (found[c.TOOL_NAME], found[c.TOOL_CALL_ID], found[c.INPUT_VALUE]) == ("find", "t1", '{"id":7}')
    assert found.get(c.OUTPUT_VALUE) == text


def test_usage_and_tools_are_read():
    """The names of the counts changed with the versions."""
    tool = json.dumps({"type": "function", "name": "find", "inputSchema": {"type": "object"}})
    found = step(**{"usage.promptTokens": 5, "usage.outputTokens": 2, "prompt.tools": [tool]})
    assert (found[c.PROMPT_TOKENS], found[c.COMPLETION_TOKENS]) == (5, 2)
    assert json.loads(found[c.TOOLS][0][c.TOOL_JSON_SCHEMA])["function"]["parameters"] == {"type": "object"}


@pytest.mark.parametrize("value", ["[", "5", '[5, null, {"role": 3}]', {"role": "user"}, '{"messages": 3}', b"x", None])
def test_hostile_values_lose_the_message_and_not_the_span(value):
    """Attributes come from anywhere."""
    for operation in ("ai.generateText", "ai.generateText.doGenerate", "ai.toolCall"):
        found = columns(operation, **dict.fromkeys(("prompt", "prompt.messages", "response.toolCalls"), value))
        assert found[c.SPAN_KIND]
