"""Sessions that are complete, while the files are read; the spans of others wait.

They wait in memory up to a budget and on disk beyond it.
"""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import NONE, Flags, Ints, flags, starts_of
from sessioneval.reader.pieces import pieces
from sessioneval.reader.wanted import Wanted
from sessioneval.sessions.batching import rows_of, taken
from sessioneval.store.spill import Spill

_BUCKETS = 64
_Item = TypeVar("_Item")


@dataclass(frozen=True, kw_only=True)
class Ready:
    """Sessions whose spans have all been read (ascending numbers), and the pieces that hold them (and others)."""

    sessions: Ints
    pieces: list[pa.RecordBatch]


def ready_sessions(wanted: Wanted, spans_at_once: int, memory_bytes: int) -> Iterator[Ready]:
    """Yield the wanted sessions, some thousand spans at a time, in the order in which the files complete them.

    Args:
        wanted: The sessions.
        spans_at_once: Spans after which complete sessions are handed on.
        memory_bytes: Waiting pieces beyond this go to disk.
    """
    with Spill(Path(tempfile.gettempdir())) as spill:
        waiting = _Waiting(wanted, spill, spans_at_once, memory_bytes)
        for done, read in _ahead(pieces(wanted)):
            waiting.add(read)
            yield from waiting.ready(done, spans_at_once)
        yield from waiting.ready(len(wanted.session), 1)


def _ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the items, the next one being made in a thread meanwhile: Arrow reads files beside Python."""
    with ThreadPoolExecutor(1, thread_name_prefix="sessioneval-read") as reader:
        coming = reader.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = reader.submit(next, items, None)
            yield item


class _Waiting:
    """Pieces whose sessions are not complete."""

    def __init__(self, wanted: Wanted, spill: Spill, spans_at_once: int, memory_bytes: int) -> None:
        self._wanted = wanted
        self._spill = spill
        self._memory_bytes = memory_bytes
        self._spans_at_once = spans_at_once
        self._pieces: list[pa.RecordBatch] = []
        self._n_done = 0
        self._bucket = 0
        self._bucket_of = wanted.rank * _BUCKETS // max(len(wanted.n_spans), 1)

    def add(self, read: pa.RecordBatch) -> None:
        """Add a piece; beyond the budget, sessions that are complete much later go to disk."""
        self._pieces.append(read)
        if sum(each.get_total_buffer_size() for each in self._pieces) > self._memory_bytes:
            self._spill_later_buckets()

    def ready(self, row: int, at_least: int) -> Iterator[Ready]:
        """Yield the sessions that are complete once a row has been read, if they have enough spans."""
        wanted = self._wanted
        complete = wanted.by_completion[self._n_done : int(np.searchsorted(wanted.done, row, side="right"))]
        sizes = wanted.n_spans[complete]
        if not len(complete) or sizes.sum() < at_least:
            return
        cuts = np.flatnonzero(np.diff(starts_of(sizes) // self._spans_at_once)) + 1
        for part in np.split(complete, cuts):
            self._load_buckets(part)
            yield Ready(sessions=np.sort(part), pieces=self._holding(part))
            self._n_done += len(part)
            self._drop()

    def _holding(self, sessions: Ints) -> list[pa.RecordBatch]:
        chosen = flags(len(self._wanted.rank), sessions)
        return [each for each in self._pieces if chosen[self._sessions(each)].any()]

    def _sessions(self, each: pa.RecordBatch) -> Ints:
        return self._wanted.session[rows_of(each)]

    def _load_buckets(self, sessions: Ints) -> None:
        last = int(self._bucket_of[sessions].max(initial=0))
        while self._bucket < last:
            self._bucket += 1
            self._pieces += [batch for table in self._spill.take(self._bucket) for batch in table.to_batches()]

    def _drop(self) -> None:
        """Forget rows of sessions that have been handed on; pieces that are mostly such rows are cut down."""
        kept = []
        for each in self._pieces:
            alive = np.flatnonzero(self._is_waiting(each))
            if len(alive):
                kept.append(taken(each, alive) if 2 * len(alive) <= each.num_rows else each)
        self._pieces = kept

    def _is_waiting(self, each: pa.RecordBatch) -> Flags:
        return np.asarray(self._wanted.rank[self._sessions(each)] >= self._n_done, dtype=bool)

    def _spill_later_buckets(self) -> None:
        kept = []
        for each in self._pieces:
            bucket = np.where(self._is_waiting(each), self._bucket_of[self._sessions(each)], NONE)
            for later in np.unique(bucket[bucket > self._bucket]).tolist():
                self._spill.put(later, pa.Table.from_batches([taken(each, np.flatnonzero(bucket == later))]))
            alive = np.flatnonzero((bucket != NONE) & (bucket <= self._bucket))
            if len(alive):
                kept.append(taken(each, alive))
        self._pieces = kept
