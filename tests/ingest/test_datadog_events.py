"""Datadog's span events become spans; fixtures are shaped like those of ddtrace 4.16."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import datadog_events
from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c
from sessioneval.semconv.normalisation import columns_of

TRACE = "6b00b7390000000040fe4338acc26c70"
LLM = {
    "span": {"kind": "llm"},
    "model_name": "m",
    "model_provider": "openai",
    "input": {
        "messages": [
            {"role": "user", "content": "Where is A-1?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [{"name": "look_up", "arguments": {"order": "A-1"}, "tool_id": "c1"}],
            },
            {"role": "tool", "content": "", "tool_results": [{"name": "", "result": "moving", "tool_id": "c1"}]},
        ]
    },
    "output": {"messages": [{"role": "", "content": "It moves."}]},
    "tool_definitions": [{"name": "look_up", "description": "Finds.", "schema": {"type": "object"}}],
    "metadata": {"temperature": 0.2},
}


def event(meta, **more):
    span = {
        "trace_id": TRACE,
        "span_id": "12170783390513055419",
        "parent_id": "7824652196318142353",
        "session_id": "s-1",
        "name": "call",
        "start_ns": 1_000,
        "duration": 500,
        "status": "ok",
        "tags": ["session_id:s-1", "env:test", "user_id:u-1"],
        "meta": meta,
        "metrics": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11},
        **more,
    }
    return {"_dd.stage": "raw", "event_type": "span", "spans": [span]}


def one(meta, **more):
    [span] = datadog_events.spans(event(meta, **more))
    return span


def test_ids_and_times_are_those_of_the_store():
    """Span ids are decimal there."""
    span = one(LLM)
    assert (span.trace_id, span.span_id, span.parent_id) == (TRACE, "a8e74f0295c146bb", "6c96bfb73c85df91")
    assert (span.start_ns, span.end_ns, span.status_code) == (1_000, 1_500, "OK")


@pytest.mark.parametrize("parent", ["undefined", "0", "", None])
def test_a_root_has_no_parent(parent):
    """Datadog writes the word undefined."""
    assert one(LLM, parent_id=parent).parent_id is None


def test_a_decimal_trace_id_is_hexadecimal_in_the_store():
    """Older tracers write trace ids as decimal numbers too."""
    assert one(LLM, trace_id="255").trace_id == f"{255:032x}"


def test_a_model_call_has_its_messages():
    """Tool results stand apart from content."""
    found = columns_of(one(LLM))
    assert found[c.SPAN_KIND] == "LLM"
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["user", "assistant", "tool"]
    assert found[c.INPUT_MESSAGES][2][c.MESSAGE_CONTENT] == "moving"
    assert found[c.INPUT_MESSAGES][2][c.MESSAGE_TOOL_CALL_ID] == "c1"
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "It moves."}]
    assert (found[c.MODEL_NAME], found[c.PROMPT_TOKENS], found[c.TOTAL_TOKENS]) == ("m", 9, 11)
    assert json.loads(found[c.TOOLS][0][c.TOOL_JSON_SCHEMA])["function"]["parameters"] == {"type": "object"}


def test_session_user_and_tags_are_read():
    """The session stands on the span and again in a tag."""
    found = columns_of(one(LLM))
    assert (found[c.SESSION_ID], found[c.USER_ID]) == ("s-1", "u-1")
    assert columns_of(one(LLM, session_id=None))[c.SESSION_ID] == "s-1"
    assert "env:test" in found[c.TAGS]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("agent", "AGENT"), ("workflow", "CHAIN"), ("task", "CHAIN"), ("tool", "TOOL"), ("retrieval", "RETRIEVER")],
)
def test_other_spans_have_plain_values(kind, expected):
    """Only model calls have messages."""
    found = columns_of(one({"span": {"kind": kind}, "input": {"value": "in"}, "output": {"value": "out"}}))
    assert (found[c.SPAN_KIND], found[c.INPUT_VALUE], found[c.OUTPUT_VALUE]) == (expected, "in", "out")


def test_an_error_is_the_status():
    """A failed tool must show as one."""
    span = one({"span": {"kind": "tool"}, "error.message": "no such order"}, status="error")
    assert (span.status_code, span.status_message) == ("ERROR", "no such order")


def test_content_that_was_dropped_is_not_the_note_in_its_place():
    """Nobody said "This value has been dropped"."""
    span = one(LLM, collection_errors=["dropped_io"])
    assert c.INPUT_MESSAGES not in columns_of(span)
    assert span.dropped_attributes == 1


@pytest.mark.parametrize("document", [None, {}, [], {"spans": []}, {"resourceSpans": []}, [{"a": 1}], {"spans": 5}])
def test_other_documents_are_no_events(document):
    """OTLP and anything else goes its own way."""
    assert not datadog_events.is_events(document)


def test_files_of_events_and_lists_of_events_are_read(tmp_path):
    """The writer posts lists, a log forwarder writes one event a line."""
    path = tmp_path / "events.json"
    for content in (json.dumps(event(LLM)), json.dumps([event(LLM)]), json.dumps([event(LLM)], indent=1)):
        path.write_text(content)
        [batch] = read_source(path)
        assert batch.table[c.SESSION_ID].to_pylist() == ["s-1"]


def test_bad_ids_are_counted(tmp_path):
    """One bad span does not cost the file."""
    path = tmp_path / "events.jsonl"
    path.write_text("\n".join(json.dumps(event(LLM, span_id=value)) for value in ("5", "", "x", "9" * 30)) + "\n")
    [batch] = read_source(path)
    assert len(batch.table) == 1
    assert batch.rejected == {"missing span id": 1, "bad span id": 2}


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["kind", "messages", "value", "span", "role", "content"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["span", "input", "output", "metadata", "tool_definitions"]), ODD), ODD, ODD)
def test_odd_values_break_nothing(meta, tags, metrics):
    """Events are whatever the app put there."""
    columns_of(one(meta, tags=tags, metrics=metrics, duration=tags, parent_id=metrics))


@needs_recordings
def test_recorded_events_have_their_content():
    """Every recorded model call has messages, every tool its arguments and result."""
    path = RECORDINGS / "datadog_openai__support_tools.llmobs.jsonl"
    found = [
        columns_of(span) for line in path.read_bytes().splitlines() for span in datadog_events.spans(json.loads(line))
    ]
    calls = [row for row in found if row[c.SPAN_KIND] == "LLM"]
    tools = [row for row in found if row[c.SPAN_KIND] == "TOOL"]
    assert len(calls) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] and row[c.TOOLS] for row in calls)
    assert all("order_id" in json.loads(row[c.INPUT_VALUE]) and json.loads(row[c.OUTPUT_VALUE]) for row in tools)
