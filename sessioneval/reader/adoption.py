"""Session ids for spans that came without one, from the stitches of a store; ids that spans carry always count more."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import Flags, arrow_flags, arrow_ints, numpy_of
from sessioneval.model.words import Words, words_of


def orphan_rows(facts: pa.Table) -> Flags:
    """Return which spans are of a trace in which no span has a session id.

    Args:
        facts: A table of `span_facts`.
    """
    traces = words_of(facts.column(c.TRACE_ID))
    return ~np.isin(traces, np.unique(traces[_has_session(facts)]))


def with_session_ids(facts: pa.Table, session_ids: Mapping[str, str]) -> pa.Table:
    """Return the facts with session ids for orphan rows.

    Args:
        facts: A table of `span_facts`.
        session_ids: Session id by trace id.
    """
    if not session_ids:
        return facts
    return with_session_words(facts, words_of(pa.array(list(session_ids), pa.string())), list(session_ids.values()))


def with_session_words(facts: pa.Table, traces: Words, session_ids: list[str]) -> pa.Table:
    """Return the facts with a session id for the orphan rows of each of some traces, given as words."""
    order = np.argsort(traces, kind="stable")
    wanted = words_of(facts.column(c.TRACE_ID))
    place = np.searchsorted(traces[order], wanted)
    place = np.minimum(place, len(traces) - 1)
    is_adopted = orphan_rows(facts) & (traces[order][place] == wanted)
    given = pa.array(session_ids, pa.string()).take(arrow_ints(order[place]))
    own = facts.column(c.SESSION_ID)
    texts = pc.if_else(arrow_flags(is_adopted), given, own.cast(pa.string()))
    ids = texts.dictionary_encode() if pa.types.is_dictionary(own.type) else texts
    return facts.set_column(facts.column_names.index(c.SESSION_ID), c.SESSION_ID, ids)


def _has_session(facts: pa.Table) -> Flags:
    ids = facts.column(c.SESSION_ID)
    known = pc.not_equal(ids.cast(pa.string()) if pa.types.is_dictionary(ids.type) else ids, "")
    return np.asarray(numpy_of(pc.fill_null(known, False)), dtype=bool)  # noqa: FBT003 - pyarrow takes it by place
