"""The sessions of a store, and their transcripts as a stream.

Store and sessions are neighbours that do not know each other; this module joins them for the floors above.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.grouping import COLUMNS as GROUPING_COLUMNS
from sessioneval.sessions.grouping import DEFAULT_COMPLETION, completion_column, group
from sessioneval.sessions.lineage import Rows
from sessioneval.sessions.loss import SessionFaults, without_messages
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_view import COLUMNS as TRANSCRIPT_COLUMNS
from sessioneval.sessions.span_view import span_views
from sessioneval.store.reading import TableRead, UnreadableFile
from sessioneval.store.store import Store

_logger = logging.getLogger(__name__)

# Spans whose message columns are in memory at once; a session is never split.
_SPANS_AT_ONCE = 4_000


@dataclass(frozen=True, kw_only=True)
class StoredSession:
    """A session, and which rows of the listing's index are its spans."""

    session: Session
    rows: Rows
    faults: SessionFaults


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The sessions of a store at one moment, in order of (start time, session id).

    Attributes:
        store: The store.
        index: Keys of all spans.
        sessions: The sessions that the selection admits.
        n_spans_without_session: Spans of the whole store that belong to no session.
        unreadable: Files that no reader can open.
    """

    store: Store
    index: TableRead
    sessions: Sequence[StoredSession]
    n_spans_without_session: int
    unreadable: tuple[UnreadableFile, ...]


def list_sessions(
    store: Store, selection: Selection | None = None, completion: tuple[str, str] = DEFAULT_COMPLETION
) -> Listing:
    """Group the spans of a store into sessions; no message column is read.

    Args:
        store: The store.
        selection: Which sessions; all by default.
        completion: Attribute key and value of the span that marks a session as ended.

    Raises:
        StoreError: Files keep vanishing while they are read.
    """
    index = store.span_index([*GROUPING_COLUMNS, completion_column(completion[0])])
    grouping = group(index.table, completion)
    stored = (
        StoredSession(
            session=session, rows=rows, faults=SessionFaults(session_id_conflicts=conflicts, clock_skew=skewed)
        )
        for (session, rows), conflicts, skewed in zip(grouping, grouping.conflicts, grouping.skewed, strict=True)
    )
    wanted = selection or Selection()
    return Listing(
        store=store,
        index=index,
        sessions=[found for found in stored if wanted.admits(found.session)],
        n_spans_without_session=grouping.n_without_session,
        unreadable=index.unreadable,
    )


def read_transcripts(listing: Listing, sessions: Sequence[StoredSession] | None = None) -> Iterator[Transcript]:
    """Yield the transcripts of the listing's sessions (or of some of them), in order.

    Message columns are read for these sessions only, a few thousand spans at a time.
    """
    for chunk in _chunks(listing.sessions if sessions is None else sessions):
        yield from _assembled(listing, chunk)


def _chunks(sessions: Sequence[StoredSession]) -> Iterator[list[StoredSession]]:
    chunk: list[StoredSession] = []
    n_spans = 0
    for stored in sessions:
        chunk.append(stored)
        n_spans += len(stored.rows)
        if n_spans >= _SPANS_AT_ONCE:
            yield chunk
            chunk, n_spans = [], 0
    if chunk:
        yield chunk


def _assembled(listing: Listing, chunk: Sequence[StoredSession]) -> Iterator[Transcript]:
    table, borders = _load(listing, chunk)
    for stored, start, end in zip(chunk, borders[:-1], borders[1:], strict=True):
        yield _transcript(stored, table.slice(start, end - start))


def _transcript(stored: StoredSession, spans: pa.Table) -> Transcript:
    """Assemble a session; one that cannot be is logged and comes without messages, so the others still come."""
    try:
        return assemble(stored.session, span_views(spans), stored.faults)
    except Exception:
        _logger.exception("session %r cannot be assembled; please report this", stored.session.session_id)
        return without_messages(stored.session, spans.num_rows)


def _load(listing: Listing, chunk: Sequence[StoredSession]) -> tuple[pa.Table, list[int]]:
    """Return the chunk's spans ordered by session, and where each session begins and ends.

    A file may have been removed or damaged since the listing, so fewer rows than listed may come back.
    """
    rows = np.concatenate([stored.rows for stored in chunk])
    keys = listing.index.table.take(pa.array(rows))
    wanted = TableRead(table=keys, files=listing.index.files, unreadable=())
    loaded = listing.store.load_spans(wanted, TRANSCRIPT_COLUMNS)
    place = pc.index_in(_key(loaded), value_set=_key(keys)).to_numpy(zero_copy_only=False)
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.cumsum([0, *(len(stored.rows) for stored in chunk)]))
    return loaded.take(pa.array(order)), borders.tolist()


def _key(spans: pa.Table) -> pa.Array:
    joined = pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.SPAN_ID), "/")
    return joined.combine_chunks()
