"""Langfuse's observations; fixtures are shaped like those of langfuse 5."""

import json

import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import otlp_json
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

TOOLS = [{"type": "function", "function": {"name": "look_up", "parameters": {"type": "object"}}}]
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is A-1?"}]
CALLING = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": "A-1"}'}}],
}


def observation(kind, sent=None, given=None, name="span", **more):
    attributes = {"langfuse.observation.type": kind, "session.id": "s-1", **more}
    for key, value in (("input", sent), ("output", given)):
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            attributes[f"langfuse.observation.{key}"] = text
    return columns_of(RawSpan("1" * 32, "2" * 16, None, name, 1, 2, attributes, scope_name="langfuse-sdk"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("span", "CHAIN"),
        ("generation", "LLM"),
        ("agent", "AGENT"),
        ("tool", "TOOL"),
        ("guardrail", "GUARDRAIL"),
        ("embedding", "EMBEDDING"),
        ("event", "UNKNOWN"),
        (["odd"], "UNKNOWN"),
    ],
)
def test_kinds(kind, expected):
    """What a span is decides whether it is part of the talk."""
    assert observation(kind)[c.SPAN_KIND] == expected


@pytest.mark.parametrize("sent", [MESSAGES, {"tools": TOOLS, "messages": MESSAGES}])
def test_a_generation_has_messages_with_and_without_tools(sent):
    """The SDK writes a list, or an object where there are tools."""
    found = observation("generation", sent, CALLING)
    assert [message[c.MESSAGE_CONTENT] for message in found[c.INPUT_MESSAGES]] == ["Be brief.", "Where is A-1?"]
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_TOOL_CALLS][0][c.CALL_ID] == "c1"
    assert bool(found.get(c.TOOLS)) == isinstance(sent, dict)


@pytest.mark.parametrize("text", ["It is on its way.", '{"allowed": true}', "42"])
def test_a_streamed_answer_is_bare_text(text):
    """A stream without tool calls is written as its text, whatever it says."""
    [answer] = observation("generation", MESSAGES, text)[c.OUTPUT_MESSAGES]
    assert answer == {c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: text}


def test_a_failed_generation_has_no_answer():
    """An error is not an answer."""
    assert c.OUTPUT_MESSAGES not in observation("generation", MESSAGES)


def test_a_prompt_of_the_app_s_own_is_a_question():
    """Generations made by hand have any input."""
    found = observation("generation", {"question": "Where is A-1?"}, "It is on its way.")
    assert found[c.INPUT_MESSAGES] == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Where is A-1?"}]


def test_a_tool_has_its_arguments_and_its_result():
    """`@observe` wraps the arguments of the function."""
    found = observation("tool", {"args": [], "kwargs": {"order": "A-1"}}, '{"status": "moving"}', name="look_up")
    assert found[c.TOOL_NAME] == "look_up"
    assert json.loads(found[c.INPUT_VALUE]) == {"order": "A-1"}
    assert found[c.OUTPUT_VALUE] == '{"status": "moving"}'


def test_an_agent_has_its_name_question_and_answer():
    """They stand in for the turn where there is no model call."""
    found = observation("agent", {"args": ["Where is A-1?"], "kwargs": {}}, "It is on its way.", name="triage")
    assert (found[c.AGENT_NAME], found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == (
        "triage",
        "Where is A-1?",
        "It is on its way.",
    )


def test_model_usage_tags_version_and_metadata_are_read():
    """They are facets of the session."""
    found = observation(
        "generation",
        MESSAGES,
        **{
            "langfuse.observation.model.name": "m-2",
            "langfuse.observation.usage_details": '{"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}',
            "langfuse.trace.tags": ["prod"],
            "langfuse.release": "1.4",
            "langfuse.trace.metadata.plan": '"free"',
        },
    )
    assert found[c.MODEL_NAME] == "m-2"
    assert [found[c.PROMPT_TOKENS], found[c.COMPLETION_TOKENS], found[c.TOTAL_TOKENS]] == [9, 2, 11]
    assert (found[c.TAGS], found[c.AGENT_VERSION], json.loads(found[c.METADATA])) == (["prod"], "1.4", {"plan": "free"})


def test_other_conventions_on_the_same_span_win():
    """Langfuse exports the spans of other instrumentations too, with its trace attributes added."""
    attributes = {"openinference.span.kind": "TOOL", "langfuse.trace.tags": ["a"], "tool.name": "t"}
    found = columns_of(RawSpan("1" * 32, "2" * 16, None, "x", 1, 2, attributes))
    assert (found[c.SPAN_KIND], found[c.TOOL_NAME]) == ("TOOL", "t")


@needs_recordings
def test_recorded_spans_have_their_content():
    """Every recorded model call has messages, every tool its arguments and result."""
    path = RECORDINGS / "langfuse__support_tools.jsonl"
    found = [columns_of(span) for line in path.read_bytes().splitlines() for span in otlp_json.spans(json.loads(line))]
    calls = [row for row in found if row[c.SPAN_KIND] == "LLM"]
    tools = [row for row in found if row[c.SPAN_KIND] == "TOOL"]
    assert len(calls) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] and row[c.TOOLS] for row in calls)
    assert all(json.loads(row[c.OUTPUT_VALUE]) and "order_id" in json.loads(row[c.INPUT_VALUE]) for row in tools)
