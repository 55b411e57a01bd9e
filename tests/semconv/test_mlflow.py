"""MLflow's spans, on which every value is JSON; fixtures are shaped like those of mlflow 3."""

import json

import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import otlp_json
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of


def span(kind, sent=None, given=None, name="span", **more):
    values = {"mlflow.spanType": kind, "mlflow.spanInputs": sent, "mlflow.spanOutputs": given, **more}
    attributes = {key: json.dumps(value) for key, value in values.items() if value is not None}
    return columns_of(RawSpan("1" * 32, "2" * 16, None, name, 1, 2, attributes, scope_name="mlflow.tracing.provider"))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("CHAT_MODEL", "LLM"),
        ("LLM", "LLM"),
        ("AGENT", "AGENT"),
        ("TOOL", "TOOL"),
        ("WORKFLOW", "CHAIN"),
        ("GUARDRAIL", "GUARDRAIL"),
        ("UNKNOWN", "UNKNOWN"),
        (["odd"], "UNKNOWN"),
    ],
)
def test_kinds(kind, expected):
    """What a span is decides whether it is part of the talk."""
    assert span(kind)[c.SPAN_KIND] == expected


def test_an_openai_body_is_read():
    """Autologging copies request and response."""
    sent = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
    given = {"id": "r-1", "choices": [{"message": {"role": "assistant", "content": "Hello", "tool_calls": None}}]}
    found = span(
        "CHAT_MODEL",
        sent,
        given,
        **{
            "mlflow.llm.model": "m-2",
            "mlflow.chat.tokenUsage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
            "mlflow.chat.tools": [{"type": "function", "function": {"name": "look_up"}}],
        },
    )
    assert found[c.INPUT_MESSAGES] == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "Hi"}]
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "Hello"}]
    assert (found[c.RESPONSE_ID], found[c.MODEL_NAME], found[c.TOTAL_TOKENS], len(found[c.TOOLS])) == (
        "r-1",
        "m-2",
        11,
        1,
    )


def test_an_anthropic_body_is_read():
    """The system prompt stands beside the messages, the answer is blocks."""
    sent = {"system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}]}
    given = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Hello"}]}
    found = span("CHAT_MODEL", sent, given, **{"mlflow.message.format": "anthropic"})
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["system", "user"]
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "Hello"


@pytest.mark.parametrize("text", ["Hello", '{"allowed": true}'])
def test_a_streamed_answer_may_be_text(text):
    """Older releases join the chunks."""
    found = span("CHAT_MODEL", {"messages": [{"role": "user", "content": "Hi"}]}, text)
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: text}]


def test_a_failed_call_has_no_answer():
    """Its output is null."""
    attributes = {
        "mlflow.spanType": '"CHAT_MODEL"',
        "mlflow.spanInputs": '{"input": "Hi"}',
        "mlflow.spanOutputs": "null",
    }
    assert c.OUTPUT_MESSAGES not in columns_of(RawSpan("1" * 32, "2" * 16, None, "x", 1, 2, attributes))


def test_a_tool_has_its_arguments_and_its_result():
    """A result that is JSON text was encoded again."""
    found = span("TOOL", {"order": "A-1"}, '{"status": "moving"}', name="look_up")
    assert json.loads(found[c.INPUT_VALUE]) == {"order": "A-1"}
    assert (found[c.TOOL_NAME], found[c.OUTPUT_VALUE]) == ("look_up", '{"status": "moving"}')


def test_an_agent_has_its_name_question_and_answer():
    """They stand in for the turn where there is no model call."""
    found = span("AGENT", {"any_name": "Hi"}, "Hello", name="triage")
    assert (found[c.AGENT_NAME], found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == ("triage", "Hi", "Hello")


def test_the_genai_mode_s_tool_result_is_decoded():
    """`MLFLOW_ENABLE_OTEL_GENAI_SEMCONV` encodes it twice."""
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.call.result": json.dumps('{"status": "moving"}'),
    }
    scope = "mlflow.tracing.provider"
    found = columns_of(RawSpan("1" * 32, "2" * 16, None, "x", 1, 2, attributes, scope_name=scope))
    assert (found[c.SPAN_KIND], found[c.OUTPUT_VALUE]) == ("TOOL", '{"status": "moving"}')


@needs_recordings
@pytest.mark.parametrize("name", ["mlflow", "mlflow_genai"])
def test_recorded_spans_have_their_content(name):
    """Every recorded model call has messages, every tool its arguments and result."""
    path = RECORDINGS / f"{name}__support_tools.jsonl"
    found = [columns_of(item) for line in path.read_bytes().splitlines() for item in otlp_json.spans(json.loads(line))]
    calls = [row for row in found if row[c.SPAN_KIND] == "LLM"]
    tools = [row for row in found if row[c.SPAN_KIND] == "TOOL"]
    assert len(calls) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] and row[c.TOOLS] for row in calls)
    assert all("order_id" in json.loads(row[c.INPUT_VALUE]) for row in tools)
    assert all(isinstance(json.loads(row[c.OUTPUT_VALUE]), dict) for row in tools)
