"""Bringing files of spans into a store."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.errors import SourceError
from sessioneval.ingest.sources import SourceBatch, read_source
from sessioneval.model import columns as c
from sessioneval.store.store import Store

# Spans gathered before a file is written: few large files keep repeated history small.
_SPANS_A_FILE = 100_000
_ENDING = re.compile(r"\.(jsonl?|ndjson)(\.gz|\.zst)?$")


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import did; counts of spans.

    Attributes:
        read: Spans that the files hold: new ones, duplicates, and those that cannot be stored.
        new: Spans that were not in the store.
        duplicate: Spans that were there already, or came twice.
        rejected: Reason to number of spans, records (a torn line, say) and files that cannot be stored.
        failed_files: File to the reason why it could not be read.
        bytes_done, bytes_total: How far the reading of all files is.
    """

    read: int = 0
    new: int = 0
    duplicate: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    failed_files: dict[str, str] = field(default_factory=dict)
    bytes_done: int = 0
    bytes_total: int = 0

    @property
    def n_rejected(self) -> int:
        """Spans that cannot be stored."""
        return self.rejected.total()


class _KnownSpans:
    """Keys of the spans that are stored already, so that a second import adds nothing."""

    def __init__(self, store: Store) -> None:
        index = store.span_index().table
        self._keys = set(zip(*_key_columns(index), strict=True))

    def new_rows(self, table: pa.Table) -> pa.Table:
        """Return the rows of `table` that are not known yet, each once, and know them from now on."""
        fresh = []
        for row, key in enumerate(zip(*_key_columns(table), strict=True)):
            if key not in self._keys:
                self._keys.add(key)
                fresh.append(row)
        return table.take(pa.array(fresh, pa.int64()))


def _key_columns(table: pa.Table) -> list[list[object]]:
    # The end time is part of the key: a span delivered again with a later end replaces the first.
    return [
        table.column(c.TRACE_ID).to_pylist(),
        table.column(c.SPAN_ID).to_pylist(),
        pc.fill_null(table.column(c.END_TIME).cast(pa.int64()), 0).to_pylist(),
    ]


class _Import:
    """An import under way: the running counts, and rows that wait for a file."""

    def __init__(self, store: Store, bytes_total: int) -> None:
        self._store = store
        self._known = _KnownSpans(store)
        self._waiting: list[pa.Table] = []
        self._bytes_before = 0
        self.report = ImportReport(bytes_total=bytes_total)

    def take(self, batch: SourceBatch) -> None:
        fresh = self._known.new_rows(batch.table)
        self._waiting.append(fresh)
        if sum(table.num_rows for table in self._waiting) >= _SPANS_A_FILE:
            self.flush()
        done = self.report
        self.report = ImportReport(
            read=done.read + batch.read,
            new=done.new + fresh.num_rows,
            duplicate=done.duplicate + batch.table.num_rows - fresh.num_rows,
            rejected=done.rejected + batch.rejected,
            failed_files=done.failed_files | {str(batch.path): reason for reason in batch.failures},
            bytes_done=self._bytes_before + batch.bytes_done,
            bytes_total=done.bytes_total,
        )

    def fail(self, path: Path, error: Exception) -> None:
        self.report.failed_files[str(path)] = str(error)

    def finish(self, path: Path) -> None:
        """Count a path as read to its end, whatever came of it."""
        self._bytes_before += _size_bytes(path)
        self.report = replace(self.report, bytes_done=self._bytes_before)

    def flush(self) -> None:
        """Publish the rows that wait."""
        rows = pa.concat_tables(self._waiting) if self._waiting else None
        self._waiting = []
        if rows is not None and rows.num_rows:
            self._store.append_spans(rows)


def import_files(
    paths: Iterable["str | PathLike[str]"],
    store: "str | PathLike[str] | Store",
    on_progress: Callable[[ImportReport], object] = lambda _: None,
) -> ImportReport:
    """Import files or directories of OTLP spans or span DataFrames into a store.

    A file that cannot be read is noted and the others go on; a second import of the same spans adds nothing.
    Where `NAME.logs.jsonl` lies beside `NAME.jsonl` it is read too: some apps write what is said as log records only.

    Args:
        paths: Files, or directories whose files are all read.
        store: Where to, a store or its directory; it is made if missing.
        on_progress: Called with the counts so far.

    Raises:
        OSError: The store cannot be written.
    """
    sources = list(_with_log_files(Path(path) for path in paths))
    work = _Import(Store(store), sum(map(_size_bytes, sources)))
    for path in sources:
        try:
            for batch in _batches(path):
                work.take(batch)
                on_progress(work.report)
        except SourceError as error:
            work.fail(path, error)
        work.finish(path)
    work.flush()
    on_progress(work.report)
    return work.report


def _with_log_files(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the paths, each once, and after a file of spans the file of its log records, if there is one."""
    seen: set[Path] = set()
    for path in paths:
        beside = path.with_name(_ENDING.sub(r".logs\g<0>", path.name)) if _ENDING.search(path.name) else path
        for one in (path, *([beside] if beside != path and beside.is_file() else [])):
            if one not in seen:
                yield one
            seen.add(one)


def _batches(path: Path) -> Iterator[SourceBatch]:
    if not path.exists():
        raise SourceError(f"no file or directory {str(path)!r}; check the path")
    yield from read_source(path)


def _size_bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
