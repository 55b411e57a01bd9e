"""The spans of a store with their evaluations, as a stream of Arrow tables."""

from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import pyarrow as pa

from sessioneval.analysis.current import current_rows, eval_columns, pivoted
from sessioneval.model.schemas import SPANS
from sessioneval.reader.listing import Listing, list_sessions
from sessioneval.reader.transcripts import DEFAULT_MEMORY_BYTES
from sessioneval.sessions.selection import Selection
from sessioneval.store.reading import TableRead, keys_of
from sessioneval.store.store import Store

# Spans in memory at once, at most; with less memory fewer.
_SPANS_AT_ONCE = 10_000
_BYTES_A_SPAN = 16 << 10
_SCORE = ".score"


def span_tables(
    store: "str | PathLike[str] | Store",
    selection: Selection | None = None,
    *,
    identifiers: Mapping[str, str] | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> Iterator[pa.Table]:
    """Yield what `spans_df` returns, some thousand spans at a time, in the order of the store's files.

    The first table, which may be empty, has the schema of all.

    Args:
        store: The store, or its directory.
        selection: Which sessions; with a selection, spans of no session are left out.
        identifiers: Evaluator name to the fingerprint that counts; by default the one that judged last.
        memory_bytes: What the spans of a table may take, at 16 KiB each.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    opened = Store.existing(store)
    listing = list_sessions(opened, selection)
    rows = current_rows(opened.evaluations(), identifiers)
    names = eval_columns(rows)
    anchors = _anchors(listing, pivoted(rows))
    yield _joined(_nullable(SPANS).empty_table(), names, {})
    wanted = _wanted(listing, selection)
    at_once = int(np.clip(memory_bytes // _BYTES_A_SPAN, 1, _SPANS_AT_ONCE))
    for start in range(0, len(wanted), at_once):
        yield _joined(_loaded(listing, wanted[start : start + at_once]), names, anchors)


def _anchors(listing: Listing, values: Mapping[str, Mapping[str, Any]]) -> dict[int, Mapping[str, Any]]:
    """Return the pivoted evaluations of each judged session by the key of its anchor span."""
    judged = [stored for stored in listing.sessions if stored.session.session_id in values]
    firsts = listing.index.table.take(pa.array([stored.rows[0] for stored in judged], pa.int64()))
    return {
        key: values[stored.session.session_id] for key, stored in zip(keys_of(firsts).tolist(), judged, strict=True)
    }


def _wanted(listing: Listing, selection: Selection | None) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return rows of the index in its order, which is that of the files: each row group is read about once."""
    if selection is None:
        return np.arange(listing.index.table.num_rows)
    rows = [stored.rows for stored in listing.sessions]
    return np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)


def _loaded(listing: Listing, rows: np.ndarray[Any, np.dtype[np.int64]]) -> pa.Table:
    index = listing.index
    part = TableRead(table=index.table.take(pa.array(rows)), files=index.files, unreadable=())
    return listing.store.load_spans(part, SPANS.names).cast(_nullable(SPANS))


def _nullable(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_nullable(nullable=True) for field in schema])


def _joined(spans: pa.Table, names: Sequence[str], anchors: Mapping[int, Mapping[str, Any]]) -> pa.Table:
    found = [anchors.get(key, {}) for key in keys_of(spans).tolist()] if anchors else [{}] * spans.num_rows
    for name in names:
        kind = pa.float64() if name.endswith(_SCORE) else pa.string()
        spans = spans.append_column(name, pa.array([values.get(name) for values in found], kind))
    return spans
