"""Which session each span belongs to: parents, roots and inherited ids, on columns."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c

Rows = NDArray[np.int64]
NONE = -1
# 2**40 ancestors are more than any trace has; the bound ends the walk on parent cycles.
_DOUBLINGS = 40


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
    session_ids: list[str]


def lineage(spans: pa.Table) -> Lineage:
    """Find parents and sessions of a table with ids, `PARENT_ID` and `SESSION_ID`.

    A span belongs to the session that its outermost ancestor with an id names: instrumentors give nested
    agents ids of their own, and the outermost is the conversation that the user had. A span without
    an id in its ancestry takes the id of its trace, where the trace has only one.
    """
    trace = _codes(spans.column(c.TRACE_ID))
    parent = _parents(spans)
    own, ids = _session_codes(spans.column(c.SESSION_ID))
    inherited, depth = _from_outermost(parent, own)
    return Lineage(
        parent=parent,
        depth=depth,
        session=_from_trace(trace, inherited, len(ids)),
        own_session=own,
        session_ids=ids,
    )


def _codes(column: pa.ChunkedArray) -> Rows:
    return np.asarray(pc.dictionary_encode(column.combine_chunks()).indices, dtype=np.int64)


def _session_codes(column: pa.ChunkedArray) -> tuple[Rows, list[str]]:
    present = pc.if_else(pc.equal(column, ""), None, column)
    encoded = pc.dictionary_encode(pa.chunked_array(present).combine_chunks())
    codes = pc.fill_null(encoded.indices, NONE).to_numpy(zero_copy_only=False)
    return codes.astype(np.int64), encoded.dictionary.to_pylist()


def _parents(spans: pa.Table) -> Rows:
    own = pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.SPAN_ID), "/")
    of_parent = pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.PARENT_ID), "/")
    found = pc.index_in(of_parent, value_set=own.combine_chunks())
    found = pc.if_else(pc.is_null(of_parent), None, found)
    rows = np.array(pc.fill_null(found, NONE), dtype=np.int64)
    rows[rows == np.arange(len(rows))] = NONE
    return rows


def _from_outermost(parent: Rows, own: Rows) -> tuple[Rows, Rows]:
    """Follow all parents at once by pointer doubling: log2(depth) passes over the columns."""
    outermost, above = own.copy(), parent.copy()
    depth = (parent != NONE).astype(np.int64)
    for _ in range(_DOUBLINGS):
        has = above != NONE
        if not has.any():
            break
        up = above[has]
        outermost[has] = np.where(outermost[up] != NONE, outermost[up], outermost[has])
        depth[has] = np.minimum(depth[has] + depth[up], 1 << _DOUBLINGS)
        above[has] = above[up]
    return outermost, depth


def _from_trace(trace: Rows, session: Rows, n_sessions: int) -> Rows:
    """Give spans without a session that of their trace, if the trace names exactly one."""
    known = session != NONE
    pairs = np.unique(trace[known] * max(n_sessions, 1) + session[known])
    traces, counts = np.unique(pairs // max(n_sessions, 1), return_counts=True)
    single = np.isin(pairs // max(n_sessions, 1), traces[counts == 1])
    only = np.full(trace.max(initial=-1) + 1, NONE, dtype=np.int64)
    only[pairs[single] // max(n_sessions, 1)] = pairs[single] % max(n_sessions, 1)
    return np.where(known, session, only[trace]) if len(trace) else session
