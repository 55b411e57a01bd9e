"""Reading the Parquet files of one table: columns in, one Arrow table out, bad files named and passed over."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.model import columns as c
from sessioneval.model.arrays import Ints, arrow_flags, arrow_ints, combined, numpy_of
from sessioneval.model.nested import decoded
from sessioneval.model.words import Words, arrow_uint64, paired_words, span_words, words_of
from sessioneval.store.gathering import Gathering
from sessioneval.store.row_groups import RowGroups

_LOG = logging.getLogger(__name__)

# Rows of a file that are read at once, rounded up to a row group.
_ROWS_AT_ONCE = 200_000

FILE = "__file"
ROW = "__row"
KEY = "__key"


@dataclass(frozen=True, kw_only=True)
class UnreadableFile:
    """A file of the store that no Parquet reader can open, and what the reader said."""

    path: Path
    error: str


@dataclass(frozen=True, kw_only=True)
class TableRead:
    """Rows of several files as one table.

    Attributes:
        table: The asked columns plus `FILE` (index into `files`) and `ROW` (row number in that file).
        files: The files that were read.
        unreadable: The files that were passed over.
    """

    table: pa.Table
    files: tuple[Path, ...]
    unreadable: tuple[UnreadableFile, ...]


def read_files(
    paths: Iterable[Path], schema: pa.Schema, change: Callable[[pa.Table], pa.Table] = lambda table: table
) -> TableRead:
    """Read the columns of `schema` from every file; a column that a file lacks is null.

    Texts that the schema wants as dictionary codes are read as such; a code means the same in all files.

    Args:
        paths: The files.
        schema: The columns.
        change: What is kept of each file's rows, to hold less than was read; columns that are null in one
            file may be so by their type.

    Returns:
        The rows file by file, the file with the earliest `START_TIME` first.

    Raises:
        FileNotFoundError: A file was removed (compacted) since it was listed; list again.
    """
    footers, unreadable = _footers(paths)
    gathered = Gathering(sum(footer.num_rows for _, footer in footers))
    gathered.add(_located(change(schema.empty_table()), 0, 0))
    files: list[Path] = []
    for path, footer in footers:
        before = gathered.n_rows
        try:
            for part in _parts(path, footer, schema):
                gathered.add(_located(change(part), len(files), gathered.n_rows - before))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            unreadable.append(UnreadableFile(path=path, error=str(error)))
            gathered.forget_after(before)
            continue
        files.append(path)
        # Memory of pages that have been decoded is not kept for later: many files would add up.
        pa.default_memory_pool().release_unused()
    return TableRead(table=gathered.table(), files=tuple(files), unreadable=tuple(unreadable))


def _footers(paths: Iterable[Path]) -> tuple[list[tuple[Path, pq.FileMetaData]], list[UnreadableFile]]:
    """Return the files with their footers, the file with the earliest start first, and those that have none."""
    found: list[tuple[int, Path, pq.FileMetaData]] = []
    unreadable: list[UnreadableFile] = []
    for path in paths:
        try:
            footer = pq.read_metadata(path)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            unreadable.append(UnreadableFile(path=path, error=str(error)))
            continue
        found.append((_earliest(footer), path, footer))
    return [(path, footer) for _, path, footer in sorted(found, key=lambda file: file[0])], unreadable


def _earliest(footer: pq.FileMetaData) -> int:
    """Return the earliest start in a file, as its row groups say; 0 if they do not."""
    names = [footer.schema.column(i).path for i in range(footer.num_columns)]
    if c.START_TIME not in names:
        return 0
    column = names.index(c.START_TIME)
    found = (footer.row_group(group).column(column).statistics for group in range(footer.num_row_groups))
    starts = [each.min_raw for each in found if each is not None and each.has_min_max]
    return min((start for start in starts if isinstance(start, int)), default=0)


def _parts(path: Path, footer: pq.FileMetaData, schema: pa.Schema) -> Iterator[pa.Table]:
    """Yield the rows of a file in order, some row groups at once.

    Raises:
        pa.ArrowException: Pages are damaged, or a column cannot be cast.
        FileNotFoundError: The file is gone.
    """
    coded = [field.name for field in schema if pa.types.is_dictionary(field.type)]
    with pq.ParquetFile(path, metadata=footer, read_dictionary=coded) as file:
        present = [name for name in schema.names if name in file.schema_arrow.names]
        paths = None if len(present) == len(file.schema_arrow.names) else _leaf_paths(file, present)
        borders = np.cumsum([footer.row_group(group).num_rows for group in range(footer.num_row_groups)])
        parts = np.flatnonzero(np.diff(borders // _ROWS_AT_ONCE)) + 1
        for groups in np.split(np.arange(footer.num_row_groups), parts):
            yield conform(file.read_row_groups(groups.tolist(), columns=paths), schema)


def _leaf_paths(file: pq.ParquetFile, names: list[str]) -> list[str]:
    """Return the exact leaf paths of `names`; a bare name would also match ``name.anything`` columns."""
    wanted = set(names)
    paths = [file.schema.column(i).path for i in range(len(file.schema.names))]
    roots = {path: _root(path, wanted) for path in paths}
    return [path for path, root in roots.items() if root is not None]


def _root(path: str, wanted: set[str]) -> str | None:
    if path in wanted:
        return path
    head, separator, _ = path.partition(".list.")
    return head if separator and head in wanted else None


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` with exactly the columns and types of `schema`; missing columns are null.

    Raises:
        pa.ArrowException: A column cannot be cast.
    """
    columns = [
        _cast(table.column(field.name), field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, schema=pa.schema([pa.field(field.name, field.type) for field in schema]))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    if column.type == kind:
        return column
    return column.cast(pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)


def _located(table: pa.Table, file: int, first_row: int) -> pa.Table:
    size = table.num_rows
    files = np.full(size, file, dtype=np.int32)
    rows = np.arange(first_row, first_row + size, dtype=np.int32)
    located = table.append_column(pa.field(FILE, pa.int32(), nullable=False), arrow_ints(files))
    return located.append_column(pa.field(ROW, pa.int32(), nullable=False), arrow_ints(rows))


def keys_of(spans: pa.Table) -> Words:
    """Return a 64-bit hash of each span's trace id and span id, or the column `KEY` if it is there."""
    if KEY in spans.column_names:
        return words_of(spans.column(KEY))
    return paired_words(words_of(spans.column(c.TRACE_ID)), span_words(spans.column(c.SPAN_ID))[0])


def only_located(read: TableRead, keys: Words) -> TableRead:
    """Return where each span lies and its key, without any other column."""
    table = read.table.select([FILE, ROW]).append_column(KEY, arrow_uint64(keys))
    return TableRead(table=table, files=read.files, unreadable=read.unreadable)


def load_rows(located: pa.Table, files: tuple[Path, ...], schema: pa.Schema) -> pa.Table:
    """Read the columns of `schema` for the rows of a located table, file by file.

    A file whose footer is good but whose pages are damaged is logged, and its rows are left out.

    Raises:
        FileNotFoundError: A file was removed since it was listed.
    """
    parts = []
    for path, rows in by_file(located, files):
        try:
            parts.append(take_rows(path, rows, schema))
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            _LOG.warning("left out %d spans of the damaged file %s: %s", len(rows), path, error)
    return pa.concat_tables(parts) if parts else schema.empty_table()


def take_rows(path: Path, rows: np.ndarray, schema: pa.Schema) -> pa.Table:
    """Read the given rows (ascending row numbers) of one file, touching only the row groups that hold them.

    Raises:
        FileNotFoundError: The file was removed since it was listed.
    """
    nested = [field.name for field in schema if pa.types.is_nested(field.type)]
    with RowGroups(path, coded=nested) as groups:
        leaves = [leaf for name in schema.names for leaf in groups.leaves(name)]
        group_of_row = np.searchsorted(groups.borders, rows, side="right") - 1
        parts = [
            _plain(groups.read(group, leaves).take(arrow_ints(rows[group_of_row == group] - groups.borders[group])))
            for group in np.unique(group_of_row).tolist()
        ]
    return pa.concat_tables([conform(part, schema) for part in parts])


def _plain(table: pa.Table) -> pa.Table:
    return pa.table([decoded(combined(column)) for column in table.columns], names=table.column_names)


def first_of_each(table: pa.Table, keys: list[str], newest_by: str) -> pa.Table:
    """Keep one row for each distinct value of `keys`: the one with the greatest `newest_by`.

    The answer does not depend on the order of the rows, unless rows of one key differ and yet tie.

    Args:
        table: The rows.
        keys: Columns of texts, or of their words (`model.words`).
        newest_by: A column of times.
    """
    words = reduce(paired_words, (words_of(table.column(key)) for key in keys))
    ordered = np.sort(words)
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(again):
        return table
    repeated = np.flatnonzero(np.isin(words, again))
    newest = _newest_rows(words[repeated], table.column(newest_by).take(arrow_ints(repeated)))
    is_kept = np.ones(table.num_rows, dtype=bool)
    is_kept[repeated] = False
    is_kept[repeated[newest]] = True
    return table.filter(arrow_flags(is_kept))


def _newest_rows(keys: Words, moments: pa.ChunkedArray) -> Ints:
    newest = numpy_of(moments.cast(pa.int64()), int(np.iinfo(np.int64).min))
    order = np.lexsort((newest, keys))
    is_last = np.append(keys[order][1:] != keys[order][:-1], True)
    return np.asarray(order[is_last], dtype=np.int64)


def by_file(table: pa.Table, files: tuple[Path, ...]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield each file of a located table with the ascending row numbers wanted from it."""
    file_of_row = numpy_of(combined(table.column(FILE)))
    rows = numpy_of(combined(table.column(ROW)))
    for file in np.unique(file_of_row):
        yield files[int(file)], np.sort(rows[file_of_row == file])
