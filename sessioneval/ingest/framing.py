"""Records in OTLP files: JSON lines, length-prefixed records, one bare protobuf message, one JSON document.

The collector's file exporter writes JSON lines, or 4 bytes of big-endian length before each record, where a
record is JSON or protobuf and may be a zstd frame of its own. Names do not tell the forms apart, the first
bytes do. No more than one record is held in memory.

Source: opentelemetry-collector-contrib, exporter/fileexporter; opentelemetry specification, file exporter.
"""

import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from sessioneval.errors import SourceError
from sessioneval.ingest.chunks import CORRUPT_DATA, NOT_PROTOBUF, RECORD_TOO_LARGE, TORN_RECORD, Rejected
from sessioneval.ingest.compression import ZSTD_MAGIC, Stream, inflated

_BOM = b"\xef\xbb\xbf"
_JSON_AFTER_LINE_END = re.compile(rb"\s*({\s*([\"}]|$)|\[)")
_CONTROL = re.compile(rb"[^\t\r\n\x20-\x7e\x80-\xff]")
_TOLERATED_CONTROL_SHARE = 0.05  # one damaged byte makes no binary file of a text
_LENGTH_BYTES = 4
_LARGEST_CREDIBLE_BYTES = 0x0A << 24  # above, the first byte is the tag of a bare message
_RESOURCE_SPANS_TAG = b"\x0a"  # field 1, length-delimited: the only field of TracesData
_SKIP_BYTES = 1024 * 1024
_HEAD_BYTES = 64
_VARINT_BYTES = 10
_MORE_FOLLOWS = 0x80


class Record(NamedTuple):
    """One export request as it stands in the file.

    Attributes:
        encoding: How `body` is encoded.
        body: The request.
        is_last_line: Whether it is a line without an end, as a writer that was killed leaves it.
    """

    encoding: Literal["json", "protobuf"]
    body: bytes
    is_last_line: bool = False


def records(stream: Stream, limit_bytes: int) -> Iterator[Record | Rejected]:
    """Return the records of a decompressed file.

    Args:
        stream: The content from its start.
        limit_bytes: Largest record that is read; larger ones are refused and skipped.

    Raises:
        SourceError: The content has none of the known forms.
    """
    try:
        reader = _reader(stream.peek(_HEAD_BYTES)[:_HEAD_BYTES])
        yield from reader(stream, limit_bytes)
    except EOFError:
        yield Rejected(TORN_RECORD)
    except (zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        yield Rejected(TORN_RECORD if "Truncated" in str(error) else CORRUPT_DATA)


def _reader(head: bytes) -> Callable[[io.BufferedIOBase, int], Iterator[Record | Rejected]]:
    if _is_length_prefixed(head):
        return _prefixed_records
    # A line end is also the tag of a protobuf field, so after one only JSON's own first characters count.
    if head.startswith(_RESOURCE_SPANS_TAG) and head.strip() and not _JSON_AFTER_LINE_END.match(head):
        return _protobuf_records
    if len(_CONTROL.findall(head)) <= len(head) * _TOLERATED_CONTROL_SHARE:
        return _json_records
    raise SourceError(f"neither JSON nor protobuf nor length-prefixed records: it starts with {head[:16]!r}")


def _is_length_prefixed(head: bytes) -> bool:
    size = int.from_bytes(head[:_LENGTH_BYTES], "big")
    starts = (b"{", _RESOURCE_SPANS_TAG, ZSTD_MAGIC)
    return 0 < size < _LARGEST_CREDIBLE_BYTES and head[_LENGTH_BYTES:].startswith(starts)


def _json_records(stream: io.BufferedIOBase, limit_bytes: int) -> Iterator[Record | Rejected]:
    """Return one record a line, unless the first value goes over several lines."""
    first = stream.readline(limit_bytes + 1).removeprefix(_BOM)
    while first.isspace():
        first = stream.readline(limit_bytes + 1)
    if len(first) > limit_bytes or _is_json(first):
        yield from _lines(stream, limit_bytes, first)
        return
    text = first + stream.read(max(limit_bytes - len(first), 0))
    documents = list(_documents(text))
    if _is_over_lines(documents, first):
        yield from documents
        return
    whole_lines = io.BytesIO(text + stream.readline(limit_bytes))
    yield from _lines(whole_lines, limit_bytes, whole_lines.readline())
    yield from _lines(stream, limit_bytes, stream.readline(limit_bytes + 1))


def _is_over_lines(documents: list[Record | Rejected], first: bytes) -> bool:
    """Return whether the text is JSON values one after the other and not one a line, of which the first is damaged."""
    if not documents or isinstance(documents[0], Rejected):
        return False
    return len(documents[0].body) > len(first.rstrip()) or isinstance(documents[-1], Record)


def _lines(stream: io.BufferedIOBase, limit_bytes: int, line: bytes) -> Iterator[Record | Rejected]:
    """Return `line` and those that follow it."""
    while line:
        if len(line) > limit_bytes:
            _skip_line(stream, line)
            yield Rejected(RECORD_TOO_LARGE)
        elif not line.isspace():
            yield Record("json", line, is_last_line=not line.endswith(b"\n"))
        line = stream.readline(limit_bytes + 1)


def _skip_line(stream: io.BufferedIOBase, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(_SKIP_BYTES)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return isinstance(error, RecursionError)
    return True


def _documents(text: bytes) -> Iterator[Record | Rejected]:
    """Return the JSON values that stand one after the other in `text`."""
    decoder = json.JSONDecoder()
    rest = text.decode("utf-8", "replace").strip()
    while rest:
        try:
            _, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            yield Rejected(TORN_RECORD)
            return
        yield Record("json", rest[:end].encode())
        rest = rest[end:].lstrip()


def _prefixed_records(stream: io.BufferedIOBase, limit_bytes: int) -> Iterator[Record | Rejected]:
    while head := stream.read(_LENGTH_BYTES):
        size = int.from_bytes(head, "big")
        if size > limit_bytes:
            yield Rejected(RECORD_TOO_LARGE)
            _skip(stream, size)
            continue
        body = stream.read(size)
        if len(head) < _LENGTH_BYTES or len(body) < size:
            yield Rejected(TORN_RECORD)
            return
        yield _unpacked(body, limit_bytes)


def _skip(stream: io.BufferedIOBase, size_bytes: int) -> None:
    while size_bytes > 0 and (skipped := stream.read(min(size_bytes, _SKIP_BYTES))):
        size_bytes -= len(skipped)


def _unpacked(body: bytes, limit_bytes: int) -> Record | Rejected:
    if body.startswith(ZSTD_MAGIC):
        try:
            content = inflated(body, limit_bytes)
        except OSError:
            return Rejected(CORRUPT_DATA)
        if content is None:
            return Rejected(RECORD_TOO_LARGE)
        body = content
    return Record("json" if body.lstrip().startswith(b"{") else "protobuf", body)


def _protobuf_records(stream: io.BufferedIOBase, limit_bytes: int) -> Iterator[Record | Rejected]:
    """Return each ResourceSpans of one bare message as a message of its own, so none but that one is in memory."""
    while tag := stream.read(1):
        prefix, size = _varint(stream)
        if tag != _RESOURCE_SPANS_TAG:
            yield Rejected(NOT_PROTOBUF)
            return
        if size > limit_bytes:
            yield Rejected(RECORD_TOO_LARGE)
            _skip(stream, size)
            continue
        body = stream.read(size)
        if not prefix or len(body) < size:
            yield Rejected(TORN_RECORD)
            return
        yield Record("protobuf", tag + prefix + body)


def _varint(stream: io.BufferedIOBase) -> tuple[bytes, int]:
    """Return the bytes of a base-128 number and its value."""
    prefix = b""
    while len(prefix) < _VARINT_BYTES and (byte := stream.read(1)):
        prefix += byte
        if byte[0] < _MORE_FOLLOWS:
            break
    return prefix, sum((byte & 0x7F) << 7 * place for place, byte in enumerate(prefix))
