"""GenAI events in log records become spans below the calls they tell about."""

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest import otlp_json
from sessioneval.ingest.chunks import Rejected
from sessioneval.ingest.log_record import LogRecord
from sessioneval.ingest.otlp_logs import FROM_LOG, NOT_GENAI, WITHOUT_SPAN, LogEvents
from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.normalisation import columns_of

TRACE, SPAN = "a" * 32, "b" * 16
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": "A-1"}'}}
BODIES = [
    ("gen_ai.system.message", {"content": "Be brief."}),
    ("gen_ai.user.message", {"content": "Where is A-1?"}),
    ("gen_ai.assistant.message", {"tool_calls": [CALL]}),
    ("gen_ai.tool.message", {"content": "moving", "id": "c1"}),
    ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It moves."}}),
]
DETAILS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.id": "r-1",
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}], "name": None}],
    "gen_ai.output.messages": [{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}]}],
}


def record(name, body=None, *, time_ns=5, span=SPAN, attributes=None):
    return LogRecord(TRACE, span, time_ns, name, body, attributes or {}, {"service.name": "shop"}, "scope", "1")


RECORDS = [record(name, body, time_ns=10 + i) for i, (name, body) in enumerate(BODIES)]


def spans_of(*requests, **more):
    events = LogEvents(**more)
    return [*(item for request in requests for item in events.take(request)), *events.rest()]


def any_value(value):
    """Return a value as OTLP/JSON writes it."""
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": key, "value": any_value(item)} for key, item in value.items()]}}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(item) for item in value]}}
    if value is None:
        return {}
    return {"stringValue": value} if isinstance(value, str) else {"intValue": str(value)}


def json_request(records):
    written = [
        {
            "traceId": item.trace_id,
            "spanId": item.span_id,
            "observedTimeUnixNano": str(item.time_ns),
            "eventName": item.event_name,
            "body": any_value(item.body),
            "attributes": any_value(dict(item.attributes))["kvlistValue"]["values"],
        }
        for item in records
    ]
    return {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {"name": "scope"}, "logRecords": written}]}]}


def proto_value(value):
    if isinstance(value, dict):
        return {"kvlist_value": {"values": [{"key": key, "value": proto_value(item)} for key, item in value.items()]}}
    if isinstance(value, list):
        return {"array_value": {"values": [proto_value(item) for item in value]}}
    if value is None:
        return {}
    return {"string_value": value} if isinstance(value, str) else {"int_value": value}


def proto_request(records):
    written = [
        {
            "trace_id": bytes.fromhex(item.trace_id),
            "span_id": bytes.fromhex(item.span_id),
            "time_unix_nano": item.time_ns,
            "event_name": item.event_name,
            "body": proto_value(item.body),
            "attributes": proto_value(dict(item.attributes))["kvlist_value"]["values"],
        }
        for item in records
    ]
    return ExportLogsServiceRequest(
        resource_logs=[{"scope_logs": [{"scope": {"name": "scope"}, "log_records": written}]}]
    )


def test_details_become_one_span_below_the_call():
    """The content of event_only mode stands nowhere else."""
    [span] = spans_of([record("gen_ai.client.inference.operation.details", attributes=DETAILS)])
    assert (span.trace_id, span.parent_id, span.start_ns, span.end_ns) == (TRACE, SPAN, 5, 5)
    assert (span.name, span.scope_name, span.attributes[FROM_LOG]) == (
        "gen_ai.client.inference.operation.details",
        "scope",
        True,
    )
    found = columns_of(span)
    assert found[c.SPAN_KIND] == "LLM"
    assert found[c.INPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "Hi"
    assert found[c.OUTPUT_MESSAGES][0][c.MESSAGE_CONTENT] == "Hello"


def test_tokens_are_counted_once():
    """The span of the call has them already."""
    [span] = spans_of([record("gen_ai.client.inference.operation.details", attributes=DETAILS)])
    assert c.PROMPT_TOKENS not in columns_of(span)


def test_messages_of_one_call_become_one_span():
    """Before v1.37 every message was an event."""
    [span] = spans_of(RECORDS)
    found = columns_of(span)
    assert [message[c.MESSAGE_ROLE] for message in found[c.INPUT_MESSAGES]] == ["system", "user", "assistant", "tool"]
    assert found[c.INPUT_MESSAGES][2][c.MESSAGE_TOOL_CALLS][0][c.CALL_ID] == "c1"
    assert found[c.INPUT_MESSAGES][3][c.MESSAGE_TOOL_CALL_ID] == "c1"
    assert found[c.OUTPUT_MESSAGES] == [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: "It moves."}]
    assert (span.start_ns, span.end_ns, found[c.SPAN_KIND]) == (10, 14, "LLM")


@given(st.integers(0, len(RECORDS)), st.permutations(RECORDS), st.booleans())
def test_batching_order_and_redelivery_change_nothing(cut, shuffled, again):
    """Exporters cut a call's events in two, reorder them, and send a request again that was stored."""
    requests = [shuffled[:cut], shuffled[cut:]]
    assert spans_of(*requests, *(requests if again else [])) == spans_of(RECORDS)


def test_a_repeated_message_of_one_call_is_kept():
    """The user did say yes twice, and a coarse clock gives both the same time."""
    yes = record("gen_ai.user.message", {"content": "yes"})
    [span] = spans_of([yes, yes])
    assert len(columns_of(span)[c.INPUT_MESSAGES]) == 2


def test_calls_are_told_apart_by_their_span():
    """Sessions interleave in one file."""
    spans = spans_of([record(name, body, span=span) for name, body in BODIES for span in ("1" * 16, "2" * 16)])
    assert [span.parent_id for span in spans] == ["1" * 16, "2" * 16]
    assert len({span.span_id for span in spans}) == 2


def test_the_memory_for_open_calls_is_bounded():
    """A log file may hold millions of calls."""
    events = LogEvents(open_calls=2)
    done = events.take(
        [record("gen_ai.choice", {"message": {"content": str(i)}}, span=f"{i + 1:016x}") for i in range(5)]
    )
    assert [span.parent_id for span in done] == [f"{i + 1:016x}" for i in range(3)]
    assert len(events.rest()) == 2


def test_an_error_is_the_span_s_status():
    """A failed call must not look like one that was never answered."""
    attributes = {**DETAILS, "error.type": "RateLimitError"}
    [span] = spans_of([record("gen_ai.client.inference.operation.details", attributes=attributes)])
    assert span.status_code == "ERROR"


def test_other_records_are_refused_with_a_reason():
    """An app logs other things too; nothing is dropped in silence."""
    items = spans_of([record("http.request"), record("", "text"), record("gen_ai.user.message", {}, span="")])
    assert items == [Rejected(NOT_GENAI), Rejected(NOT_GENAI), Rejected(WITHOUT_SPAN)]


@pytest.mark.parametrize("body", [None, "text", [], {"message": 5}, {"content": {"a": 1}}, {"role": ["x"]}])
def test_odd_bodies_break_nothing(body):
    """Bodies are whatever the app logged."""
    for name, _ in BODIES:
        assert all(isinstance(item, RawSpan) for item in spans_of([record(name, body)]))


@pytest.mark.parametrize("encoding", ["json", "protobuf", "length-prefixed"])
def test_files_of_log_records_are_read_in_every_encoding(tmp_path, encoding):
    """The collector writes logs as it writes traces."""
    path = tmp_path / "logs"
    body = proto_request(RECORDS).SerializeToString()
    content = {
        "json": json.dumps(json_request(RECORDS)).encode() + b"\n",
        "protobuf": body,
        "length-prefixed": struct.pack(">I", len(body)) + body,
    }[encoding]
    path.write_bytes(content)
    [batch] = read_source(path)
    [expected] = spans_of(RECORDS)
    assert batch.table[c.SPAN_ID].to_pylist() == [expected.span_id]
    assert batch.table[c.SPAN_KIND].to_pylist() == ["LLM"]
    assert not batch.rejected


@needs_recordings
@pytest.mark.parametrize(
    "path", sorted(RECORDINGS.glob("*.logs.jsonl")) if RECORDINGS else [], ids=lambda path: path.name
)
def test_recorded_logs_have_all_calls(path):
    """8 model calls, each with what was sent and answered, each below a span of the trace file."""
    spans = spans_of(*(list(otlp_json.log_records(json.loads(line))) for line in path.read_bytes().splitlines()))
    found = [columns_of(span) for span in spans]
    assert len(found) == 8
    assert all(row[c.INPUT_MESSAGES] and row[c.OUTPUT_MESSAGES] for row in found)
    traces = path.with_name(path.name.replace(".logs", ""))
    known = {span.span_id for line in traces.read_bytes().splitlines() for span in otlp_json.spans(json.loads(line))}
    assert {span.parent_id for span in spans} <= known
