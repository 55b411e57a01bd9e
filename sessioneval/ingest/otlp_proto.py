"""OTLP protobuf decoded into raw spans.

An OTLP logs export sent as traces decodes without an error, because the messages share field numbers; its
"spans" have no ids and are refused one by one where they are stored.

Source: opentelemetry-proto, opentelemetry/proto/trace/v1/trace.proto.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogRecordMessage
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData

from sessioneval.errors import SourceError
from sessioneval.ingest.log_record import LogRecord
from sessioneval.ingest.otlp_json import SPAN_KINDS, STATUS_CODES
from sessioneval.model.raw_span import RawEvent, RawSpan


def parse(body: bytes) -> TracesData:
    """Return the message in `body`; an ExportTraceServiceRequest has the same encoding.

    Raises:
        SourceError: It is no such message.
    """
    try:
        message: TracesData = TracesData.FromString(body)
    except DecodeError as error:
        raise SourceError(f"not OTLP protobuf: {error}") from None
    return message


def spans(document: TracesData) -> Iterator[RawSpan]:
    """Return the spans of a request."""
    for of_resource in document.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield _span(span, resource, of_scope.scope)


def log_records(body: bytes) -> list[LogRecord]:
    """Return the log records of a logs request; none if `body` is no logs request.

    Bytes of spans may decode as log records too; those have neither a time nor an event name.
    """
    try:
        document = LogsData.FromString(body)
    except DecodeError:
        return []
    found = [
        _log_record(record, resource, of_scope.scope)
        for of_resource in document.resource_logs
        for resource in [_attributes(of_resource.resource.attributes)]
        for of_scope in of_resource.scope_logs
        for record in of_scope.log_records
    ]
    return found if any(record.time_ns or record.event_name for record in found) else []


def _span(span: Span, resource: dict[str, Any], scope: InstrumentationScope) -> RawSpan:
    return RawSpan(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex() or None,
        name=span.name,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        kind=_name(SPAN_KINDS, span.kind),
        status_code=_name(STATUS_CODES, span.status.code),
        status_message=span.status.message,
        events=[RawEvent(event.name, event.time_unix_nano, _attributes(event.attributes)) for event in span.events],
        links=[_link(link) for link in span.links],
        resource=resource,
        scope_name=scope.name,
        scope_version=scope.version,
        trace_state=span.trace_state,
        dropped_attributes=span.dropped_attributes_count,
    )


def _log_record(record: LogRecordMessage, resource: dict[str, Any], scope: InstrumentationScope) -> LogRecord:
    attributes = _attributes(record.attributes)
    return LogRecord(
        trace_id=record.trace_id.hex(),
        span_id=record.span_id.hex(),
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        event_name=record.event_name or str(attributes.get("event.name", "")),
        body=value_of(record.body),
        attributes=attributes,
        resource=resource,
        scope_name=scope.name,
        scope_version=scope.version,
    )


def _link(link: Span.Link) -> dict[str, Any]:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": _attributes(link.attributes),
    }


def _attributes(items: Iterable[KeyValue]) -> dict[str, Any]:
    return {item.key: value_of(item.value) for item in items}


def value_of(value: AnyValue) -> Any:
    """Return what an AnyValue says; None for an absent value. protobuf itself bounds the nesting at 100 levels."""
    held = value.WhichOneof("value")
    if held == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if held == "kvlist_value":
        return {item.key: value_of(item.value) for item in value.kvlist_value.values}
    return getattr(value, held) if held and held != "string_value_strindex" else None


def _name(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0]
