"""Pieces of files with the columns that transcripts are made of, in the order of the files.

Each row group that holds a wanted span is read once, however many sessions it holds a part of. Spans of
sessions that go on in later files wait, in memory up to a budget and on disk beyond it.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Flags, Ints, arrow_ints, combined, flags, is_valid, numpy_of, starts_of
from sessioneval.sessions.batching import COLUMNS, OF_TOOLS, OF_TOOLS_WITHOUT_ID, piece, rows_of, taken, tools_and_turns
from sessioneval.spill import Spill
from sessioneval.store.reading import FILE, ROW, TableRead
from sessioneval.store.row_groups import RowGroups

_LOG = logging.getLogger(__name__)
_MESSAGES = (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES)
_CODED = (*_MESSAGES, *OF_TOOLS, c.AGENT_NAME, c.TOOL_CALL_ID)
_BUCKETS = 64
_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The sessions to read.

    Attributes:
        index: The keys of all spans of the store.
        rows: Rows of the index that are wanted, session after session.
        session: Number of each such row's session.
        n_sessions: How many sessions.
    """

    index: TableRead
    rows: Ints
    session: Ints
    n_sessions: int


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Sessions whose spans have all been read, and the pieces that hold them (and others)."""

    sessions: Ints
    pieces: list[pa.RecordBatch]


def ready_sessions(wanted: Wanted, rows_at_once: int, memory: int) -> Iterator[Ready]:
    """Yield the wanted sessions, some thousand spans at a time, in the order in which the files complete them.

    Args:
        wanted: The sessions.
        rows_at_once: Spans after which complete sessions are handed on.
        memory: Bytes of waiting pieces above which they go to disk.
    """
    places = _Places(wanted)
    with Spill() as spill:
        waiting = _Waiting(wanted, places, spill, rows_at_once, memory)
        for done, read in _ahead(_read(wanted, places)):
            waiting.add(read)
            yield from waiting.ready(done, rows_at_once)
        yield from waiting.ready(places.end, 1)


def _ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the items, the next one being made in a thread meanwhile: Arrow reads files beside Python."""
    with ThreadPoolExecutor(1, thread_name_prefix="sessioneval-read") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


class _Places:
    """Where the wanted rows lie, and at which point of the reading each session is complete."""

    def __init__(self, wanted: Wanted) -> None:
        table = wanted.index.table
        file = numpy_of(combined(table.column(FILE))).astype(np.int64)[wanted.rows]
        self.row = numpy_of(combined(table.column(ROW)))[wanted.rows]
        self.files = self._ordered(file, combined(table.column(c.START_TIME).cast(pa.int64())), wanted.rows)
        rank = np.zeros(int(file.max(initial=0)) + 1, dtype=np.int64)
        rank[self.files] = np.arange(len(self.files))
        self.file = rank[file]
        self.point = (self.file << 40) + self.row
        self.end = len(self.files) << 40
        done = np.full(wanted.n_sessions, NONE, dtype=np.int64)
        np.maximum.at(done, wanted.session, self.point)
        self.by_completion = np.argsort(done, kind="stable")
        self.done = done[self.by_completion]
        self.n_rows = np.bincount(wanted.session, minlength=wanted.n_sessions)
        self.rank = np.empty(wanted.n_sessions, dtype=np.int64)
        self.rank[self.by_completion] = np.arange(wanted.n_sessions)

    @staticmethod
    def _ordered(file: Ints, start: pa.Array, rows: Ints) -> Ints:
        """Return the files in the order of their earliest spans: sessions that are near in time are read together."""
        numbers = np.unique(file)
        earliest = np.full(int(file.max(initial=0)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(earliest, file, numpy_of(start)[rows])
        return numbers[np.argsort(earliest[numbers], kind="stable")]


def _read(wanted: Wanted, places: _Places) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield a piece for each row group with wanted rows, and the point up to which all rows have been read."""
    by_point = np.argsort(places.point, kind="stable")
    borders = np.searchsorted(places.file[by_point], np.arange(len(places.files) + 1))
    kinds = wanted.index.table.column(c.SPAN_KIND)
    for rank, number in enumerate(places.files.tolist()):
        mine = by_point[borders[rank] : borders[rank + 1]]
        path = wanted.index.files[number]
        try:
            with RowGroups(path, coded=_CODED) as groups:
                group_of = np.searchsorted(groups.borders, places.row[mine], side="right") - 1
                for group in np.unique(group_of).tolist():
                    rows = mine[group_of == group]
                    part = _Part(groups, group, places.row[rows], kinds.take(arrow_ints(wanted.rows[rows])))
                    yield (rank << 40) + int(groups.borders[group + 1]), part.piece(wanted.rows[rows])
        except (pa.ArrowException, OSError) as error:
            # Its sessions are incomplete here and take the exact path, which looks for moved files.
            _LOG.info("passed over %s while reading columns: %s", path, error)


class _Part:
    """The wanted rows of a row group."""

    def __init__(self, groups: RowGroups, group: int, rows: Ints, kinds: pa.ChunkedArray) -> None:
        self._groups = groups
        self._group = group
        self._within = rows - groups.borders[group]
        self._size = int(groups.borders[group + 1] - groups.borders[group])
        self._is_tool, self._is_turn = tools_and_turns(kinds)

    def piece(self, listed: Ints) -> pa.RecordBatch:
        """Read the columns that these rows need; `listed` are their rows in the listing."""
        has_values = self._is_turn.any()
        columns = [name for name in COLUMNS if has_values or name != c.OUTPUT_VALUE]
        columns += OF_TOOLS if self._is_tool.any() else ()
        leaves = [leaf for name in columns for leaf in _leaves(self._groups, self._group, name)]
        table = self._groups.read(self._group, leaves)
        rows = np.full(self._size, NONE, dtype=np.int64)
        rows[self._within] = listed
        has_input = self._holds(c.INPUT_VALUE) or (not has_values and self._holds(c.OUTPUT_VALUE))
        return piece(self._with_arguments(table), rows, has_input_value=has_input)

    def _holds(self, name: str) -> bool:
        return any(self._groups.holds_values(self._group, leaf) for leaf in self._groups.leaves(name))

    def _with_arguments(self, table: pa.Table) -> pa.Table:
        """Add what tools were called with, where they do not say which call they execute."""
        tools = self._within[self._is_tool]
        if c.TOOL_CALL_ID in table.column_names:
            tools = tools[~is_valid(table.column(c.TOOL_CALL_ID))[tools]]
        for name in OF_TOOLS_WITHOUT_ID if len(tools) else ():
            if self._holds(name):
                texts = self._groups.read_texts(self._group, name, np.sort(tools))
                place = np.full(self._size, NONE, dtype=np.int64)
                place[np.sort(tools)] = np.arange(len(tools))
                table = table.append_column(name, texts.take(arrow_ints(place)))
        return table


def _leaves(groups: RowGroups, group: int, name: str) -> list[str]:
    """Return the leaves of a column that are worth reading: a message's role and whatever holds a value."""
    leaves = groups.leaves(name)
    always = f".{c.MESSAGE_ROLE}" if name in _MESSAGES else None
    return [leaf for leaf in leaves if groups.holds_values(group, leaf) or (always and leaf.endswith(always))]


class _Waiting:
    """Pieces whose sessions are not complete."""

    def __init__(self, wanted: Wanted, places: _Places, spill: Spill, rows_at_once: int, memory: int) -> None:
        self._places = places
        self._spill = spill
        self._memory = memory
        self._rows_at_once = rows_at_once
        self._pieces: list[pa.RecordBatch] = []
        self._bytes = 0
        self._n_done = 0
        self._bucket = 0
        self._session = np.full(wanted.index.table.num_rows, NONE, dtype=np.int64)
        self._session[wanted.rows] = wanted.session
        self._bucket_of = places.rank * _BUCKETS // max(wanted.n_sessions, 1)

    def add(self, read: pa.RecordBatch) -> None:
        """Add a piece; beyond the budget, sessions that are complete much later go to disk."""
        self._pieces.append(read)
        self._bytes += read.get_total_buffer_size()
        if self._bytes > self._memory:
            self._spill_later_buckets()

    def ready(self, point: int, at_least: int) -> Iterator[Ready]:
        """Yield the sessions that are complete at a point of the reading, if they have enough rows."""
        places = self._places
        complete = places.by_completion[self._n_done : int(np.searchsorted(places.done, point))]
        sizes = places.n_rows[complete]
        if not len(complete) or sizes.sum() < at_least:
            return
        cuts = np.flatnonzero(np.diff(starts_of(sizes) // self._rows_at_once)) + 1
        for part in np.split(complete, cuts):
            self._load_buckets(part)
            yield Ready(sessions=part, pieces=self._holding(part))
            self._n_done += len(part)
            self._drop()

    def _holding(self, sessions: Ints) -> list[pa.RecordBatch]:
        chosen = flags(len(self._places.rank), sessions)
        return [each for each in self._pieces if chosen[self._session[rows_of(each)]].any()]

    def _load_buckets(self, sessions: Ints) -> None:
        last = int(self._bucket_of[sessions].max(initial=0))
        while self._bucket < last:
            self._bucket += 1
            self._pieces += self._spill.take(self._bucket)

    def _drop(self) -> None:
        """Forget rows of sessions that have been handed on; pieces that are mostly such rows are cut down."""
        kept = []
        for each in self._pieces:
            alive = np.flatnonzero(self._is_waiting(each))
            if len(alive):
                kept.append(taken(each, alive) if 2 * len(alive) <= each.num_rows else each)
        self._pieces = kept
        self._bytes = sum(each.get_total_buffer_size() for each in kept)

    def _is_waiting(self, each: pa.RecordBatch) -> Flags:
        return np.asarray(self._places.rank[self._session[rows_of(each)]] >= self._n_done, dtype=bool)

    def _spill_later_buckets(self) -> None:
        kept = []
        for each in self._pieces:
            bucket = np.where(self._is_waiting(each), self._bucket_of[self._session[rows_of(each)]], NONE)
            for later in np.unique(bucket[bucket > self._bucket]).tolist():
                self._spill.put(later, taken(each, np.flatnonzero(bucket == later)))
            alive = np.flatnonzero((bucket != NONE) & (bucket <= self._bucket))
            if len(alive):
                kept.append(taken(each, alive))
        self._pieces = kept
        self._bytes = sum(each.get_total_buffer_size() for each in kept)
