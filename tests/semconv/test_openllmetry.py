"""OpenLLMetry's indexed messages and decorated functions; fixtures are shaped like releases 0.40 and 0.62."""

import json

import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import otlp_json
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

SYSTEM, QUESTION, ANSWER = "Be brief.", "Where is A-1?", "It is on its way."
CHAT = {
    "llm.request.type": "chat",
    "traceloop.association.properties.session_id": "s-1",
    "gen_ai.system": "OpenAI",
    "gen_ai.request.model": "m",
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": SYSTEM,
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": QUESTION,
    "gen_ai.prompt.2.role": "assistant",
    "gen_ai.prompt.2.tool_calls.0.id": "c1",
    "gen_ai.prompt.2.tool_calls.0.name": "look_up",
    "gen_ai.prompt.2.tool_calls.0.arguments": '{"order": "A-1"}',
    "gen_ai.prompt.3.role": "tool",
    "gen_ai.prompt.3.content": '{"status": "moving"}',
    "gen_ai.prompt.3.tool_call_id": "c1",
    "llm.request.functions.0.name": "look_up",
    "llm.request.functions.0.description": "Finds an order.",
    "llm.request.functions.0.parameters": '{"type": "object"}',
    "gen_ai.usage.prompt_tokens": 9,
    "gen_ai.usage.completion_tokens": 2,
    "llm.usage.total_tokens": 11,
    "gen_ai.completion.0.finish_reason": "stop",
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": ANSWER,
}


def read(attributes, **more):
    return columns_of(RawSpan("1" * 32, "2" * 16, None, "span", 1, 2, attributes, **more))


def decorated(kind, name, sent, given):
    return read(
        {
            "traceloop.span.kind": kind,
            "traceloop.entity.name": name,
            "traceloop.entity.input": json.dumps(sent),
            "traceloop.entity.output": json.dumps(given),
        }
    )


def test_indexed_messages_are_the_messages_of_an_llm_span():
    """The form of all releases up to 0.4x."""
    found = read(CHAT)
    assert found[c.SPAN_KIND] == "LLM"
    assert found[c.SESSION_ID] == "s-1"
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["system", "user", "assistant", "tool"]
    assert found[c.INPUT_MESSAGES][2][c.MESSAGE_TOOL_CALLS] == [
        {c.CALL_ID: "c1", c.CALL_NAME: "look_up", c.CALL_ARGUMENTS: '{"order": "A-1"}'}
    ]
    assert found[c.INPUT_MESSAGES][3][c.MESSAGE_TOOL_CALL_ID] == "c1"
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: ANSWER}]
    assert [found[c.PROMPT_TOKENS], found[c.COMPLETION_TOKENS], found[c.TOTAL_TOKENS]] == [9, 2, 11]


def test_functions_are_the_tools():
    """Judges of tool use need them."""
    [tool] = read(CHAT)[c.TOOLS]
    assert json.loads(tool[c.TOOL_JSON_SCHEMA]) == {
        "type": "function",
        "function": {"name": "look_up", "description": "Finds an order.", "parameters": {"type": "object"}},
    }


def test_messages_come_in_the_order_of_their_indexes():
    """Attributes have no order; 10 comes after 9."""
    shuffled = {key: CHAT[key] for key in sorted(CHAT, reverse=True)}
    many = {
        f"gen_ai.prompt.{i}.{leaf}": value for i in range(12) for leaf, value in (("role", "user"), ("content", str(i)))
    }
    assert read(shuffled)[c.INPUT_MESSAGES] == read(CHAT)[c.INPUT_MESSAGES]
    assert [message[c.MESSAGE_CONTENT] for message in read(many)[c.INPUT_MESSAGES]] == [str(i) for i in range(12)]


def test_a_span_that_lost_its_first_attributes_is_still_a_model_call():
    """SDKs drop the oldest attributes over their limit; the message that was cut in two is left out."""
    kept = {key: value for key, value in CHAT.items() if key.startswith(("gen_ai.prompt.", "gen_ai.completion."))}
    for lost in ("gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.1.role"):
        del kept[lost]
    found = read(kept, dropped_attributes=9)
    assert found[c.SPAN_KIND] == "LLM"
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["assistant", "tool"]


def test_content_of_several_parts_is_read():
    """Multimodal content is written as JSON."""
    parts = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "https://example.org"}},
    ]
    found = read({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": json.dumps(parts)})
    assert [part[c.PART_TYPE] for part in found[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENTS]] == ["text", "image"]


def test_a_list_that_the_user_typed_stays_text():
    """Not every text that begins with a bracket is parts."""
    found = read({"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "[1, 2]"})
    assert found[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "[1, 2]"


@pytest.mark.parametrize(
    ("attribute", "value", "kind"),
    [
        ("traceloop.span.kind", "workflow", "CHAIN"),
        ("traceloop.span.kind", "task", "CHAIN"),
        ("traceloop.span.kind", "agent", "AGENT"),
        ("traceloop.span.kind", "tool", "TOOL"),
        ("traceloop.span.kind", "handoff", "UNKNOWN"),
        ("llm.request.type", "chat", "LLM"),
        ("llm.request.type", "embedding", "EMBEDDING"),
        ("llm.request.type", ["chat"], "UNKNOWN"),
    ],
)
def test_kinds(attribute, value, kind):
    """What a span is decides whether it is part of the talk."""
    assert read({attribute: value})[c.SPAN_KIND] == kind


def test_a_tool_has_its_arguments_and_its_result():
    """The wrapper of the arguments and the second encoding of the result are the decorator's."""
    found = decorated("tool", "look_up", {"args": [], "kwargs": {"order": "A-1"}}, '{"status": "moving"}')
    assert found[c.TOOL_NAME] == "look_up"
    assert json.loads(found[c.INPUT_VALUE]) == {"order": "A-1"}
    assert found[c.OUTPUT_VALUE] == '{"status": "moving"}'


def test_a_workflow_has_the_question_and_the_answer():
    """They stand in for the turn where model calls carry no content."""
    found = decorated("workflow", "chat", {"args": [QUESTION], "kwargs": {}}, ANSWER)
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == (QUESTION, ANSWER)


def test_an_agent_is_named_by_its_entity():
    """Hand-offs are told by the names."""
    assert decorated("agent", "triage", {"args": [], "kwargs": {}}, "done")[c.AGENT_NAME] == "triage"


def test_langchain_s_callback_is_opened_although_genai_repeats_it():
    """Release 0.62 copies the callback's wrapper into the GenAI attributes."""
    sent = {"input_str": "{'order': 'A-1'}", "tags": [], "metadata": {"thread_id": "t"}, "inputs": {"order": "A-1"}}
    held = {"content": "moving", "type": "tool", "tool_call_id": "c1"}
    given = {"output": {"lc": 1, "type": "constructor", "id": ["ToolMessage"], "kwargs": held}, "kwargs": {"name": "f"}}
    found = read(
        {
            "traceloop.span.kind": "tool",
            "traceloop.entity.name": "look_up",
            "traceloop.entity.input": json.dumps(sent),
            "traceloop.entity.output": json.dumps(given),
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.call.arguments": json.dumps(sent),
            "gen_ai.tool.call.result": json.dumps(given),
        }
    )
    assert found[c.SPAN_KIND] == "TOOL"
    assert json.loads(found[c.INPUT_VALUE]) == {"order": "A-1"}
    assert (found[c.OUTPUT_VALUE], found[c.TOOL_CALL_ID]) == ("moving", "c1")


def test_genai_tells_the_kind_where_both_do():
    """LangGraph's agent is a workflow for Traceloop and invoke_agent for GenAI."""
    assert read({"traceloop.span.kind": "workflow", "gen_ai.operation.name": "invoke_agent"})[c.SPAN_KIND] == "AGENT"


@needs_recordings
@pytest.mark.parametrize(
    "path", sorted(RECORDINGS.glob("openllmetry_*.jsonl")) if RECORDINGS else [], ids=lambda path: path.stem
)
def test_recorded_spans_have_their_content(path):
    """Every recorded model call has messages, every tool its arguments and result."""
    spans = [span for line in path.read_bytes().splitlines() for span in otlp_json.spans(json.loads(line))]
    found = [columns_of(span) for span in spans]
    calls = [row for row in found if row[c.SPAN_KIND] == "LLM"]
    tools = [row for row in found if row[c.SPAN_KIND] == "TOOL"]
    assert len(calls) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] and row[c.TOOLS] for row in calls)
    assert {row[c.TOOL_NAME] for row in tools} == {"lookup_order", "shipping_estimate", "issue_refund"}
    assert all("order_id" in json.loads(row[c.INPUT_VALUE]) for row in tools)
    assert all(isinstance(json.loads(row[c.OUTPUT_VALUE]), dict) for row in tools)
