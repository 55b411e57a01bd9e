"""Strands writes messages as span events, in two forms; both become the same columns."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.semconv.normalisation import columns_of

DETAILS = "gen_ai.client.inference.operation.details"
USER, ASSISTANT, TOOL, CHOICE = (
    "gen_ai.user.message",
    "gen_ai.assistant.message",
    "gen_ai.tool.message",
    "gen_ai.choice",
)


def columns(operation, *events, **attributes):
    listed = [RawEvent(name, 0, held) for name, held in events]
    span = RawSpan("", "", None, "", 0, 0, {"gen_ai.operation.name": operation, **attributes}, events=listed)
    return columns_of(span._replace(scope_name="strands.telemetry.tracer"))


def blocks(*items):
    return {"content": json.dumps(list(items))}


def pairs(messages):
    return [(message[c.MESSAGE_ROLE], message.get(c.MESSAGE_CONTENT)) for message in messages]


CALL = {"toolUse": {"toolUseId": "t1", "name": "find", "input": {"id": 7}}}
RESULT = {"toolResult": {"toolUseId": "t1", "status": "success", "content": [{"text": "found"}]}}


def test_event_messages_are_the_talk():
    """One event a message, Bedrock blocks inside."""
    found = columns(
        "chat",
        ("gen_ai.system.message", blocks({"text": "Be short."})),
        (USER, blocks({"text": "Find it."})),
        (ASSISTANT, blocks({"text": "One moment."}, CALL)),
        (TOOL, blocks(RESULT)),
        (CHOICE, {"message": json.dumps([{"text": "Here."}])}),
    )
    assert found[c.SPAN_KIND] == "LLM"
    said = found[c.INPUT_MESSAGES]
    assert pairs(said) == [
        ("system", "Be short."),
        ("user", "Find it."),
        ("assistant", "One moment."),
        ("tool", "found"),
    ]
    assert said[2][c.MESSAGE_TOOL_CALLS][0][c.CALL_ARGUMENTS] == '{"id":7}'
    assert said[3][c.MESSAGE_TOOL_CALL_ID] == "t1"
    assert pairs(found[c.OUTPUT_MESSAGES]) == [("assistant", "Here.")]


def test_parallel_results_of_one_event_are_messages_of_their_own():
    """Bedrock sends them back together."""
    other = {"toolResult": {"toolUseId": "t2", "content": [{"json": {"ok": True}}]}}
    assert pairs(columns("chat", (TOOL, blocks(RESULT, other)))[c.INPUT_MESSAGES]) == [
        ("tool", "found"),
        ("tool", '{"ok":true}'),
    ]


def test_latest_conventions_read_alike():
    """The same messages stand in events named after the operation."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Find it."}]}]
    result = {"type": "tool_call_response", "id": "t1", "response": [{"text": "found"}]}
    found = columns(
        "chat",
        (DETAILS, {"gen_ai.system_instructions": '[{"type": "text", "content": "Be short."}]'}),
        (DETAILS, {"gen_ai.input.messages": json.dumps([*asked, {"role": "user", "parts": [result]}])}),
        (
            DETAILS,
            {"gen_ai.output.messages": '[{"role": "assistant", "parts": [{"type": "text", "content": "Here."}]}]'},
        ),
    )
    assert pairs(found[c.INPUT_MESSAGES]) == [("system", "Be short."), ("user", "Find it."), ("tool", "found")]
    assert pairs(found[c.OUTPUT_MESSAGES]) == [("assistant", "Here.")]


def test_the_agents_line_end_is_not_said():
    """str(AgentResult) puts it after the text."""
    found = columns("invoke_agent", (CHOICE, {"message": "Here.\n"}))
    assert (found[c.SPAN_KIND], pairs(found[c.OUTPUT_MESSAGES])) == ("AGENT", [("assistant", "Here.")])


def test_a_round_of_the_loop_repeats_nothing():
    """Its events are those of the model call inside it."""
    found = columns("execute_event_loop_cycle", (USER, blocks({"text": "Find it."})))
    assert found[c.SPAN_KIND] == "CHAIN"
    assert c.INPUT_MESSAGES not in found


@pytest.mark.parametrize(
    ("events", "attributes"),
    [
        (
            [(TOOL, {"content": '{"id": 7}'}), (CHOICE, {"message": '[{"text": "found"}]'})],
            {},
        ),
        ([], {"gen_ai.tool.call.arguments": '{"id": 7}', "gen_ai.tool.call.result": '[{"text": "found"}]'}),
        (
            [
                (
                    DETAILS,
                    {
                        "gen_ai.input.messages": json.dumps(
                            [{"role": "tool", "parts": [{"type": "tool_call", "id": "t1", "arguments": '{"id": 7}'}]}]
                        )
                    },
                ),
                (
                    DETAILS,
                    {
                        "gen_ai.output.messages": json.dumps(
                            [
                                {
                                    "role": "tool",
                                    "parts": [{"type": "tool_call_response", "response": [{"text": "found"}]}],
                                }
                            ]
                        )
                    },
                ),
            ],
            {},
        ),
    ],
    ids=["events", "attributes", "latest events"],
)
def test_a_tool_run_has_arguments_and_result(events, attributes):
    """The result is the text of its blocks, wherever they stand."""
    found = columns("execute_tool", *events, **attributes)
    assert (found[c.SPAN_KIND], found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("TOOL", '{"id": 7}', "found")


def test_redacted_content_is_shown_as_such():
    """Strands has a mark of its own for it."""
    found = columns("chat", (USER, {"content": "[REDACTED]"}))
    assert pairs(found[c.INPUT_MESSAGES]) == [("user", "__REDACTED__")]


def test_images_keep_their_format():
    """The bytes are often replaced."""
    image = {"image": {"format": "png", "source": {"bytes": "<replaced>"}}}
    [message] = columns("chat", (USER, blocks({"text": "See"}, image)))[c.INPUT_MESSAGES]
    part = message[c.MESSAGE_CONTENTS][1]
    assert (part[c.PART_TYPE], json.loads(part[c.PART_JSON])["mime_type"]) == ("image", "image/png")


def test_messages_as_objects_read_alike():
    """Semantic Kernel and Azure write one JSON object an event, with OpenAI tool calls."""
    call = {"id": "t1", "type": "function", "function": {"name": "find", "arguments": '{"id": 7}'}}
    found = columns(
        "chat",
        (USER, {"gen_ai.event.content": '{"role": "user", "content": "Find it."}'}),
        (
            CHOICE,
            {"gen_ai.event.content": json.dumps({"index": 0, "message": {"content": None, "tool_calls": [call]}})},
        ),
    )
    assert pairs(found[c.INPUT_MESSAGES]) == [("user", "Find it.")]
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_TOOL_CALLS][0][c.CALL_NAME] == "find"


@pytest.mark.parametrize("value", [None, 5, "[", "[5]", "{}", '[{"toolUse": 3}]', '[{"image": {"source": 1}}]', "[[]]"])
def test_hostile_events_lose_the_message_and_not_the_span(value):
    """Attributes come from anywhere."""
    held = {"content": value, "message": value, "gen_ai.input.messages": value}
    for operation in ("chat", "execute_tool", "invoke_agent", None):
        assert columns(operation, (USER, held), (TOOL, held), (CHOICE, held), (DETAILS, held))[c.SPAN_KIND]
