"""What the readers of files hand on: spans, and named refusals of what could not be read."""

from collections.abc import Iterable
from typing import NamedTuple

from sessioneval.model.raw_span import RawSpan

TORN_RECORD = "torn record"
RECORD_TOO_LARGE = "record too large"
CORRUPT_DATA = "corrupt compressed data"
CORRUPT_ROWS = "corrupt row group"
NOT_PROTOBUF = "not OTLP protobuf"
NOT_JSON = "not JSON"
NO_SPANS = "no resourceSpans"

MAX_RECORD_BYTES = 64 * 1024 * 1024
"""Most bytes of one record, after decompression. Source: the limit that OTLP 1.11 recommends for requests."""


class Rejected(NamedTuple):
    """Something in a file that could not be read; `reason` says why, in words that are counted."""

    reason: str


class Chunk(NamedTuple):
    """A part of a file.

    Attributes:
        items: Its spans and refusals.
        size_bytes: How much memory its records take, roughly.
        position_bytes: How much of the file has been read after it.
        is_readable: Whether it is of the kind that was looked for; a file without any such chunk is refused.
    """

    items: Iterable[RawSpan | Rejected]
    size_bytes: int
    position_bytes: int
    is_readable: bool
