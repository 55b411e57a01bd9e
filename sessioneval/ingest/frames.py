"""Span DataFrames of Phoenix and Arize, saved as Parquet, as chunks of spans.

After Parquet every dict of a column is one struct with the keys of all rows, so an absent key comes back as
null and is dropped again. Attributes outside OpenInference stand in one column for each first segment
(``attributes.gen_ai``), as nested objects or as JSON text, and get their dotted keys back.

Source: the Phoenix client's ``get_spans_dataframe`` and the Arize export, as recorded.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.errors import SourceError
from sessioneval.ingest.chunks import CORRUPT_ROWS, Chunk, Rejected
from sessioneval.ingest.timestamps import unix_ns
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.semconv.fields import int64
from sessioneval.semconv.flattened_keys import COLUMNS as LIST_COLUMNS
from sessioneval.semconv.json_text import parsed
from sessioneval.semconv.openinference import FIELDS, KINDS

_BATCH_ROWS = 1_000
_SHOWN_NAMES = 8
_NOT_UTF8 = "(not UTF-8)"
_PREFIX = "attributes."
_KIND_KEY = "openinference.span.kind"
_WHOLE = frozenset(LIST_COLUMNS) | {field.keys[0] for field in FIELDS}
"""Attributes that are kept as the cell has them: their readers know nested values."""

_NAMESPACES = frozenset(
    {"ai", "gcp", "gen_ai", "langfuse", "langsmith", "llm", "lmnr", "mlflow", "smolagents", "traceloop"}
)
"""Columns that users save as JSON text, because Parquet cannot hold their mixed values."""

_TRACE_ID = (c.TRACE_ID, "trace_id")
_SPAN_ID = (c.SPAN_ID, "span_id", "__index_level_0__")
_PARENT_ID = (c.PARENT_ID, "context.parent_id")
_SPAN_COLUMNS = frozenset(
    {*_TRACE_ID, *_SPAN_ID, *_PARENT_ID, c.NAME, c.SPAN_KIND, c.START_TIME, c.END_TIME}
    | {c.STATUS_CODE, c.STATUS_MESSAGE, c.EVENTS, c.LINKS, c.RESOURCE, c.SCOPE_NAME, c.SCOPE_VERSION}
    | {c.OTEL_KIND, c.TRACE_STATE, c.DROPPED_ATTRIBUTES, c.ATTRIBUTES}
)


def check_columns(names: Sequence[str]) -> None:
    """Make sure that the columns are those of spans.

    Raises:
        SourceError: There is no column of trace ids or none of span ids.
    """
    for wanted in (_TRACE_ID, _SPAN_ID):
        if not any(name in names for name in wanted):
            raise SourceError(f"no spans: it has no column {wanted[0]!r}, but {', '.join(names[:_SHOWN_NAMES])}")


def read_chunks(file: pq.ParquetFile, size_bytes: int) -> Iterator[Chunk]:
    """Return the rows of a span DataFrame in chunks; a row group that cannot be read is refused as one."""
    for group in range(file.num_row_groups):
        position_bytes = size_bytes * (group + 1) // file.num_row_groups
        try:
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group]):
                yield Chunk(_spans(batch), batch.nbytes, position_bytes, is_readable=True)
        except (pa.ArrowException, OSError):
            yield Chunk([Rejected(CORRUPT_ROWS)], 0, position_bytes, is_readable=False)


def _spans(batch: pa.RecordBatch) -> list[RawSpan]:
    names = batch.schema.names
    columns = [_cells(column, name) for name, column in zip(names, batch.columns, strict=True)]
    return [_span(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]


def _cells(column: pa.Array, name: str) -> list[Any]:
    """Return the cells as Python values, times as integers."""
    if name in {c.START_TIME, c.END_TIME} and pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", column.type.tz), safe=False).cast(pa.int64())
    try:
        return list(column.to_pylist())
    except ValueError:
        return [_cell(scalar) for scalar in column]


def _cell(scalar: pa.Scalar) -> Any:
    """Return one cell of a column in which some cells hold text that is no UTF-8."""
    try:
        return scalar.as_py()
    except ValueError:
        is_text = pa.types.is_string(scalar.type) or pa.types.is_large_string(scalar.type)
        return scalar.as_buffer().to_pybytes().decode("utf-8", "replace") if is_text else _NOT_UTF8


def _span(row: dict[str, Any]) -> RawSpan:
    row = {name: cell for name, value in row.items() if (cell := _present(value)) is not None}
    return RawSpan(
        trace_id=_identifier(row, _TRACE_ID),
        span_id=_identifier(row, _SPAN_ID),
        parent_id=_identifier(row, _PARENT_ID) or None,
        name=_text(row.get(c.NAME)),
        start_ns=unix_ns(row.get(c.START_TIME)),
        end_ns=unix_ns(row.get(c.END_TIME)),
        attributes=_attributes(row),
        kind=_text(row.get(c.OTEL_KIND)) or "INTERNAL",
        status_code=_text(row.get(c.STATUS_CODE)).upper() or "UNSET",
        status_message=_text(row.get(c.STATUS_MESSAGE)),
        events=[_event(event) for event in _objects(row.get(c.EVENTS))],
        links=_objects(row.get(c.LINKS)),
        resource=_object(row.get(c.RESOURCE)),
        scope_name=_text(row.get(c.SCOPE_NAME)),
        scope_version=_text(row.get(c.SCOPE_VERSION)),
        trace_state=_text(row.get(c.TRACE_STATE)),
        dropped_attributes=max(int64(row.get(c.DROPPED_ATTRIBUTES)) or 0, 0),
    )


def _attributes(row: dict[str, Any]) -> dict[str, Any]:
    found = dict(_flat("", _object(row.get(c.ATTRIBUTES))))
    for name, value in row.items():
        if name not in _SPAN_COLUMNS:
            key = name.removeprefix(_PREFIX)
            found.update(_flat(key, (_object(value) or value) if key in _NAMESPACES else value))
    kind = _text(row.get(c.SPAN_KIND)).upper()
    return found if _KIND_KEY in found or kind not in KINDS else {**found, _KIND_KEY: kind}


def _flat(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give nested objects their dotted keys back, and lists of objects their indexes."""
    if key in _WHOLE or not isinstance(value, dict | list):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _flat(f"{key}.{name}" if key else str(name), item)
    elif value and all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _flat(f"{key}.{index}", item)
    else:
        yield key, value


def _present(value: Any) -> Any:
    """Return a cell without the keys that only other rows have; None if nothing is left of it."""
    if isinstance(value, dict):
        return {str(key): item for key, held in value.items() if (item := _present(held)) is not None} or None
    if isinstance(value, list):
        return [_present(item) or {} if isinstance(item, dict) else item for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _event(event: dict[str, Any]) -> RawEvent:
    return RawEvent(_text(event.get("name")), unix_ns(event.get("timestamp")), _object(event.get("attributes")))


def _identifier(row: Mapping[str, Any], names: tuple[str, ...]) -> str:
    for name in names:
        if name in row:
            return row[name].hex() if isinstance(row[name], bytes) else _text(row[name])
    return ""


def _object(value: Any) -> dict[str, Any]:
    """Return an object, also when it is given as JSON text; empty if it is none."""
    cell = _present(parsed(value))
    return cell if isinstance(cell, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    cell = _present(parsed(value))
    return [item for item in cell if isinstance(item, dict)] if isinstance(cell, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
