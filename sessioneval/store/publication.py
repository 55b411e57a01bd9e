"""Publishing one Parquet file so that it is whole and durable, or not there at all."""

import os
import uuid
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.store.layout import leaf_columns

ROW_GROUP_ROWS = 20_000
# Larger than the distinct text of a row group, so the writer never falls back to plain encoding and
# each message is stored once per row group however often later spans repeat it.
DICTIONARY_PAGE_BYTES = 1 << 30


def publish(table: pa.Table, directory: Path) -> Path:
    """Write `table` as one new file of `directory` and return its path.

    The file is written under a hidden name that does not end in ``.parquet`` (DuckDB's glob matches
    ``_x.parquet``), fsynced, renamed, and the directory is fsynced: when this returns the rows survive
    a crash; before, no reader sees them.

    Raises:
        OSError: The disk is full, the directory cannot be made, and the like. No file is left visible.
    """
    _make_durable_directory(directory)
    path = directory / f"{uuid.uuid4().hex}.parquet"
    hidden = directory / f".{path.stem}.tmp"
    try:
        _write_synced(table, hidden)
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


def _write_synced(table: pa.Table, path: Path) -> None:
    with path.open("xb") as file:
        pq.write_table(
            table,
            file,
            compression="zstd",
            compression_level=1,
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=leaf_columns(table.schema),
            dictionary_pagesize_limit=DICTIONARY_PAGE_BYTES,
        )
        file.flush()
        os.fsync(file.fileno())


def _make_durable_directory(directory: Path) -> None:
    """Create `directory` and sync each new parent, or a crash could lose the directory with its files."""
    missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
    directory.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync_directory(folder.parent)
