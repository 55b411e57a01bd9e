"""Merging the small files that exporters leave behind into few large ones."""

import shutil
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.model import columns as c
from sessioneval.model.schemas import EVALUATIONS as EVALUATION_SCHEMA
from sessioneval.model.schemas import SPANS as SPAN_SCHEMA
from sessioneval.store.coded_rows import UnreadableFileError
from sessioneval.store.layout import EVALUATIONS, SPANS, table_files
from sessioneval.store.merging import Merged, RowOrder, merge
from sessioneval.store.publication import sync_directory
from sessioneval.store.store import Store

_ORDER = {
    SPANS: RowOrder(
        keys=(c.TRACE_ID, c.SPAN_ID), newest_by=c.END_TIME, session=c.SESSION_ID, moment=c.START_TIME, last=c.SPAN_ID
    ),
    EVALUATIONS: RowOrder(
        keys=("evaluation_id",),
        newest_by="created_at",
        session="session_id",
        moment="created_at",
        last="evaluation_id",
    ),
}
_SCHEMA = {SPANS: SPAN_SCHEMA, EVALUATIONS: EVALUATION_SCHEMA}

MEMORY_BYTES = 512 << 20
"""What the rows in memory may take by default."""

_LEFTOVER_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class Compaction:
    """What a compaction did: file counts, sizes in bytes, and how many rows were redundant deliveries."""

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    duplicates_removed: int = 0

    def __add__(self, other: "Compaction") -> "Compaction":
        """Add field by field."""
        return Compaction(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


def compact(store: Store, *, memory_bytes: int = MEMORY_BYTES) -> Compaction:
    """Merge the files of each date into one, duplicates removed and rows sorted by session.

    Safe beside readers, writers and other compactions: the merged file is published before the old ones
    are deleted, rows seen twice in between are removed by every reader, and a reader whose file vanishes
    lists again. Half-written files older than a day are removed. Unreadable files stay where they are, and so do
    columns that other writers added. Nothing else changes: a compacted store reads the same.

    Args:
        store: The store.
        memory_bytes: What the rows in memory may take. Days with more wait on the store's disk, bucket by
            bucket; 9 bytes for each row of a day come on top.

    Raises:
        OSError: A merged file could not be written; the old files are kept.
    """
    total = Compaction()
    for table in (SPANS, EVALUATIONS):
        for folder, paths in _folders(store.path, table).items():
            total += _merge_if_alone(table, folder, paths, memory_bytes)
        _remove_leftovers(store.path / table)
    return total


def _remove_leftovers(folder: Path) -> None:
    """Remove half-written files of writers that crashed; no reader sees them, and no write takes a day."""
    oldest = time.time() - _LEFTOVER_SECONDS
    for path in (*folder.glob("**/.*.tmp"), *folder.glob(".opening.*")):
        with suppress(FileNotFoundError):  # another writer named or removed it meanwhile
            if path.stat().st_mtime < oldest:
                _delete(path)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _folders(root: Path, table: str) -> dict[Path, list[Path]]:
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in table_files(root, table):
        folders[path.parent].append(path)
    return dict(folders)


def _merge_if_alone(table: str, folder: Path, paths: list[Path], memory_bytes: int) -> Compaction:
    try:
        return _merge(table, folder, paths, memory_bytes)
    except FileNotFoundError:  # another compaction has taken these files, and merges them
        return Compaction()


def _merge(table: str, folder: Path, paths: list[Path], memory_bytes: int) -> Compaction:
    before = sum(path.stat().st_size for path in paths)
    if len(paths) == 1:
        return Compaction(files_before=1, files_after=1, bytes_before=before, bytes_after=before)
    sources, merged = _merge_readable(table, folder, paths, memory_bytes)
    _remove(sources, folder)
    kept = [*(path for path in paths if path not in sources), *([merged.path] if merged else [])]
    return Compaction(
        files_before=len(paths),
        files_after=len(kept),
        bytes_before=before,
        bytes_after=sum(path.stat().st_size for path in kept),
        duplicates_removed=merged.rows_before - merged.rows_after if merged else 0,
    )


def _merge_readable(
    table: str, folder: Path, paths: list[Path], memory_bytes: int
) -> tuple[frozenset[Path], Merged | None]:
    """Merge what can be read; return the files that were merged, and what came of it."""
    readable = [*paths]
    while len(readable) > 1:
        try:
            merged = merge(readable, _stored_schema(table, readable), _ORDER[table], folder, memory_bytes)
        except UnreadableFileError as error:
            readable.remove(error.path)
        else:
            return frozenset(readable), merged
    return frozenset(), None


def _stored_schema(table: str, paths: list[Path]) -> pa.Schema:
    """Return our columns, and those that other writers added; where their types disagree, text."""
    foreign: dict[str, pa.DataType] = {}
    for field in (field for path in paths for field in _fields(path) if field.name not in _SCHEMA[table].names):
        foreign[field.name] = _common_type(foreign.get(field.name, field.type), field.type)
    return pa.schema([*((field.name, field.type) for field in _SCHEMA[table]), *foreign.items()])


def _fields(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except pa.ArrowException:  # unreadable, as reading its rows will note
        return pa.schema([])


def _common_type(ours: pa.DataType, theirs: pa.DataType) -> pa.DataType:
    try:
        schemas = [pa.schema([("value", kind)]) for kind in (ours, theirs)]
        return pa.unify_schemas(schemas, promote_options="permissive").field("value").type
    except pa.ArrowException:
        return pa.string()


def _remove(paths: Iterable[Path], folder: Path) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
    sync_directory(folder)
