"""The sessions of a store at one moment; no message is read for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import overload

import numpy as np

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Flags, Ints
from sessioneval.model.session import Session
from sessioneval.model.words import paired_words, words_of
from sessioneval.reader.adoption import with_session_ids
from sessioneval.sessions.grouping import Grouping, group_facts
from sessioneval.sessions.lineage import Rows
from sessioneval.sessions.loss import SessionFaults
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_facts import (
    COLUMNS,
    DEFAULT_COMPLETION,
    REPEATING,
    SPAN_WORD,
    completion_column,
    span_facts,
)
from sessioneval.store.reading import TableRead, UnreadableFile, only_located
from sessioneval.store.stitches import read_stitches
from sessioneval.store.store import Store

# What tells spans apart among their facts.
_KEY = (c.TRACE_ID, SPAN_WORD)


@dataclass(frozen=True, kw_only=True)
class StoredSession:
    """A session, and which rows of the listing's index are its spans.

    Attributes:
        session: The session.
        rows: Row numbers of its spans in the listing's index.
        faults: What grouping noticed.
        place: Its number among all sessions of the store it was listed from.
    """

    session: Session
    rows: Rows
    faults: SessionFaults
    place: int = NONE


class StoredSessions(Sequence[StoredSession]):
    """Sessions of a store that become objects only when asked for.

    Attributes:
        places: Their numbers among all sessions of the store.
    """

    def __init__(self, grouping: Grouping, places: Ints) -> None:
        self.places = places
        self._grouping = grouping

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> StoredSession: ...
    @overload
    def __getitem__(self, index: slice) -> "StoredSessions": ...
    def __getitem__(self, index: int | slice) -> "StoredSession | StoredSessions":
        if isinstance(index, slice):
            return StoredSessions(self._grouping, self.places[index])
        return next(iter(StoredSessions(self._grouping, self.places[[index]])))

    def __iter__(self) -> Iterator[StoredSession]:
        grouping, places = self._grouping, self.places
        faults = (counts[places].tolist() for counts in (grouping.conflicts, grouping.skewed))
        for session, place, conflicts, skewed in zip(
            grouping.sessions.of(places), places.tolist(), *faults, strict=True
        ):
            yield StoredSession(
                session=session,
                rows=grouping.rows[place],
                faults=SessionFaults(session_id_conflicts=conflicts, clock_skew=skewed),
                place=place,
            )

    def where(self, is_chosen: Flags) -> "StoredSessions":
        """Return the sessions at the places that are true."""
        return StoredSessions(self._grouping, self.places[is_chosen])


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The sessions of a store at one moment, in order of (start time, session id).

    Attributes:
        store: The store.
        index: Where all spans lie; rows of sessions are rows of its table.
        grouping: All sessions of the store.
        sessions: The sessions that the selection admits.
        n_spans_without_session: Spans of the whole store that belong to no session.
        unreadable: Files that no reader can open.
    """

    store: Store
    index: TableRead
    grouping: Grouping
    sessions: StoredSessions
    n_spans_without_session: int
    unreadable: tuple[UnreadableFile, ...]

    def places(self, sessions: Sequence[StoredSession] | None = None) -> Ints:
        """Return the numbers of some sessions of the listing, ascending and each once; of all its own by default."""
        chosen = self.sessions if sessions is None else sessions
        if isinstance(chosen, StoredSessions):
            return chosen.places
        return np.unique(np.array([stored.place for stored in chosen], dtype=np.int64))


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
    index = read_facts(store, completion)
    stitched = {trace_id: session_id for trace_id, (session_id, _) in read_stitches(store.path).items()}
    return listing_of(store, replace(index, table=with_session_ids(index.table, stitched)), selection)


def read_facts(store: Store, completion: tuple[str, str] = DEFAULT_COMPLETION) -> TableRead:
    """Read the facts of all spans of a store, each span once (see `span_facts`); raises `StoreError`."""
    columns = [*COLUMNS, completion_column(completion[0])]
    return store.span_index(columns, REPEATING, partial(span_facts, completion=completion), _KEY)


def listing_of(store: Store, index: TableRead, selection: Selection | None = None) -> Listing:
    """Return the sessions that some facts of a store make, and of them those that a selection admits."""
    grouping = group_facts(index.table)
    return Listing(
        store=store,
        index=only_located(index, paired_words(*(words_of(index.table.column(name)) for name in _KEY))),
        grouping=grouping,
        sessions=StoredSessions(grouping, _admitted(grouping, selection or Selection())),
        n_spans_without_session=grouping.n_without_session,
        unreadable=index.unreadable,
    )


def _admitted(grouping: Grouping, selection: Selection) -> Ints:
    """Return the sessions that pass; objects are made only of those that the columns do not rule out."""
    if selection == Selection():
        return np.arange(len(grouping.rows))
    candidates = grouping.sessions.candidates(selection.session_ids, selection.since, selection.until)
    admitted = [place for place in candidates.tolist() if selection.admits(grouping.sessions[place])]
    return np.array(admitted, dtype=np.int64)
