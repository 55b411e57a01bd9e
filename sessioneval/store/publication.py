"""Publishing one Parquet file so that it is whole and durable, or not there at all."""

import base64
import os
import uuid
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.store.clustering import plain, used_only
from sessioneval.store.layout import leaf_columns

ROW_GROUP_ROWS = 20_000
# Larger than the distinct text of a row group, so the writer never falls back to plain encoding and
# each message is stored once per row group however often later spans repeat it.
DICTIONARY_PAGE_BYTES = 1 << 30


def publish(table: pa.Table, directory: Path) -> Path:
    """Write `table` as one new file of `directory` and return its path; texts in it may be dictionary codes.

    The file is written under a hidden name that does not end in ``.parquet`` (DuckDB's glob matches
    ``_x.parquet``), fsynced, renamed, and the directory is fsynced: when this returns the rows survive
    a crash; before, no reader sees them.

    Raises:
        OSError: The disk is full, the directory cannot be made, and the like. No file is left visible.
    """
    return publish_row_groups(row_groups(table), directory)


def row_groups(table: pa.Table) -> Iterator[pa.Table]:
    """Yield the rows in pieces of the size of a row group; a table without rows is one piece."""
    if table.num_rows <= ROW_GROUP_ROWS:
        yield table
        return
    for start in range(0, table.num_rows, ROW_GROUP_ROWS):
        yield used_only(table.slice(start, ROW_GROUP_ROWS))


def publish_row_groups(groups: Iterable[pa.Table], directory: Path, compression_level: int = 1) -> Path:
    """Write tables of one schema, a row group each, as one new file of `directory`, as `publish` does.

    Raises:
        OSError: As for `publish`; what `groups` raises, likewise without a visible file.
    """
    _make_durable_directory(directory)
    path = directory / f"{uuid.uuid4().hex}.parquet"
    hidden = directory / f".{path.stem}.tmp"
    try:
        _write_synced(groups, hidden, compression_level)
        hidden.rename(path)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    return path


def sync_directory(directory: Path) -> None:
    """Make the names in `directory` durable.

    Raises:
        OSError: The directory cannot be opened or synced.
    """
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write_synced(groups: Iterable[pa.Table], path: Path, compression_level: int) -> None:
    pieces = iter(groups)
    first = next(pieces)
    with path.open("xb") as file:
        with _writer(file, first.schema, compression_level) as writer:
            for piece in chain((first,), pieces):
                writer.write_table(piece, row_group_size=max(piece.num_rows, 1))
        file.flush()
        os.fsync(file.fileno())


def _writer(file: BinaryIO, schema: pa.Schema, compression_level: int) -> pq.ParquetWriter:
    texts = pa.schema([field.with_type(plain(field.type)) for field in schema])
    writer = pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        compression_level=compression_level,
        use_dictionary=leaf_columns(texts),
        dictionary_pagesize_limit=DICTIONARY_PAGE_BYTES,
        # Texts are texts for every reader, also where the writer was given codes.
        store_schema=False,
    )
    writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(texts.serialize().to_pybytes()).decode()})
    return writer


def _make_durable_directory(directory: Path) -> None:
    """Create `directory` and sync each new parent, or a crash could lose the directory with its files."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_directory(folder.parent)
