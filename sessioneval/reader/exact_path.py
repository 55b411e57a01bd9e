"""Transcripts of sessions that are assembled span by span: branches, cut inputs, duplicates and the like."""

import logging
from collections.abc import Iterator, Sequence

import pyarrow as pa

from sessioneval.model.arrays import Ints
from sessioneval.model.transcript import Transcript
from sessioneval.reader.listing import Listing, StoredSession, StoredSessions
from sessioneval.reader.session_spans import session_spans
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.loss import without_messages
from sessioneval.sessions.span_view import COLUMNS, span_views

_logger = logging.getLogger(__name__)
# Spans that are in memory as text at once; a session is never split.
_SPANS_AT_ONCE = 4_000


def exact_transcripts(listing: Listing, places: Ints) -> Iterator[Transcript]:
    """Yield the transcripts of some sessions of a listing, in order."""
    for chunk in _chunks(StoredSessions(listing.grouping, places)):
        tables = session_spans(listing, [stored.rows for stored in chunk], COLUMNS)
        for stored, spans in zip(chunk, tables, strict=True):
            yield exact_transcript(stored, spans)


def exact_transcript(stored: StoredSession, spans: pa.Table) -> Transcript:
    """Assemble a session from its spans; one that cannot be is logged and comes without messages, so the others still come."""
    try:
        return assemble(stored.session, span_views(spans), stored.faults)
    except Exception:
        _logger.exception("session %r cannot be assembled; please report this", stored.session.session_id)
        return without_messages(stored.session, spans.num_rows)


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
