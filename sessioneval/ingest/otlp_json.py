"""OTLP/JSON decoded by hand: lower-camel-case names, hexadecimal ids, integers as text or number.

protobuf's ``json_format`` is no OTLP/JSON decoder: it reads hexadecimal ids as base64 and snake-case names.
Unknown names are ignored, absent and empty values are accepted, and what has the wrong type counts as absent.

Source: opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding".
"""

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, NoReturn

from sessioneval.errors import SourceError
from sessioneval.ingest.json_shapes import list_in, object_in, objects_in
from sessioneval.ingest.log_record import LogRecord
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.semconv.json_text import json_text

SPAN_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
STATUS_CODES = ("UNSET", "OK", "ERROR")
MAX_VALUE_DEPTH = 64
"""Levels of nested attribute values that are decoded; deeper ones stay JSON text."""

_LONGEST_INT_CHARS = 40


def parse(body: bytes) -> Any:
    """Return the JSON document in `body`.

    Raises:
        SourceError: It is no JSON, says NaN or Infinity, or is nested too deep.
    """
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse)
    except RecursionError:
        raise SourceError("nested too deep") from None
    except ValueError as error:
        raise SourceError(f"not JSON: {error}") from None


def spans(document: Any) -> Iterator[RawSpan]:
    """Return the spans of an ExportTraceServiceRequest or TracesData document."""
    for of_resource in objects_in(object_in(document).get("resourceSpans")):
        resource = _attributes(object_in(of_resource.get("resource")))
        for of_scope in objects_in(of_resource.get("scopeSpans")):
            scope = object_in(of_scope.get("scope"))
            for span in objects_in(of_scope.get("spans")):
                yield _span(span, resource, scope)


def log_records(document: Any) -> Iterator[LogRecord]:
    """Return the log records of an ExportLogsServiceRequest or LogsData document."""
    for of_resource in objects_in(object_in(document).get("resourceLogs")):
        resource = _attributes(object_in(of_resource.get("resource")))
        for of_scope in objects_in(of_resource.get("scopeLogs")):
            scope = object_in(of_scope.get("scope"))
            for record in objects_in(of_scope.get("logRecords")):
                yield _log_record(record, resource, scope)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value")


def _span(span: dict[str, Any], resource: dict[str, Any], scope: dict[str, Any]) -> RawSpan:
    status = object_in(span.get("status"))
    return RawSpan(
        trace_id=_text(span.get("traceId")),
        span_id=_text(span.get("spanId")),
        parent_id=_text(span.get("parentSpanId")) or None,
        name=_text(span.get("name")),
        start_ns=_int(span.get("startTimeUnixNano")),
        end_ns=_int(span.get("endTimeUnixNano")),
        attributes=_attributes(span),
        kind=_enum(span.get("kind"), SPAN_KINDS, "SPAN_KIND_"),
        status_code=_enum(status.get("code"), STATUS_CODES, "STATUS_CODE_"),
        status_message=_text(status.get("message")),
        events=[_event(event) for event in objects_in(span.get("events"))],
        links=[_link(link) for link in objects_in(span.get("links"))],
        resource=resource,
        scope_name=_text(scope.get("name")),
        scope_version=_text(scope.get("version")),
        trace_state=_text(span.get("traceState")),
        dropped_attributes=max(_int(span.get("droppedAttributesCount")), 0),
    )


def _log_record(record: dict[str, Any], resource: dict[str, Any], scope: dict[str, Any]) -> LogRecord:
    attributes = _attributes(record)
    return LogRecord(
        trace_id=_text(record.get("traceId")),
        span_id=_text(record.get("spanId")),
        time_ns=_int(record.get("timeUnixNano")) or _int(record.get("observedTimeUnixNano")),
        event_name=_text(record.get("eventName")) or _text(attributes.get("event.name")),
        body=value_of(record.get("body")),
        attributes=attributes,
        resource=resource,
        scope_name=_text(scope.get("name")),
        scope_version=_text(scope.get("version")),
    )


def _event(event: dict[str, Any]) -> RawEvent:
    return RawEvent(_text(event.get("name")), _int(event.get("timeUnixNano")), _attributes(event))


def _link(link: dict[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": _text(link.get("traceId")).lower(),
        "span_id": _text(link.get("spanId")).lower(),
        "attributes": _attributes(link),
    }


def _attributes(owner: dict[str, Any]) -> dict[str, Any]:
    return {_text(item.get("key")): value_of(item.get("value")) for item in objects_in(owner.get("attributes"))}


def value_of(value: Any, depth: int = 0) -> Any:
    """Return what an AnyValue object says; None for an absent or unknown value.

    Example:
        >>> value_of({"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "a"}]}})
        [1, 'a']
    """
    held = object_in(value)
    for name, read in _SCALARS.items():
        if name in held:
            return read(held[name])
    if depth >= MAX_VALUE_DEPTH:
        return json_text(value) if held else None
    if "arrayValue" in held:
        return [value_of(item, depth + 1) for item in list_in(object_in(held["arrayValue"]).get("values"))]
    if "kvlistValue" in held:
        items = objects_in(object_in(held["kvlistValue"]).get("values"))
        return {_text(item.get("key")): value_of(item.get("value"), depth + 1) for item in items}
    return None


def _int_or_self(value: Any) -> Any:
    return number if (number := _int(value, None)) is not None else value


def _double(value: Any) -> Any:
    try:
        return float(value)
    except (ValueError, TypeError, OverflowError):
        return value


def _bytes(value: Any) -> Any:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        return value


def _self(value: Any) -> Any:
    return value


_SCALARS = {
    "stringValue": _self,
    "boolValue": _self,
    "intValue": _int_or_self,
    "doubleValue": _double,
    "bytesValue": _bytes,
}


def _int(value: Any, default: Any = 0) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str) or len(value) > _LONGEST_INT_CHARS:
        return default
    try:
        return int(value)
    except ValueError:
        return default


def _enum(value: Any, names: tuple[str, ...], prefix: str) -> str:
    """Return the name of an enum value; numbers are the rule, names are accepted, unknown ones are the default."""
    if isinstance(value, str) and value.removeprefix(prefix) in names:
        return value.removeprefix(prefix)
    number = _int(value)
    return names[number] if 0 <= number < len(names) else names[0]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
