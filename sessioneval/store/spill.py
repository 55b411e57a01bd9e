"""Tables that wait on disk, sorted into buckets."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spill:
    """A temporary folder with one file a bucket; it is gone when the context ends.

    Args:
        parent: Where the folder is made; its name is hidden from readers of a store.

    Example:
        >>> with tempfile.TemporaryDirectory() as parent, Spill(Path(parent)) as spill:
        ...     spill.put(3, pa.table({"n": [1, 2]}))
        ...     [batch.to_pydict() for batch in spill.take(3)], list(spill.take(3))
        ([{'n': [1, 2]}], [])
    """

    def __init__(self, parent: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=".", suffix=".spill.tmp", dir=parent)
        self._buckets: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _path(self, bucket: int) -> Path:
        return Path(self._folder.name) / f"{bucket}.arrows"

    def put(self, bucket: int, table: pa.Table) -> None:
        """Append a table to a bucket.

        Raises:
            OSError: The disk is full.
        """
        self._buckets.add(bucket)
        with self._path(bucket).open("ab") as file, pa.ipc.new_stream(file, table.schema, options=_OPTIONS) as writer:
            writer.write_table(table)

    def take(self, bucket: int) -> Iterator[pa.Table]:
        """Yield the tables of a bucket in the order in which they came, and forget them."""
        if bucket not in self._buckets:
            return
        self._buckets.discard(bucket)
        path = self._path(bucket)
        size = path.stat().st_size
        with pa.OSFile(str(path)) as file:
            while file.tell() < size:
                yield pa.ipc.open_stream(file).read_all()
        path.unlink()
