"""Rows of Parquet files as tables of one schema, repeated texts as dictionary codes, a bounded number at a time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.model.nested import decoded
from sessioneval.store.clustering import plain
from sessioneval.store.layout import leaf_columns

_CODES = pa.dictionary(pa.int32(), pa.string())
_CODE_BYTES = 4


class UnreadableFileError(Exception):
    """A file turned out to be damaged while its rows were read.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, error: str) -> None:
        super().__init__(path, error)
        self.path = path


def coded_schema(schema: pa.Schema) -> pa.Schema:
    """Return the schema with dictionary codes in the place of texts, where the store keeps these in dictionaries."""
    coded = _coded_names(schema)
    return pa.schema([field.with_type(_coded(field.type)) if field.name in coded else field for field in schema])


def _coded(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string(kind):
        return _CODES
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_coded(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_coded(field.type)) for field in kind])
    return kind


def coded_batches(path: Path, schema: pa.Schema, rows_at_once: int) -> Iterator[pa.Table]:
    """Yield all rows of a file in their order, with the columns of `schema` as `coded_schema` has them.

    Raises:
        UnreadableFileError: The file is damaged, or a column cannot be cast to its type.
        FileNotFoundError: The file is gone.
    """
    target = coded_schema(schema)
    # Not all row groups are fetched ahead: that would be the whole file.
    with damage_named(path), pq.ParquetFile(path, read_dictionary=_texts(path, schema), pre_buffer=False) as file:
        for group in range(file.num_row_groups):
            for batch in file.iter_batches(rows_at_once, row_groups=[group]):
                table = pa.Table.from_batches([batch])
                yield pa.table([_conformed(table, field) for field in target], schema=target)


def _texts(path: Path, schema: pa.Schema) -> list[str]:
    """Return the leaves of a file that are to be read as codes; it may lack columns, and hold texts in others."""
    columns = pq.read_metadata(path).schema
    leaves = [columns.column(number) for number in range(len(columns.names))]
    coded = _coded_names(schema)
    return [leaf.path for leaf in leaves if _name(leaf.path) in coded and leaf.physical_type == "BYTE_ARRAY"]


def _coded_names(schema: pa.Schema) -> set[str]:
    return {_name(path) for path in leaf_columns(schema)}


def _name(path: str) -> str:
    """Return the column of a leaf; names of columns hold dots themselves."""
    return path.partition(".list.")[0]


def narrow_batches(path: Path, columns: Iterable[str], rows_at_once: int) -> Iterator[pa.Table]:
    """Yield a few columns of all rows of a file, as they are stored; columns that it lacks are null.

    Raises:
        UnreadableFileError, FileNotFoundError: As for `coded_batches`.
    """
    wanted = list(columns)
    with damage_named(path), pq.ParquetFile(path) as file:
        present = [name for name in wanted if name in file.schema_arrow.names]
        for batch in file.iter_batches(rows_at_once, columns=present):
            yield pa.table(
                [batch.column(name) if name in present else pa.nulls(batch.num_rows) for name in wanted], names=wanted
            )


def n_rows(path: Path) -> int:
    """Return how many rows a file has, by its footer.

    Raises:
        UnreadableFileError, FileNotFoundError: As for `coded_batches`.
    """
    with damage_named(path):
        return int(pq.read_metadata(path).num_rows)


def coded_bytes(path: Path) -> int:
    """Return about how many bytes the rows of a file take with codes for texts: dictionaries, values and codes.

    Raises:
        UnreadableFileError, FileNotFoundError: As for `coded_batches`.
    """
    with damage_named(path):
        footer = pq.read_metadata(path)
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    return sum(chunk.total_uncompressed_size + _CODE_BYTES * chunk.num_values for chunk in chunks)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn errors of reading into one that names the file."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFileError(path, str(error)) from error


def _conformed(table: pa.Table, field: pa.Field) -> pa.ChunkedArray:
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    column = table.column(field.name)
    if column.type == field.type:
        return column
    texts = pa.chunked_array([decoded(chunk) for chunk in column.chunks], plain(column.type))
    return texts.cast(plain(field.type)).cast(field.type)
