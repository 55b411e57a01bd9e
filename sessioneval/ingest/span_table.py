"""From spans to one Arrow table with the schema of the store.

A span is refused only for what it cannot be stored without: usable ids and a start time. Whatever else is
wrong with it is made safe value by value.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from sessioneval.errors import SourceError
from sessioneval.ingest.message_lists import MessageLists, TextLists
from sessioneval.model import columns as c
from sessioneval.model.nested import decoded
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.model.schemas import SPANS
from sessioneval.semconv.json_text import json_text, utf8_text
from sessioneval.semconv.normalisation import columns_of

Reason = Literal[
    "missing trace id",
    "bad trace id",
    "missing span id",
    "bad span id",
    "no start time",
    "start time out of range",
]

_MAX_INT64 = 2**63 - 1
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")


class RejectedSpan(SourceError):
    """A span cannot be stored.

    Attributes:
        reason: Why, one of `Reason`.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class SpanTableBuilder:
    """Collects spans and turns them into a table.

    Example:
        >>> builder = SpanTableBuilder()
        >>> builder.add(RawSpan("1" * 32, "2" * 16, None, "chat", 1, 2, {"session.id": "s-1"}))
        >>> builder.table().column("attributes.session.id").to_pylist()
        ['s-1']
    """

    def __init__(self) -> None:
        self._size = 0
        self._columns: dict[str, list[Any]] = {}
        self._lists: dict[str, MessageLists | TextLists] = {
            c.INPUT_MESSAGES: MessageLists(),
            c.OUTPUT_MESSAGES: MessageLists(),
            c.TOOLS: TextLists((c.TOOL_JSON_SCHEMA,)),
        }
        self._resource: tuple[Mapping[str, Any], str | None] = ({}, None)

    def __len__(self) -> int:
        return self._size

    def add(self, span: RawSpan) -> None:
        """Take one span.

        Raises:
            RejectedSpan: Its ids or its start time cannot be used.
        """
        trace_id = _identifier(span.trace_id, _TRACE_ID, "missing trace id", "bad trace id")
        span_id = _identifier(span.span_id, _SPAN_ID, "missing span id", "bad span id")
        row = columns_of(span)
        row |= {
            c.TRACE_ID: trace_id,
            c.SPAN_ID: span_id,
            c.PARENT_ID: _parent_id(span.parent_id),
            c.START_TIME: _start_ns(span),
            c.END_TIME: span.end_ns if _is_time_ns(span.end_ns) else span.start_ns,
            c.NAME: span.name,
            c.OTEL_KIND: span.kind,
            c.STATUS_CODE: span.status_code,
            c.STATUS_MESSAGE: span.status_message,
            c.ATTRIBUTES: json_text(row[c.ATTRIBUTES]) if row[c.ATTRIBUTES] else "{}",
            c.EVENTS: [_event(event) for event in span.events],
            c.LINKS: json_text(span.links) if span.links else None,
            c.RESOURCE: self._resource_text(span.resource),
            c.SCOPE_NAME: span.scope_name,
            c.SCOPE_VERSION: span.scope_version,
            c.TRACE_STATE: span.trace_state,
            c.DROPPED_ATTRIBUTES: min(span.dropped_attributes, _MAX_INT64),
        }
        self._append(row)

    def _append(self, row: dict[str, Any]) -> None:
        for column, lists in self._lists.items():
            lists.append(row.pop(column, None))
        for column, value in row.items():
            values = self._columns.get(column)
            if values is None:
                values = self._columns[column] = []
            if len(values) < self._size:
                values += [None] * (self._size - len(values))
            values.append(value)
        self._size += 1

    def table(self) -> pa.Table:
        """Return the spans taken so far, one row a span in the order they came, with the schema `SPANS`."""
        coded = self.coded_table()
        return pa.Table.from_arrays([decoded(coded.column(field.name).chunk(0)) for field in SPANS], schema=SPANS)

    def coded_table(self) -> pa.Table:
        """Return what `table` does, with the texts of messages and tools as dictionary codes: no text stands twice."""
        arrays = [
            self._lists[field.name].array() if field.name in self._lists else self._array(field) for field in SPANS
        ]
        fields = [field.with_type(array.type) for field, array in zip(SPANS, arrays, strict=True)]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields))

    def _array(self, field: pa.Field) -> pa.Array:
        values = self._columns.get(field.name)
        if values is None:
            return pa.nulls(self._size, field.type)
        return _array([*values, *[None] * (self._size - len(values))], field.type)

    def _resource_text(self, resource: Mapping[str, Any]) -> str | None:
        """Return the resource as JSON; the spans of one export share it, so the last one is remembered."""
        if resource is not self._resource[0]:
            self._resource = (resource, json_text(dict(resource)) if resource else None)
        return self._resource[1]


def _identifier(value: str, pattern: re.Pattern[str], missing: Reason, bad: Reason) -> str:
    if not value:
        raise RejectedSpan(missing)
    if not pattern.fullmatch(identifier := value.lower()):
        raise RejectedSpan(bad)
    return identifier


def _parent_id(value: str | None) -> str | None:
    identifier = (value or "").lower()
    return identifier if _SPAN_ID.fullmatch(identifier) else None


def _start_ns(span: RawSpan) -> int:
    if not span.start_ns:
        raise RejectedSpan("no start time")
    if not _is_time_ns(span.start_ns):
        raise RejectedSpan("start time out of range")
    return span.start_ns


def _is_time_ns(value: int) -> bool:
    return 0 < value <= _MAX_INT64


def _event(event: RawEvent) -> dict[str, Any]:
    return {
        "name": event.name,
        "timestamp": event.time_ns if _is_time_ns(event.time_ns) else None,
        "attributes": json_text(dict(event.attributes)) if event.attributes else None,
    }


def _array(values: Sequence[Any], type_: pa.DataType) -> pa.Array:
    """Return an Arrow array; text with lone surrogates is looked for only where Arrow refuses the column."""
    try:
        return pa.array(values, type_)
    except (pa.ArrowException, UnicodeError):
        return pa.array([_storable(value) for value in values], type_)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return utf8_text(value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    return value
