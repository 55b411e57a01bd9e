"""The sessions of a store, and their transcripts as a stream.

Store and sessions are neighbours that do not know each other; this module joins them for the floors above.
Chats and agent sessions are assembled on columns, whole row groups at a time; odd ones take the exact path.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Ints, arrow_ints, codes_of, combined
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.ordering import Reorder
from sessioneval.pieces import Ready, Wanted, ready_sessions
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.batching import Frame, span_batch
from sessioneval.sessions.columnar import Assembled, assemble_batch
from sessioneval.sessions.grouping import COLUMNS as GROUPING_COLUMNS
from sessioneval.sessions.grouping import DEFAULT_COMPLETION, REPEATING, Grouping, completion_column, group
from sessioneval.sessions.lineage import Rows
from sessioneval.sessions.loss import SessionFaults
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_view import COLUMNS as TRANSCRIPT_COLUMNS
from sessioneval.sessions.span_view import span_views
from sessioneval.sessions.transcript_table import TRANSCRIPTS, as_table, transcripts_of
from sessioneval.spill import Spill
from sessioneval.store.reading import FILE, ROW, TableRead, UnreadableFile
from sessioneval.store.store import Store

# What stays in memory of the index: ids, and what tells a span's part in the talk.
_KEYS = [c.TRACE_ID, c.SPAN_ID, c.SPAN_KIND, c.START_TIME, c.END_TIME, c.STATUS_CODE, c.SESSION_STATUS]
_KEPT = [*_KEYS, FILE, ROW]
DEFAULT_MEMORY_BYTES = 512 << 20
# Spans whose messages are assembled at once, at most; with less memory fewer.
_SPANS_AT_ONCE = 20_000
_BYTES_A_SPAN = 16 << 10
# Spans of odd sessions that are in memory as text at once; a session is never split.
_ODD_SPANS_AT_ONCE = 4_000


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
    """Sessions of a store that become objects only when asked for."""

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
        place = int(self.places[index])
        return StoredSession(
            session=self._grouping.sessions[place],
            rows=self._grouping.rows[place],
            faults=_faults(self._grouping, place),
            place=place,
        )


def _faults(grouping: Grouping, place: int) -> SessionFaults:
    return SessionFaults(session_id_conflicts=grouping.conflicts[place], clock_skew=grouping.skewed[place])


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The sessions of a store at one moment, in order of (start time, session id).

    Attributes:
        store: The store.
        index: Keys of all spans.
        grouping: All sessions of the store.
        sessions: The sessions that the selection admits.
        n_spans_without_session: Spans of the whole store that belong to no session.
        unreadable: Files that no reader can open.
    """

    store: Store
    index: TableRead
    grouping: Grouping
    sessions: Sequence[StoredSession]
    n_spans_without_session: int
    unreadable: tuple[UnreadableFile, ...]


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
    index = store.span_index([*GROUPING_COLUMNS, completion_column(completion[0])], coded=REPEATING)
    grouping = group(index.table, completion)
    return Listing(
        store=store,
        index=replace(index, table=index.table.select(_KEPT)),
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


def transcript_tables(
    listing: Listing, sessions: Sequence[StoredSession] | None = None, *, memory: int = DEFAULT_MEMORY_BYTES
) -> Iterator[pa.Table]:
    """Yield the transcripts of the listing's sessions (or of some of them) as tables, one row a session.

    The order is that in which the files complete the sessions, so that each file is read once.

    Args:
        listing: The sessions.
        sessions: Some of them.
        memory: Bytes that messages may take up while they are read; what must wait goes to disk beyond it.

    Yields:
        Tables with schema `sessions.transcript_table.TRANSCRIPTS`.
    """
    places = _places(listing, sessions)
    for made in _batches(listing, places, memory):
        yield made.table(listing, places)


def read_transcripts(
    listing: Listing, sessions: Sequence[StoredSession] | None = None, *, memory: int = DEFAULT_MEMORY_BYTES
) -> Iterator[Transcript]:
    """Yield the transcripts of the listing's sessions (or of some of them), in order.

    Message columns are read for these sessions only, each row group once. Transcripts that are complete before
    their turn wait, on disk where they are more than `memory` bytes allow.
    """
    for places in _without_repeats(_places(listing, sessions)):
        yield from _in_order(listing, places, memory)


def _places(listing: Listing, sessions: Sequence[StoredSession] | None) -> Ints:
    chosen = listing.sessions if sessions is None else sessions
    if isinstance(chosen, StoredSessions):
        return chosen.places
    return np.array([stored.place for stored in chosen], dtype=np.int64)


def _without_repeats(places: Ints) -> Iterator[Ints]:
    """Yield the places in order, in parts that hold each place once."""
    if len(np.unique(places)) == len(places):
        yield places
        return
    part: dict[int, None] = {}
    for place in places.tolist():
        if place in part:
            yield np.array(list(part), dtype=np.int64)
            part = {}
        part[place] = None
    yield np.array(list(part), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Transcripts of some of the asked sessions: numbers of those made on columns, and of the others."""

    sessions: Ints
    assembled: Assembled
    odd: dict[int, Transcript]

    def table(self, listing: Listing, places: Ints) -> pa.Table:
        """Return the transcripts as a table."""
        fast = self.sessions
        columns = listing.grouping.sessions.columns(places[fast])
        made = pa.table([*columns, self.assembled.messages, self.assembled.losses], schema=TRANSCRIPTS)
        return pa.concat_tables([made, as_table(self.odd.values())]) if self.odd else made


def _batches(listing: Listing, places: Ints, memory: int) -> Iterator[_Batch]:
    rows, session = _rows(listing.grouping, places)
    if not len(rows):
        return
    wanted = Wanted(index=listing.index, rows=rows, session=session, n_sessions=len(places))
    frames = _Frames(listing, places)
    at_once = int(np.clip(memory // _BYTES_A_SPAN, 1, _SPANS_AT_ONCE))
    for ready in ready_sessions(wanted, at_once, memory // 2):
        yield _assembled(listing, frames, places, ready)


def _rows(grouping: Grouping, places: Ints) -> tuple[Ints, Ints]:
    """Return the rows of some sessions, and the number of each row's session."""
    rows = grouping.rows.of(places)
    return rows, np.repeat(np.arange(len(places)), grouping.rows.lengths(places))


def _assembled(listing: Listing, frames: "_Frames", places: Ints, ready: Ready) -> _Batch:
    # Without pieces the files have gone since the listing; the exact path looks for them.
    made = Assembled.nothing(len(ready.sessions))
    if ready.pieces:
        made = assemble_batch(span_batch(frames.frame(ready.sessions), ready.pieces))
    left = ready.sessions[made.left]
    odd = dict(zip(left.tolist(), _exact(listing, places[left]), strict=True))
    return _Batch(sessions=ready.sessions[made.sessions], assembled=made, odd=odd)


class _Frames:
    """Draws the frames of batches from a listing."""

    def __init__(self, listing: Listing, places: Ints) -> None:
        self._listing = listing
        self._places = places
        self._local = np.full(listing.index.table.num_rows, NONE, dtype=np.int64)
        self._keys = listing.index.table.select(_KEYS)

    def frame(self, sessions: Ints) -> Frame:
        """Return the frame of some of the asked sessions."""
        grouping = self._listing.grouping
        places = self._places[sessions]
        rows, session = _rows(grouping, places)
        self._local[rows] = np.arange(len(rows))
        above = grouping.parent[rows]
        parent = np.where(above == NONE, NONE, self._local[above])
        self._local[rows] = NONE
        # A parent in another session is no parent, which may change the order of the spans.
        is_stranger = (above != NONE) & ((parent == NONE) | (session[parent] != session))
        is_odd = np.zeros(len(places), dtype=bool)
        is_odd[session[is_stranger]] = True
        return Frame(
            keys=self._keys.take(arrow_ints(rows)),
            rows=rows,
            session=session,
            parent=np.where(is_stranger, NONE, parent),
            conflicts=np.array([grouping.conflicts[place] for place in places.tolist()], dtype=np.int64),
            skewed=np.array([grouping.skewed[place] for place in places.tolist()], dtype=np.int64),
            is_odd=is_odd,
        )


def _in_order(listing: Listing, places: Ints, memory: int) -> Iterator[Transcript]:
    """Yield the transcripts in the order of `places`."""
    odd: dict[int, Transcript] = {}
    with Spill() as spill:
        order = Reorder(len(places), spill, memory // 4)
        for made in _batches(listing, places, memory):
            odd |= made.odd
            order.skip(np.array(list(made.odd), dtype=np.int64))
            order.add(made.sessions, {"messages": made.assembled.messages, "loss": made.assembled.losses})
            for run, rows in order.ready():
                yield from _objects(listing, places, run, rows, odd)


def _objects(
    listing: Listing, places: Ints, run: Ints, rows: pa.Table, odd: dict[int, Transcript]
) -> Iterator[Transcript]:
    """Yield the transcripts of a run of positions: those of `rows`, and between them the odd ones."""
    sessions = listing.grouping.sessions
    made: Iterator[Transcript] = iter(())
    if rows.num_rows:
        ours = [sessions[place] for place in places[rows.column(0).to_pylist()].tolist()]
        made = transcripts_of(combined(rows.column("messages")), combined(rows.column("loss")), ours)
    for position in run.tolist():
        yield odd.pop(position) if position in odd else next(made)


def _exact(listing: Listing, places: Ints) -> Iterator[Transcript]:
    """Yield the transcripts of sessions that take the exact path."""
    for chunk in _chunks(StoredSessions(listing.grouping, places)):
        table, borders = _load(listing, chunk)
        for stored, start, end in zip(chunk, borders[:-1], borders[1:], strict=True):
            yield assemble(stored.session, span_views(table.slice(start, end - start)), stored.faults)


def _chunks(sessions: Sequence[StoredSession]) -> Iterator[list[StoredSession]]:
    chunk: list[StoredSession] = []
    n_spans = 0
    for stored in sessions:
        chunk.append(stored)
        n_spans += len(stored.rows)
        if n_spans >= _ODD_SPANS_AT_ONCE:
            yield chunk
            chunk, n_spans = [], 0
    if chunk:
        yield chunk


def _load(listing: Listing, chunk: Sequence[StoredSession]) -> tuple[pa.Table, list[int]]:
    """Return the chunk's spans ordered by session, and where each session begins and ends.

    A file may have been removed or damaged since the listing, so fewer rows than listed may come back.
    """
    rows = np.concatenate([stored.rows for stored in chunk])
    keys = listing.index.table.take(arrow_ints(rows))
    wanted = TableRead(table=keys, files=listing.index.files, unreadable=())
    loaded = listing.store.load_spans(wanted, TRANSCRIPT_COLUMNS)
    place = codes_of(pc.index_in(_key(loaded), value_set=_key(keys)))
    order = np.argsort(place, kind="stable")
    borders = np.searchsorted(place[order], np.cumsum([0, *(len(stored.rows) for stored in chunk)]))
    return loaded.take(arrow_ints(order)), borders.tolist()


def _key(spans: pa.Table) -> pa.Array:
    return combined(pc.binary_join_element_wise(spans.column(c.TRACE_ID), spans.column(c.SPAN_ID), "/"))
