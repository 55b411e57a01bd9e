"""OTLP protobuf is decoded as the real exporter encodes it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.spans_made import protobuf_request, sdk_spans
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from sessioneval.errors import SourceError
from sessioneval.ingest import otlp_proto
from sessioneval.ingest.sdk_spans import raw_span
from sessioneval.ingest.span_table import SpanTableBuilder
from sessioneval.model.raw_span import RawSpan


def table_of(spans):
    builder = SpanTableBuilder()
    for span in spans:
        builder.add(span)
    return builder.table()


def test_the_real_encoding_comes_back_as_the_sdk_had_it():
    """Both ways into the store must give one row."""
    spans = sdk_spans(3, {"session.id": "from the resource"})
    decoded = otlp_proto.spans(otlp_proto.parse(protobuf_request(spans)))
    assert table_of(decoded) == table_of([raw_span(span) for span in spans])


def test_an_empty_request_has_no_spans():
    """Protobuf of length 0 is a valid request."""
    assert list(otlp_proto.spans(otlp_proto.parse(b""))) == []


@pytest.mark.parametrize("body", [b"garbage", b"\x0a\xff", b'{"resourceSpans": []}'])
def test_what_is_no_protobuf_is_refused(body):
    """The caller counts it, or answers 400."""
    with pytest.raises(SourceError, match="not OTLP protobuf"):
        otlp_proto.parse(body)


def test_unknown_enum_values_and_empty_values_are_survived():
    """Newer clients may send more than this version knows."""
    span = Span(kind=99, status={"code": 77}, attributes=[{"key": "a"}, {"key": "b", "value": {"array_value": {}}}])
    [decoded] = otlp_proto.spans(TracesData(resource_spans=[{"scope_spans": [{"spans": [span]}]}]))
    assert (decoded.kind, decoded.status_code) == ("UNSPECIFIED", "UNSET")
    assert decoded.attributes == {"a": None, "b": []}


def test_references_to_a_string_table_are_absent():
    """Field 8 belongs to profiles; on traces the specification says to treat it as absent."""
    assert otlp_proto.value_of(AnyValue(string_value_strindex=3)) is None


def test_logs_sent_as_traces_are_spans_without_ids():
    """They decode "successfully", because the messages share field numbers; no such span may be stored."""
    logs = ExportLogsServiceRequest(
        resource_logs=[{"scope_logs": [{"log_records": [{"time_unix_nano": 5, "body": {"string_value": "hi"}}]}]}]
    )
    [span] = otlp_proto.spans(otlp_proto.parse(logs.SerializeToString()))
    assert span.trace_id == ""


@given(st.data())
def test_any_bytes_are_decoded_or_refused(data):
    """Damaged requests must be nothing but refused."""
    body = bytearray(protobuf_request(sdk_spans(1)))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    with suppress(SourceError):
        assert all(isinstance(span, RawSpan) for span in otlp_proto.spans(otlp_proto.parse(bytes(body))))
