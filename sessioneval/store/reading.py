"""Reading the Parquet files of one table: columns in, one Arrow table out, bad files named and passed over."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_LOG = logging.getLogger(__name__)

FILE = "__file"
ROW = "__row"


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


def read_files(paths: Iterable[Path], schema: pa.Schema) -> TableRead:
    """Read the columns of `schema` from every file; a column that a file lacks is null.

    Raises:
        FileNotFoundError: A file was removed (compacted) since it was listed; list again.
    """
    tables: list[pa.Table] = []
    files: list[Path] = []
    unreadable: list[UnreadableFile] = []
    for path in paths:
        try:
            table = read_columns(path, schema)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            unreadable.append(UnreadableFile(path=path, error=str(error)))
            continue
        tables.append(_located(table, len(files)))
        files.append(path)
    located = schema.append(pa.field(FILE, pa.int32())).append(pa.field(ROW, pa.int64()))
    merged = pa.concat_tables(tables) if tables else located.empty_table()
    return TableRead(table=merged, files=tuple(files), unreadable=tuple(unreadable))


def read_columns(path: Path, schema: pa.Schema, row_groups: list[int] | None = None) -> pa.Table:
    """Read the columns of `schema` from one file, cast to its types; missing ones are null.

    Raises:
        pa.ArrowException: The file is not Parquet, or a column cannot be cast.
        FileNotFoundError: The file is gone.
    """
    with pq.ParquetFile(path) as file:
        present = [name for name in schema.names if name in file.schema_arrow.names]
        groups = range(file.num_row_groups) if row_groups is None else row_groups
        paths = None if len(present) == len(file.schema_arrow.names) else _leaf_paths(file, present)
        table = file.read_row_groups(list(groups), columns=paths)
    return conform(table, schema)


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
    return column if column.type == kind else column.cast(kind)


def _located(table: pa.Table, file: int) -> pa.Table:
    rows = table.num_rows
    return table.append_column(FILE, pa.array(np.full(rows, file, dtype=np.int32))).append_column(
        ROW, pa.array(np.arange(rows))
    )


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
    starts = _row_group_starts(path)
    groups = np.unique(np.searchsorted(starts, rows, side="right") - 1)
    sizes = np.diff(starts)[groups]
    offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    group_of_row = np.searchsorted(starts, rows, side="right") - 1
    position = rows - starts[group_of_row] + offsets[np.searchsorted(groups, group_of_row)]
    return read_columns(path, schema, groups.tolist()).take(pa.array(position))


def _row_group_starts(path: Path) -> np.ndarray:
    metadata = pq.read_metadata(path)
    sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def first_of_each(table: pa.Table, keys: list[str], newest_by: str) -> pa.Table:
    """Keep one row for each distinct value of `keys`: the one with the greatest `newest_by`.

    The answer does not depend on the order of the rows, unless rows of one key differ and yet tie.
    """
    if table.num_rows == 0:
        return table
    parts = [pc.fill_null(table.column(key).cast(pa.string()), "") for key in keys]
    joined = pc.binary_join_element_wise(*parts, "\x1f").combine_chunks()
    codes = pc.dictionary_encode(joined)
    codes = codes.combine_chunks() if isinstance(codes, pa.ChunkedArray) else codes
    if len(codes.dictionary) == table.num_rows:
        return table
    return table.take(pa.array(_newest_rows(codes.indices.to_numpy(), table.column(newest_by))))


def _newest_rows(codes: np.ndarray, moments: pa.ChunkedArray) -> np.ndarray:
    newest = pc.fill_null(moments.cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    order = np.lexsort((newest, codes))
    last = np.append(codes[order][1:] != codes[order][:-1], True)
    return np.sort(order[last])


def by_file(table: pa.Table, files: tuple[Path, ...]) -> Iterator[tuple[Path, np.ndarray]]:
    """Yield each file of a located table with the ascending row numbers wanted from it."""
    file_of_row = table.column(FILE).to_numpy()
    rows = table.column(ROW).to_numpy()
    for file in np.unique(file_of_row):
        yield files[int(file)], np.sort(rows[file_of_row == file])
