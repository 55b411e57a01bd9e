"""OTLP files as chunks of spans: decompress, find the records, decode each by its encoding and its signal.

Read are traces, the GenAI events of logs, and Datadog's span events, which come in the same framings.
"""

from collections.abc import Iterator
from pathlib import Path

from sessioneval.errors import SourceError
from sessioneval.ingest import datadog_events, otlp_json, otlp_proto
from sessioneval.ingest.chunks import NO_SPANS, NOT_JSON, NOT_PROTOBUF, TORN_RECORD, Chunk, Rejected
from sessioneval.ingest.compression import opened
from sessioneval.ingest.framing import Record, records
from sessioneval.ingest.otlp_logs import LogEvents
from sessioneval.model.raw_span import RawSpan

_SIGNALS = ("resourceSpans", "resourceLogs")


def read_chunks(path: Path, max_record_bytes: int) -> Iterator[Chunk]:
    """Return the records of an OTLP file, one chunk each, and after them what its log records left open.

    Raises:
        SourceError: The file has none of the known forms.
    """
    events = LogEvents()
    with opened(path) as (file, stream):
        for record in records(stream, max_record_bytes):
            yield _chunk(record, events, file.tell())
        if rest := events.rest():
            yield Chunk(rest, 0, file.tell(), is_readable=True)


def _chunk(record: Record | Rejected, events: LogEvents, position_bytes: int) -> Chunk:
    items = [record] if isinstance(record, Rejected) else _items(record, events)
    is_readable = not (len(items) == 1 and isinstance(items[0], Rejected))
    size_bytes = 0 if isinstance(record, Rejected) else len(record.body)
    return Chunk(items, size_bytes, position_bytes, is_readable)


def _items(record: Record, events: LogEvents) -> list[RawSpan | Rejected]:
    read = _from_protobuf if record.encoding == "protobuf" else _from_json
    try:
        return read(record.body, events)
    except SourceError:
        reason = NOT_PROTOBUF if record.encoding == "protobuf" else NOT_JSON
        return [Rejected(TORN_RECORD if record.is_last_line else reason)]


def _from_protobuf(body: bytes, events: LogEvents) -> list[RawSpan | Rejected]:
    """Return the items of a request; spans and log records share field numbers, so ids tell which it is."""
    try:
        spans = list(otlp_proto.spans(otlp_proto.parse(body)))
    except SourceError:
        if logs := otlp_proto.log_records(body):
            return events.take(logs)
        raise
    if any(span.trace_id for span in spans):
        return [*spans]
    logs = otlp_proto.log_records(body)
    return events.take(logs) if logs else [*spans]


def _from_json(body: bytes, events: LogEvents) -> list[RawSpan | Rejected]:
    document = otlp_json.parse(body)
    if datadog_events.is_events(document):
        return list(datadog_events.spans(document))
    if not isinstance(document, dict) or (document and document.keys().isdisjoint(_SIGNALS)):
        return [Rejected(NO_SPANS)]
    return [*otlp_json.spans(document), *events.take(otlp_json.log_records(document))]
