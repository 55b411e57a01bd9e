"""OTel GenAI attributes fill the same columns as OpenInference."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.genai import GENAI, KINDS


def columns(attributes):
    return GENAI.columns(RawSpan("", "", None, "", 0, 0, attributes))


def message(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def test_spans_with_any_genai_attribute_are_recognised():
    """Not all of them say the operation."""
    assert GENAI.recognises(RawSpan("", "", None, "", 0, 0, {"x": 1, "gen_ai.system": "openai"}))
    assert not GENAI.recognises(RawSpan("", "", None, "", 0, 0, {"session.id": "s"}))


@pytest.mark.parametrize(("operation", "kind"), sorted(KINDS.items()))
def test_operations_are_kinds(operation, kind):
    """Readers look for the OpenInference kind."""
    assert columns({"gen_ai.operation.name": operation}) == {c.SPAN_KIND: kind}


@pytest.mark.parametrize("operation", ["plan", 5, None])
def test_other_operations_have_no_kind(operation):
    """The fallback names them UNKNOWN."""
    assert columns({"gen_ai.operation.name": operation}) == {}


def test_scalars_fill_their_columns():
    """One by one, as the conventions name them."""
    assert columns(
        {
            "gen_ai.request.model": "m",
            "gen_ai.response.model": "m-2026",
            "gen_ai.system": "old name",
            "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 5,
            "gen_ai.usage.completion_tokens": 7,
            "gen_ai.response.id": "r-1",
            "gen_ai.agent.name": "nova",
            "gen_ai.agent.version": "1.2",
            "gen_ai.tool.name": "look_up",
            "gen_ai.tool.description": "looks up",
            "gen_ai.tool.call.id": "call_1",
            "gen_ai.tool.call.arguments": {"order": "A-1"},
            "gen_ai.tool.call.result": "found",
        }
    ) == {
        c.MODEL_NAME: "m-2026",
        c.PROVIDER: "openai",
        c.PROMPT_TOKENS: 5,
        c.COMPLETION_TOKENS: 7,
        c.RESPONSE_ID: "r-1",
        c.AGENT_NAME: "nova",
        c.AGENT_VERSION: "1.2",
        c.TOOL_NAME: "look_up",
        c.TOOL_DESCRIPTION: "looks up",
        c.TOOL_CALL_ID: "call_1",
        c.INPUT_VALUE: '{"order":"A-1"}',
        c.OUTPUT_VALUE: "found",
    }


@pytest.mark.parametrize("as_value", [json.dumps, lambda value: value, tuple], ids=["text", "list", "tuple"])
def test_instructions_lead_the_input_messages(as_value):
    """On spans they are JSON text; structured values are what the specification prefers."""
    found = columns(
        {
            "gen_ai.system_instructions": as_value([{"type": "text", "content": "be kind"}]),
            "gen_ai.input.messages": as_value([message("user", "hi")]),
            "gen_ai.output.messages": as_value([message("assistant", "hello")]),
        }
    )
    assert [(m[c.MESSAGE_ROLE], m[c.MESSAGE_CONTENT]) for m in found[c.INPUT_MESSAGES]] == [
        ("system", "be kind"),
        ("user", "hi"),
    ]
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "hello"}]


def test_instructions_are_not_doubled():
    """Some instrumentations write them as first message too."""
    found = columns(
        {
            "gen_ai.system_instructions": "be kind",
            "gen_ai.input.messages": [{**message("system", "be kind"), "name": "x"}, message("user", "hi")],
        }
    )
    assert [m[c.MESSAGE_ROLE] for m in found[c.INPUT_MESSAGES]] == ["system", "user"]


def test_instructions_alone_are_no_conversation():
    """Agent spans carry them without messages; a conversation of one system message would be invented."""
    assert columns({"gen_ai.system_instructions": "be kind"}) == {}


def test_cut_messages_are_marked():
    """A length limit cuts the JSON in the middle; what is left must not pass for the whole."""
    assert columns({"gen_ai.input.messages": '[{"role":"user","parts":[{"type":"te'}) == {
        c.INPUT_MESSAGES: [{c.MESSAGE_ROLE: "truncated"}]
    }


@pytest.mark.parametrize(
    ("definition", "schema"),
    [
        (
            {"type": "function", "name": "f", "description": "d", "parameters": {}},
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}},
        ),
        ({"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "f"}}),
        ({"name": "f"}, {"type": "function", "function": {"name": "f"}}),
        ('{"name": "f"}', {"name": "f"}),
        ({"type": "web_search"}, {"type": "web_search"}),
    ],
)
def test_tool_definitions_are_in_one_shape(definition, schema):
    """Three shapes were recorded; OpenInference's is the one that readers know."""
    [tool] = columns({"gen_ai.tool.definitions": [definition]})[c.TOOLS]
    assert json.loads(tool[c.TOOL_JSON_SCHEMA]) == schema


def test_tool_definitions_that_are_no_list_are_left_alone():
    """They stay among the attributes."""
    assert columns({"gen_ai.tool.definitions": '{"a": 1}'}) == {}
