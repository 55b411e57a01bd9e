"""Any file or directory to import as batches of spans, with what could not be read counted by reason."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.errors import SourceError
from sessioneval.ingest import frames, otlp_files, stored
from sessioneval.ingest.chunks import CORRUPT_ROWS, MAX_RECORD_BYTES, TORN_RECORD, Chunk, Rejected
from sessioneval.ingest.span_table import RejectedSpan, SpanTableBuilder
from sessioneval.model.raw_span import RawSpan
from sessioneval.model.schemas import SPANS

MAX_BATCH_SPANS = 10_000
MAX_BATCH_BYTES = 64 * 1024 * 1024
UNREADABLE_FILE = "unreadable file"
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True, kw_only=True)
class SourceBatch:
    """A part of what is imported.

    Attributes:
        path: The file that the spans are from.
        table: Spans with the schema of the store, at most 10,000.
        rejected: How many spans, records or files could not be read, by reason.
        read: Spans that were seen, good or not.
        bytes_done: Bytes of all files read so far, as they are stored.
        bytes_total: Bytes of all files.
        failures: What is wrong with each file that could not be read at all; only where a directory is imported.
    """

    path: Path
    table: pa.Table = field(default_factory=SPANS.empty_table)
    rejected: Counter[str] = field(default_factory=Counter)
    read: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    failures: tuple[str, ...] = ()


def read_source(path: Path, *, max_record_bytes: int = MAX_RECORD_BYTES) -> Iterator[SourceBatch]:
    """Return the spans of a file, or of all files below a directory in the order of their names.

    The format is told by the content: OTLP JSON or protobuf, plain, gzip or zstd, in any of the framings of
    the collector's file exporter, a span DataFrame of Phoenix or Arize as Parquet, or Parquet of our own.
    A directory is read to its end: files that cannot be read are counted as "unreadable file".

    Args:
        path: A file or a directory; hidden files are left out.
        max_record_bytes: Largest OTLP request that is read, after decompression; larger ones are rejected.

    Raises:
        SourceError: The path does not exist, or the file cannot be read as spans.
    """
    files = _files(path)
    sizes = [file.stat().st_size for file in files]
    done = 0
    for file, size in zip(files, sizes, strict=True):
        batches = _batches(file, max_record_bytes)
        for batch in _survivable(file, batches) if path.is_dir() else batches:
            yield replace(batch, bytes_done=done + batch.bytes_done, bytes_total=sum(sizes))
        done += size


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise SourceError(f"cannot import {str(path)!r}: there is no such file or directory; check the path")
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_hidden(file.relative_to(path))]
    if not files:
        raise SourceError(f"cannot import {str(path)!r}: the directory holds no files")
    return files


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _survivable(file: Path, batches: Iterator[SourceBatch]) -> Iterator[SourceBatch]:
    """Return the batches of one file among others; what stops it is counted."""
    try:
        yield from batches
    except SourceError as error:
        yield SourceBatch(path=file, rejected=Counter({UNREADABLE_FILE: 1}), failures=(str(error),))


def _batches(path: Path, max_record_bytes: int) -> Iterator[SourceBatch]:
    try:
        if not _is_parquet(path):
            yield from _packed(path, otlp_files.read_chunks(path, max_record_bytes))
            return
        with pq.ParquetFile(path) as file:
            yield from _parquet_batches(path, file)
    except (SourceError, pa.ArrowException, OSError) as error:
        raise SourceError(f"cannot import {str(path)!r}: {error}") from error


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(len(_PARQUET_MAGIC))
    if path.suffix == ".parquet" and head != _PARQUET_MAGIC:
        raise SourceError(f"its name says Parquet, but it starts with {head!r}")
    return head == _PARQUET_MAGIC


def _parquet_batches(path: Path, file: pq.ParquetFile) -> Iterator[SourceBatch]:
    if not stored.is_stored(file.schema_arrow):
        frames.check_columns(file.schema_arrow.names)
        yield from _packed(path, frames.read_chunks(file, path.stat().st_size))
        return
    for table, rejected, position_bytes in stored.read_tables(file, path.stat().st_size):
        read = len(table) + rejected.total() - rejected[CORRUPT_ROWS]
        yield SourceBatch(path=path, table=table, rejected=rejected, read=read, bytes_done=position_bytes)


def _packed(path: Path, chunks: Iterable[Chunk]) -> Iterator[SourceBatch]:
    """Return the chunks of a file as batches of bounded size, the last one even if it is empty."""
    pending, is_readable = _Pending(path), False
    for chunk in chunks:
        is_readable = is_readable or chunk.is_readable
        pending.size_bytes += chunk.size_bytes
        for item in chunk.items:
            pending.take(item)
            if pending.is_full():
                yield pending.batch(chunk.position_bytes)
                pending = _Pending(path)
    if not is_readable and pending.rejected.keys() - {TORN_RECORD}:
        raise SourceError(f"nothing in it can be read: {_counted(pending.rejected)}")
    yield pending.batch(path.stat().st_size)


def _counted(rejected: Counter[str]) -> str:
    return ", ".join(f"{reason} ({n})" for reason, n in rejected.most_common())


class _Pending:
    """The spans of the next batch."""

    def __init__(self, path: Path) -> None:
        self.rejected: Counter[str] = Counter()
        self.size_bytes = 0
        self._path = path
        self._read = 0
        self._spans = SpanTableBuilder()

    def take(self, item: RawSpan | Rejected) -> None:
        if isinstance(item, Rejected):
            self.rejected[item.reason] += 1
            return
        self._read += 1
        try:
            self._spans.add(item)
        except RejectedSpan as error:
            self.rejected[error.reason] += 1

    def is_full(self) -> bool:
        return len(self._spans) >= MAX_BATCH_SPANS or (self.size_bytes >= MAX_BATCH_BYTES and len(self._spans) > 0)

    def batch(self, position_bytes: int) -> SourceBatch:
        return SourceBatch(
            path=self._path,
            table=self._spans.table(),
            rejected=self.rejected,
            read=self._read,
            bytes_done=position_bytes,
        )
