"""How the spans of a batch of sessions are related, before anything else is read of them."""

import numpy as np

from sessioneval.model.arrays import NONE, Ints
from sessioneval.sessions.batching import Frame
from sessioneval.sessions.grouping import Grouping


def frame(grouping: Grouping, places: Ints) -> Frame:
    """Return the frame of some sessions, by their numbers among all sessions of the store."""
    rows = grouping.rows.of(places)
    session = np.repeat(np.arange(len(places)), grouping.rows.lengths(places))
    parent = _places_in(rows, grouping.parent[rows])
    # A parent in another session is no parent, which may change the order of the spans.
    is_stranger = (grouping.parent[rows] != NONE) & ((parent == NONE) | (session[parent] != session))
    is_odd = np.zeros(len(places), dtype=bool)
    is_odd[session[is_stranger]] = True
    return Frame(
        rows=rows,
        session=session,
        parent=np.where(is_stranger, NONE, parent),
        conflicts=grouping.conflicts[places],
        skewed=grouping.skewed[places],
        is_odd=is_odd,
    )


def _places_in(rows: Ints, wanted: Ints) -> Ints:
    """Return where each wanted row stands among `rows`, `NONE` if it does not."""
    order = np.argsort(rows, kind="stable")
    place = np.minimum(np.searchsorted(rows[order], wanted), len(rows) - 1)
    found = order[place]
    return np.where(rows[found] == wanted, found, NONE)
