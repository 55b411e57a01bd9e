"""Which session each span belongs to: parents, roots and inherited ids, on columns."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import Coded, codes_of, slim
from sessioneval.model.words import Words, arrow_uint64, paired_words, words_of
from sessioneval.sessions.span_facts import SPAN_WORD

Rows = NDArray[np.int64]
NONE = -1
# 2**30 ancestors are more than any trace has; the bound ends the walk on parent cycles.
_DOUBLINGS = 30
_MAX_DEPTH = 1 << 29
_ROWS_AT_ONCE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Family and session of each row of a span table; all arrays have one entry a row.

    Attributes:
        parent: Row number of the parent span, `NONE` at roots and where the parent is not in the table.
        depth: Number of known ancestors.
        session: Index into `session_ids`, `NONE` where no session is known.
        own_session: Index of the id on the span itself, `NONE` where it has none.
        session_ids: The distinct ids.
    """

    parent: Rows
    depth: Rows
    session: Rows
    own_session: Rows
    session_ids: pa.StringArray


def lineage(spans: pa.Table) -> Lineage:
    """Find parents and sessions of spans by their facts (`span_facts`).

    A span belongs to the session that its outermost ancestor with an id names: instrumentors give nested
    agents ids of their own, and the outermost is the conversation that the user had. A span without
    an id in its ancestry takes the id of its trace, where the trace has only one.
    """
    parent = _parents(spans)
    own, ids = _session_codes(spans.column(c.SESSION_ID))
    inherited, depth = _from_outermost(parent, own)
    return Lineage(
        parent=parent,
        depth=depth,
        session=_from_trace(spans.column(c.TRACE_ID), inherited, len(ids)),
        own_session=own,
        session_ids=ids,
    )


def _session_codes(column: pa.ChunkedArray) -> tuple[Rows, pa.StringArray]:
    ids = Coded.of(column, len(column))
    return slim(np.where(ids.equals(""), NONE, ids.codes)), ids.values


def _parents(spans: pa.Table) -> Rows:
    """Return the row of each row's parent: the span of its trace that has the parent's id."""
    traces, own, above = (words_of(spans.column(name)) for name in (c.TRACE_ID, SPAN_WORD, c.PARENT_ID))
    parents = slim(np.full(spans.num_rows, NONE, dtype=np.int64))
    for rows in _by_trace(traces) if above.any() else ():
        child = rows[above[rows] != 0]
        wanted = arrow_uint64(paired_words(traces[child], above[child]))
        keys = arrow_uint64(paired_words(traces[rows], own[rows]))
        place = codes_of(pc.index_in(wanted, value_set=keys))
        parent = rows[place]
        is_parent = (place != NONE) & (parent != child)
        is_parent &= (traces[parent] == traces[child]) & (own[parent] == above[child])
        parents[child[is_parent]] = parent[is_parent]
    return parents


def _by_trace(traces: Words) -> Iterator[Rows]:
    """Yield the rows of some traces at a time: looking up ids takes several times the memory of the words."""
    n_parts = np.uint64(len(traces) // _ROWS_AT_ONCE + 1)
    for part in range(int(n_parts)):
        yield np.flatnonzero(traces % n_parts == part)


def _from_outermost(parent: Rows, own: Rows) -> tuple[Rows, Rows]:
    """Follow all parents at once by pointer doubling: log2(depth) passes over the columns."""
    depth = (parent != NONE).astype(np.int32)
    if not depth.any():
        return own, depth
    outermost, above = own.copy(), parent.copy()
    for _ in range(_DOUBLINGS):
        has = above != NONE
        if not has.any():
            break
        up = above[has]
        outermost[has] = np.where(outermost[up] != NONE, outermost[up], outermost[has])
        depth[has] = np.minimum(depth[has] + depth[up], _MAX_DEPTH)
        above[has] = above[up]
    return outermost, depth


def _from_trace(traces: pa.ChunkedArray, session: Rows, n_sessions: int) -> Rows:
    """Give spans without a session that of their trace, if the trace names exactly one."""
    known = session != NONE
    if known.all():
        return session
    trace = np.unique(words_of(traces), return_inverse=True)[1]
    pairs = np.unique(trace[known] * max(n_sessions, 1) + session[known])
    traces, counts = np.unique(pairs // max(n_sessions, 1), return_counts=True)
    single = np.isin(pairs // max(n_sessions, 1), traces[counts == 1])
    only = np.full(trace.max(initial=-1) + 1, NONE, dtype=np.int64)
    only[pairs[single] // max(n_sessions, 1)] = pairs[single] % max(n_sessions, 1)
    return np.where(known, session, only[trace])
