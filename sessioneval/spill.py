"""Record batches that wait on disk, sorted into buckets."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa


class Spill:
    """A temporary folder with one file a bucket; it is gone when the context ends.

    Example:
        >>> with Spill() as spill:
        ...     spill.put(3, pa.record_batch({"n": [1, 2]}))
        ...     [batch.to_pydict() for batch in spill.take(3)], list(spill.take(3))
        ([{'n': [1, 2]}], [])
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sessioneval-")
        self._buckets: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _path(self, bucket: int) -> Path:
        return Path(self._folder.name) / f"{bucket}.arrows"

    def put(self, bucket: int, batch: pa.RecordBatch) -> None:
        """Append a batch to a bucket; batches of one bucket may differ in schema.

        Raises:
            OSError: The disk is full.
        """
        self._buckets.add(bucket)
        with self._path(bucket).open("ab") as file, pa.ipc.new_stream(file, batch.schema) as writer:
            writer.write_batch(batch)

    def take(self, bucket: int) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a bucket in the order in which they came, and forget them."""
        if bucket not in self._buckets:
            return
        self._buckets.discard(bucket)
        path = self._path(bucket)
        size = path.stat().st_size
        with pa.OSFile(str(path)) as file:
            while file.tell() < size:
                yield from pa.ipc.open_stream(file)
        path.unlink()
