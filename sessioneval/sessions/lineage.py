"""Which session each span belongs to: parents, roots and inherited ids, on columns."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_ints, arrow_words, codes_of, combined, is_valid, paired_words, text_scalar

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
    session_ids: pa.StringArray


def lineage(spans: pa.Table) -> Lineage:
    """Find parents and sessions of a table with ids, `PARENT_ID` and `SESSION_ID`.

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
    texts = combined(column)
    encoded = texts if pa.types.is_dictionary(texts.type) else texts.dictionary_encode()
    codes = codes_of(encoded.indices).copy()
    empty = pc.index(encoded.dictionary, text_scalar("")).as_py()
    if empty >= 0:
        codes[codes == empty] = NONE
    return codes, encoded.dictionary


def _parents(spans: pa.Table) -> Rows:
    """Return the row of each row's parent: ids are looked up by hash, and compared."""
    has_parent = np.flatnonzero(is_valid(spans.column(c.PARENT_ID)))
    rows = np.full(spans.num_rows, NONE, dtype=np.int64)
    if not len(has_parent):
        return rows
    trace, own, above = (spans.column(name) for name in (c.TRACE_ID, c.SPAN_ID, c.PARENT_ID))
    traces, asking = arrow_words(trace), arrow_ints(has_parent)
    keys = paired_words(traces, arrow_words(own))
    above = above.take(asking)
    wanted = paired_words(traces[has_parent], arrow_words(above))
    place = codes_of(pc.index_in(_arrow_words(wanted), value_set=_arrow_words(keys)))
    found = np.flatnonzero((place != NONE) & (place != has_parent))
    parent, child = place[found], has_parent[found]
    if not _are_equal(own.take(arrow_ints(parent)), above.take(arrow_ints(found))) or not _are_equal(
        trace.take(arrow_ints(parent)), trace.take(arrow_ints(child))
    ):
        return _parents_by_text(spans)
    rows[child] = parent
    return rows


def _arrow_words(words: NDArray[np.uint64]) -> pa.Array:
    return pa.Array.from_buffers(pa.uint64(), len(words), [None, pa.py_buffer(words)])


def _are_equal(some: pa.Array, others: pa.Array) -> bool:
    return bool(pc.all(pc.equal(some, others), min_count=0).as_py())


def _parents_by_text(spans: pa.Table) -> Rows:
    """Return the row of each row's parent where hashes of different ids are equal, which only malice brings about."""
    own = pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.SPAN_ID), "/")
    of_parent = pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.PARENT_ID), "/")
    found = pc.index_in(of_parent, value_set=own.combine_chunks())
    found = pc.if_else(pc.is_null(of_parent), None, found)
    rows = codes_of(combined(found)).copy()
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


def _from_trace(traces: pa.ChunkedArray, session: Rows, n_sessions: int) -> Rows:
    """Give spans without a session that of their trace, if the trace names exactly one."""
    known = session != NONE
    if known.all():
        return session
    trace = codes_of(combined(traces).dictionary_encode().indices)
    pairs = np.unique(trace[known] * max(n_sessions, 1) + session[known])
    traces, counts = np.unique(pairs // max(n_sessions, 1), return_counts=True)
    single = np.isin(pairs // max(n_sessions, 1), traces[counts == 1])
    only = np.full(trace.max(initial=-1) + 1, NONE, dtype=np.int64)
    only[pairs[single] // max(n_sessions, 1)] = pairs[single] % max(n_sessions, 1)
    return np.where(known, session, only[trace])
