"""Filling the context of transcripts, for evaluators that ask for it."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model.arrays import NONE, Ints, arrow_texts, codes_of, combined
from sessioneval.model.context import SessionContext
from sessioneval.model.transcript import Transcript
from sessioneval.reader.listing import Listing, StoredSession
from sessioneval.reader.session_spans import session_spans
from sessioneval.sessions.context import COLUMNS, context_of

_logger = logging.getLogger(__name__)
# Transcripts that wait for their contexts at once: bounded by their spans, and by their number.
_SPANS_AT_ONCE = 4_000
_TRANSCRIPTS_AT_ONCE = 256


def with_context(
    listing: Listing, sessions: Sequence[StoredSession] | None, transcripts: Iterator[Transcript]
) -> Iterator[Transcript]:
    """Yield the transcripts in their order, each with its context.

    Columns of contexts are read for a chunk of sessions at a time, so the first transcript comes when its chunk does.

    Args:
        listing: The listing that the transcripts were read from.
        sessions: Those of its sessions that the transcripts are of; None for all.
        transcripts: The transcripts, in any order.
    """
    places = listing.places(sessions)
    ids = combined(listing.grouping.sessions.columns(places)[0])
    for chunk in _chunks(transcripts):
        found = pc.index_in(arrow_texts([each.session_id for each in chunk]), value_set=ids)
        contexts = _contexts(listing, places, codes_of(found))
        yield from (replace(each, context=context) for each, context in zip(chunk, contexts, strict=True))


def _chunks(transcripts: Iterator[Transcript]) -> Iterator[list[Transcript]]:
    chunk: list[Transcript] = []
    n_spans = 0
    for transcript in transcripts:
        chunk.append(transcript)
        n_spans += transcript.session.n_spans
        if n_spans >= _SPANS_AT_ONCE or len(chunk) >= _TRANSCRIPTS_AT_ONCE:
            yield chunk
            chunk, n_spans = [], 0
    if chunk:
        yield chunk


def _contexts(listing: Listing, places: Ints, found: Ints) -> Iterator[SessionContext]:
    """Yield the context of each session, by its position among the places; an empty one for a session not there."""
    rows = [listing.grouping.rows[int(places[each])] if each != NONE else np.zeros(0, np.int64) for each in found]
    yield from map(_context, session_spans(listing, rows, COLUMNS))


def _context(spans: pa.Table) -> SessionContext:
    """Return a session's context; one that cannot be read is logged and empty, so the others still come."""
    try:
        return context_of(spans)
    except Exception:  # one session must not cost the others theirs
        _logger.exception("the context of a session cannot be read; please report this")
        return SessionContext()
