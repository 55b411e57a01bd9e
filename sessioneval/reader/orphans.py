"""The conversations of traces without a session id, each read as if it were a session of its own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_flags
from sessioneval.model.words import words_of
from sessioneval.reader.adoption import orphan_rows, with_session_words
from sessioneval.reader.listing import listing_of, read_facts
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.sessions.stitching import Talk, talk_of
from sessioneval.store.store import Store


def orphan_talks(store: Store) -> Iterator[Talk]:
    """Yield the talk of each trace that has no session id and holds a message.

    Raises:
        StoreError: Files keep vanishing while they are read.
    """
    index = read_facts(store)
    orphans = index.table.filter(arrow_flags(orphan_rows(index.table)))
    if not orphans.num_rows:
        return
    traces = np.unique(words_of(orphans.column(c.TRACE_ID)))
    named = with_session_words(orphans, traces, [f"{word:016x}" for word in traces.tolist()])
    listing = listing_of(store, replace(index, table=named))
    trace_ids = _trace_ids(store)
    for transcript in read_transcripts(listing):
        if transcript.messages:
            yield talk_of(trace_ids[transcript.session_id], transcript)


def _trace_ids(store: Store) -> dict[str, str]:
    """Return trace id by the word that stands for it in `span_facts`."""
    ids: pa.Array = store.span_index().table.column(c.TRACE_ID).unique()
    return {f"{word:016x}": trace_id for word, trace_id in zip(words_of(ids).tolist(), ids.to_pylist(), strict=True)}
