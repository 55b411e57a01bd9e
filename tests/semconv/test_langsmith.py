"""LangSmith's runs as spans; fixtures are shaped like those of langsmith 0.14."""

import json

import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import otlp_json
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of


def constructor(name, **held):
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": held}


def run(kind, sent=None, given=None, name="run", **more):
    attributes = {"langsmith.span.kind": kind, "langsmith.metadata.thread_id": "s-1", **more}
    for key, value in (("gen_ai.prompt", sent), ("gen_ai.completion", given)):
        if value is not None:
            attributes[key] = json.dumps(value)
    return columns_of(RawSpan("1" * 32, "2" * 16, None, name, 1, 2, attributes, scope_name="langsmith"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("llm", "LLM"), ("tool", "TOOL"), ("chain", "CHAIN"), ("retriever", "RETRIEVER"), ("other", "UNKNOWN")],
)
def test_kinds(kind, expected):
    """What a span is decides whether it is part of the talk."""
    assert run(kind)[c.SPAN_KIND] == expected


def test_serialised_messages_are_read():
    """LangChain's constructors name the role by their class."""
    sent = {
        "messages": [[constructor("SystemMessage", content="Be brief."), constructor("HumanMessage", content="Hi")]]
    }
    calls = [{"name": "look_up", "args": {"order": "A-1"}, "id": "c1", "type": "tool_call"}]
    given = {"generations": [[{"text": "", "message": constructor("AIMessage", content="", tool_calls=calls)}]]}
    found = run("llm", sent, given)
    assert [(message[c.MESSAGE_ROLE], message[c.MESSAGE_CONTENT]) for message in found[c.INPUT_MESSAGES]] == [
        ("system", "Be brief."),
        ("user", "Hi"),
    ]
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_TOOL_CALLS] == [
        {c.CALL_ID: "c1", c.CALL_NAME: "look_up", c.CALL_ARGUMENTS: '{"order":"A-1"}'}
    ]
    assert found[c.SESSION_ID] == "s-1"


def test_a_wrapped_client_s_request_and_response_are_read():
    """`wrap_openai` traces the bodies of the API."""
    sent = {"messages": [{"role": "user", "content": "Hi"}], "model": "m"}
    given = {"choices": [{"message": {"role": "assistant", "content": "Hello"}}], "usage": {}}
    found = run("llm", sent, given)
    assert found[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "Hi"
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "Hello"


def test_a_tool_has_its_arguments_result_and_call():
    """The result is a LangChain message."""
    given = {"output": {"type": "tool", "content": '{"status": "moving"}', "tool_call_id": "c1"}}
    found = run("tool", {"order": "A-1"}, given, name="look_up")
    assert json.loads(found[c.INPUT_VALUE]) == {"order": "A-1"}
    assert (found[c.TOOL_NAME], found[c.OUTPUT_VALUE], found[c.TOOL_CALL_ID]) == (
        "look_up",
        '{"status": "moving"}',
        "c1",
    )


def test_a_graph_s_state_is_its_last_question_and_answer():
    """It stands in for the turn where model calls are not traced."""
    sent = {"messages": [{"type": "human", "content": "Hi"}]}
    given = {"messages": [*sent["messages"], {"type": "ai", "content": "Hello"}]}
    found = run("chain", sent, given)
    assert (found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("Hi", "Hello")


def test_the_agent_is_named():
    """Hand-offs are told by the names."""
    assert run("llm", **{"langsmith.metadata.lc_agent_name": "triage"})[c.AGENT_NAME] == "triage"


@needs_recordings
def test_recorded_spans_have_their_content():
    """Every recorded model call has messages, every tool its arguments, result and call id."""
    path = RECORDINGS / "langsmith_otel_langgraph__support_tools.jsonl"
    found = [columns_of(span) for line in path.read_bytes().splitlines() for span in otlp_json.spans(json.loads(line))]
    calls = [row for row in found if row[c.SPAN_KIND] == "LLM"]
    tools = [row for row in found if row[c.SPAN_KIND] == "TOOL"]
    assert len(calls) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] and row[c.TOOLS] for row in calls)
    assert all("order_id" in json.loads(row[c.INPUT_VALUE]) for row in tools)
    assert all(json.loads(row[c.OUTPUT_VALUE]) and row[c.TOOL_CALL_ID] for row in tools)
