"""Merging Parquet files of one table into one, each row once and rows in the order of sessions, in bounded memory.

Rows go to buckets of adjacent sessions, which wait on disk if there is more than one; each bucket is sorted by itself.
Texts stay dictionary codes from the first file to the last, so a re-sent message costs four bytes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model.arrays import Flags, combined
from sessioneval.store.clustering import plain, taken, used_only
from sessioneval.store.coded_rows import coded_batches, coded_bytes, coded_schema
from sessioneval.store.distinct_rows import distinct_rows
from sessioneval.store.publication import ROW_GROUP_ROWS, publish_row_groups
from sessioneval.store.session_buckets import SessionBuckets, session_buckets
from sessioneval.store.spill import Spill

# Files of the store are written once and read often: the level costs a third more time and saves a tenth.
_COMPRESSION_LEVEL = 3
_ROWS_AT_ONCE = 5_000
# A bucket is in memory up to four times (as it was read, in one piece, sorted, being encoded), beside what is read.
_BUCKET_SHARE = 1 / 8
_LEAST_BUCKET_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class RowOrder:
    """What identifies and orders the rows of a table.

    Attributes:
        keys: Columns that together name a row.
        newest_by: Of two rows of one name, that with the later time counts.
        session: Column of session ids.
        moment: Column of times, the order within a session.
        last: Column that decides between equal times.
    """

    keys: tuple[str, ...]
    newest_by: str
    session: str
    moment: str
    last: str


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What a merge wrote: the file, and numbers of rows before and after."""

    path: Path
    rows_before: int
    rows_after: int


def merge(paths: Sequence[Path], schema: pa.Schema, order: RowOrder, folder: Path, memory_bytes: int) -> Merged:
    """Publish the rows of some files as one file of `folder`; the old files stay.

    Args:
        paths: The files.
        schema: The columns.
        order: Which rows are one, and how rows are sorted.
        folder: Where the file is published, and rows wait meanwhile.
        memory_bytes: What the rows in memory may take; 9 bytes for each row of the files come on top.

    Raises:
        UnreadableFileError: A file is damaged. Nothing is published.
        FileNotFoundError: A file is gone. Nothing is published.
        OSError: The disk is full, and the like. Nothing is published.
    """
    bucket_bytes = max(int(memory_bytes * _BUCKET_SHARE), _LEAST_BUCKET_BYTES)
    kept = distinct_rows(paths, order.keys, order.newest_by, memory_bytes)
    n_buckets = -(-sum(map(coded_bytes, paths)) // bucket_bytes)
    buckets = session_buckets(paths, order.session, order.moment, n_buckets)
    with Spill(folder) as spill:
        tables = _bucket_tables(_batches(paths, schema, kept), buckets, order, spill, bucket_bytes)
        groups = _row_groups((_sorted(table, order) for table in tables), coded_schema(schema), bucket_bytes)
        path = publish_row_groups(groups, folder, _COMPRESSION_LEVEL)
    return Merged(
        path=path,
        rows_before=sum(len(rows) for rows in kept.values()),
        rows_after=sum(int(rows.sum()) for rows in kept.values()),
    )


def _batches(paths: Sequence[Path], schema: pa.Schema, kept: dict[Path, Flags]) -> Iterator[pa.Table]:
    for path in paths:
        first = 0
        for batch in coded_batches(path, schema, _ROWS_AT_ONCE):
            yield taken(batch, np.flatnonzero(kept[path][first : first + batch.num_rows]))
            first += batch.num_rows


def _bucket_tables(
    batches: Iterator[pa.Table], buckets: SessionBuckets, order: RowOrder, spill: Spill, bucket_bytes: int
) -> Iterator[pa.Table]:
    """Yield the rows of each bucket, bucket after bucket."""
    if len(buckets) == 1:
        yield from _joined(list(batches))
        return
    waiting: list[pa.Table] = []
    for batch in batches:
        waiting.append(batch)
        if sum(table.nbytes for table in waiting) >= bucket_bytes:
            _spill(waiting, buckets, order, spill)
    _spill(waiting, buckets, order, spill)
    for bucket in range(len(buckets)):
        yield from _joined(list(spill.take(bucket)))


def _spill(waiting: list[pa.Table], buckets: SessionBuckets, order: RowOrder, spill: Spill) -> None:
    for table in _joined(waiting):
        bucket_of_row = buckets.of(combined(table.column(order.session)), table.column(order.moment))
        for bucket in np.unique(bucket_of_row).tolist():
            spill.put(bucket, taken(table, np.flatnonzero(bucket_of_row == bucket)))
    pa.default_memory_pool().release_unused()


def _joined(tables: list[pa.Table]) -> Iterator[pa.Table]:
    """Yield the rows of some tables, which are let go, as one; nothing if there are none."""
    joined = pa.concat_tables(tables) if tables else None
    tables.clear()
    if joined is not None and joined.num_rows:
        yield pa.table([combined(column) for column in joined.columns], schema=joined.schema)


def _sorted(table: pa.Table, order: RowOrder) -> pa.Table:
    names = [order.session, order.moment, order.last]
    keys = pa.table([table.column(name).cast(plain(table.schema.field(name).type)) for name in names], names=names)
    return table.take(pc.sort_indices(keys, sort_keys=[(name, "ascending") for name in names]))


def _row_groups(tables: Iterator[pa.Table], schema: pa.Schema, most_bytes: int) -> Iterator[pa.Table]:
    """Yield the rows of all tables in pieces of the size of a row group; the last one of large tables is smaller."""
    rest = schema.empty_table()
    is_first = True
    for table in tables:
        size = _rows_of_a_group(table, most_bytes)
        start = 0
        while rest.num_rows + table.num_rows - start >= size:
            here = max(size - rest.num_rows, 0)
            yield _one_piece(rest, table.slice(start, here))
            rest, start, is_first = schema.empty_table(), start + here, False
        rest = _one_piece(rest, table.slice(start))
    if rest.num_rows or is_first:
        yield rest


def _rows_of_a_group(table: pa.Table, most_bytes: int) -> int:
    return max(1, min(ROW_GROUP_ROWS, int(table.num_rows * most_bytes // max(table.nbytes, 1))))


def _one_piece(rest: pa.Table, more: pa.Table) -> pa.Table:
    joined = pa.concat_tables([rest, more]) if rest.num_rows else more
    return used_only(pa.table([combined(column) for column in joined.columns], schema=joined.schema))
