"""Parquet files of our own stores and exports: they have the columns already and only need checking."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sessioneval.ingest.chunks import CORRUPT_ROWS
from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS

_BATCH_ROWS = 10_000
_IGNORED_PREFIXES = ("session_eval.", "__index_level_")
_NULLABLE_SPANS = pa.schema([field.with_nullable(True) for field in SPANS])  # noqa: FBT003 - pyarrow's signature


def is_stored(schema: pa.Schema) -> bool:
    """Return whether a file has all columns of the store, and no others than evaluations."""
    extra = [name for name in schema.names if name not in SPANS.names and not name.startswith(_IGNORED_PREFIXES)]
    return not extra and all(name in schema.names for name in SPANS.names) and _is_castable(schema)


def _is_castable(schema: pa.Schema) -> bool:
    try:
        schema.empty_table().select(SPANS.names).cast(SPANS)
    except (pa.ArrowException, ValueError):
        return False
    return True


def read_tables(file: pq.ParquetFile, size_bytes: int) -> Iterator[tuple[pa.Table, Counter[str], int]]:
    """Return the usable rows with the schema `SPANS`, the others counted by reason, and the bytes read so far."""
    for group in range(file.num_row_groups):
        position_bytes = size_bytes * (group + 1) // file.num_row_groups
        try:
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=[group], columns=SPANS.names):
                yield *_checked(pa.Table.from_batches([batch])), position_bytes
        except (pa.ArrowException, OSError):
            yield SPANS.empty_table(), Counter({CORRUPT_ROWS: 1}), position_bytes


def _checked(table: pa.Table) -> tuple[pa.Table, Counter[str]]:
    """Return the rows that the store may hold."""
    table = table.select(SPANS.names).cast(_NULLABLE_SPANS)
    rejected: Counter[str] = Counter()
    for reason, column, is_good in _RULES:
        kept = table.filter(pc.fill_null(is_good(table[column]), fill_value=False))
        rejected[reason] += len(table) - len(kept)
        table = kept
    return table.cast(SPANS), +rejected


def _is_identifier(column: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return pc.and_(pc.match_substring_regex(column, pattern), pc.match_substring_regex(column, "[^0]"))


def _is_trace_id(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _is_identifier(column, "^[0-9a-f]{32}$")


def _is_span_id(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return _is_identifier(column, "^[0-9a-f]{16}$")


def _is_time(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.greater(column.cast(pa.int64()), 0)


_RULES = (
    ("bad trace id", c.TRACE_ID, _is_trace_id),
    ("bad span id", c.SPAN_ID, _is_span_id),
    ("no start time", c.START_TIME, _is_time),
)
