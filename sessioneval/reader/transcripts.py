"""The transcripts of a store as a stream: most are assembled on columns, odd ones span by span."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import Ints
from sessioneval.model.transcript import Transcript
from sessioneval.reader.exact_path import exact_transcripts
from sessioneval.reader.frames import frame
from sessioneval.reader.listing import Listing, StoredSession
from sessioneval.reader.waiting import ready_sessions
from sessioneval.reader.wanted import Wanted
from sessioneval.sessions.batching import span_batch
from sessioneval.sessions.columnar import Assembled, assemble_batch
from sessioneval.sessions.grouping import Grouping
from sessioneval.sessions.transcript_table import TRANSCRIPTS, as_table, transcripts_of

_logger = logging.getLogger(__name__)
DEFAULT_MEMORY_BYTES = 512 << 20
# Spans whose messages are assembled at once, at most; with less memory fewer.
_SPANS_AT_ONCE = 20_000
_BYTES_A_SPAN = 16 << 10


def read_transcripts(
    listing: Listing,
    sessions: Sequence[StoredSession] | None = None,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> Iterator[Transcript]:
    """Yield the transcripts of the listing's sessions (or of some of them), each once.

    They come in the order in which the files of the store complete them, so that each row group is read once
    and the first of them come at once; those that are complete together come in the order of the listing.

    Args:
        listing: The sessions.
        sessions: Some of them.
        memory_bytes: What messages may take up while they are read; what must wait goes to disk beyond it.
    """
    for batch in _batches(listing, listing.places(sessions), memory_bytes):
        yield from batch.objects(listing)


def transcript_tables(
    listing: Listing,
    sessions: Sequence[StoredSession] | None = None,
    *,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> Iterator[pa.Table]:
    """Yield what `read_transcripts` yields as tables with schema `TRANSCRIPTS`, one row a session."""
    for batch in _batches(listing, listing.places(sessions), memory_bytes):
        yield batch.table(listing)


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Transcripts of some sessions: those made on columns, and the others; numbers are those of the listing."""

    places: Ints
    made: Assembled
    odd: dict[int, Transcript]

    def table(self, listing: Listing) -> pa.Table:
        """Return the transcripts as a table."""
        columns = listing.grouping.sessions.columns(self.places)
        table = pa.table([*columns, self.made.messages, self.made.losses], schema=TRANSCRIPTS)
        return pa.concat_tables([table, as_table(self.odd.values())]) if self.odd else table

    def objects(self, listing: Listing) -> Iterator[Transcript]:
        """Yield the transcripts in the order of the listing."""
        sessions = listing.grouping.sessions.of(self.places)
        made = transcripts_of(self.made.messages, self.made.losses, sessions)
        for place in sorted([*self.places.tolist(), *self.odd]):
            yield self.odd[place] if place in self.odd else next(made)


def _batches(listing: Listing, places: Ints, memory_bytes: int) -> Iterator[_Batch]:
    if not len(places):
        return
    rows = listing.grouping.rows
    wanted = Wanted(listing.index, rows.of(places), rows.lengths(places))
    at_once = int(np.clip(memory_bytes // _BYTES_A_SPAN, 1, _SPANS_AT_ONCE))
    n_exact = 0
    for ready in ready_sessions(wanted, at_once, memory_bytes // 2):
        batch = _assembled(listing, places[ready.sessions], ready.pieces)
        n_exact += len(batch.odd)
        yield batch
    _logger.debug("assembled %d sessions on columns and %d span by span", len(places) - n_exact, n_exact)


def _assembled(listing: Listing, places: Ints, pieces: list[pa.RecordBatch]) -> _Batch:
    made = _on_columns(listing.grouping, places, pieces)
    left = places[made.left]
    return _Batch(
        places=places[made.sessions],
        made=made,
        odd=dict(zip(left.tolist(), exact_transcripts(listing, left), strict=True)),
    )


def _on_columns(grouping: Grouping, places: Ints, pieces: list[pa.RecordBatch]) -> Assembled:
    """Assemble what columns can tell; a batch that fails is logged and left to the exact path, like files that have gone."""
    if not pieces:
        return Assembled.nothing(len(places))
    try:
        return assemble_batch(span_batch(frame(grouping, places), pieces))
    except Exception:
        _logger.exception("%d sessions cannot be assembled on columns; please report this", len(places))
        return Assembled.nothing(len(places))
