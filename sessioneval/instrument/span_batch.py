"""Publishes one batch of SDK spans into a store.

Importing this module loads pyarrow, so the exporter imports it with its first batch and not with the app.
"""

import errno
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa
from opentelemetry.sdk.trace import ReadableSpan

from sessioneval.ingest.sdk_spans import raw_span
from sessioneval.ingest.span_table import RejectedSpan, SpanTableBuilder
from sessioneval.store.store import Store

_TRANSIENT = frozenset({errno.EINTR, errno.EAGAIN})
_ATTEMPTS = 3


def publish_batch(spans: Sequence[ReadableSpan], directory: str) -> Counter[str]:
    """Publish `spans`; when this returns, all but the rejected ones are in published, fsynced files.

    Returns:
        How many spans were rejected, by reason.

    Raises:
        OSError: The files could not be written.
    """
    table, rejected = _table_without_rejects(spans)
    if table.num_rows:
        _append(table, directory)
    return rejected


def _append(table: pa.Table, directory: str) -> None:
    """Append, at once again (never after a pause: the caller may be the app) if a system call was only interrupted."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            Store(directory).append_spans(table)
        except OSError as error:
            if error.errno not in _TRANSIENT or attempt == _ATTEMPTS:
                raise
        else:
            return


def _table_without_rejects(spans: Sequence[ReadableSpan]) -> tuple[pa.Table, Counter[str]]:
    try:
        return _table(spans)
    except Exception:  # noqa: BLE001 - any: one span that cannot be encoded must not cost the others
        return _table_of_encodable(spans)


def _table_of_encodable(spans: Sequence[ReadableSpan]) -> tuple[pa.Table, Counter[str]]:
    """Build the table from the spans that can be encoded alone; slow, and only used when the whole batch failed."""
    good: list[ReadableSpan] = []
    unencodable: Counter[str] = Counter()
    for span in spans:
        try:
            _table([span])
        except Exception as error:  # noqa: BLE001 - as above; the reason is counted
            unencodable[f"unencodable: {type(error).__name__}"] += 1
        else:
            good.append(span)
    table, rejected = _table(good)
    return table, rejected + unencodable


def _table(spans: Sequence[ReadableSpan]) -> tuple[pa.Table, Counter[str]]:
    builder = SpanTableBuilder()
    rejected: Counter[str] = Counter()
    for span in spans:
        try:
            builder.add(raw_span(span))
        except RejectedSpan as error:
            rejected[str(error)] += 1
    return builder.coded_table(), rejected
