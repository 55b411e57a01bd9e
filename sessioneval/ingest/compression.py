"""Streams over plain, gzip and zstd files, told apart by their first bytes."""

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

_GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_BUFFER_BYTES = 64 * 1024

Stream = io.BufferedReader | gzip.GzipFile
"""Content of a file from its start; both kinds can be looked into without reading on."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[io.BufferedReader, Stream]]:
    """Open a file and return it together with a stream over its content, which is decompressed as it is read."""
    with path.open("rb") as file:
        head = file.peek(len(ZSTD_MAGIC))
        if head.startswith(_GZIP_MAGIC):
            with gzip.GzipFile(fileobj=file) as stream:
                yield file, stream
        elif head.startswith(ZSTD_MAGIC):
            yield file, io.BufferedReader(_Zstd(file), _BUFFER_BYTES)
        else:
            yield file, file


def inflated(frame: bytes, limit_bytes: int) -> bytes | None:
    """Return the content of one zstd frame; None if it is larger than the limit.

    Raises:
        OSError: It is no whole zstd frame.
    """
    content = pa.CompressedInputStream(pa.BufferReader(frame), "zstd").read(limit_bytes + 1)
    return None if len(content) > limit_bytes else bytes(content)


class _Zstd(io.RawIOBase):
    """A zstd stream that gives every byte before a tear.

    Arrow's stream throws away what it had decompressed in the call that meets the tear, so that call is made
    again byte by byte on a new stream.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._delivered_bytes = 0
        self._stream = self._opened()
        self._until_tear: Any = None

    def readable(self) -> bool:
        """Say that bytes can be read, as `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` and return how many bytes there were; 0 at the end.

        Raises:
            OSError: The stream is torn or corrupt, and all bytes before that have been given.
        """
        data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._delivered_bytes += len(data)
        return len(data)

    def _read(self, size_bytes: int) -> bytes:
        if self._until_tear is None:
            try:
                return bytes(self._stream.read(size_bytes))
            except OSError:
                self._until_tear = self._reopened()
        return self._read_bytewise(size_bytes)

    def _opened(self) -> Any:
        self._file.seek(0)
        return pa.CompressedInputStream(pa.PythonFile(self._file, mode="r"), "zstd")

    def _reopened(self) -> Any:
        """Return a second stream at the same place; the first one is kept, for it would close the file."""
        stream = self._opened()
        left = self._delivered_bytes
        while left > 0:
            left -= len(stream.read(min(left, _BUFFER_BYTES)))
        return stream

    def _read_bytewise(self, size_bytes: int) -> bytes:
        data = bytearray()
        try:
            while len(data) < size_bytes and (byte := self._until_tear.read(1)):
                data += byte
        except OSError:
            if not data:
                raise
        return bytes(data)
