"""Putting rows that come in any order into the order of their positions, with bounded memory."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import Ints, arrow_ints, numpy_of
from sessioneval.spill import Spill

_BUCKETS = 64
_POSITION = "position"


class Reorder:
    """Rows with positions 0 to n - 1: handed on in order, as soon as all before them have come.

    Args:
        n_rows: How many rows will come.
        spill: Where rows wait that come long before their turn.
        memory: Bytes of waiting rows above which later ones go there.
    """

    def __init__(self, n_rows: int, spill: Spill, memory: int) -> None:
        self._n_rows = n_rows
        self._spill = spill
        self._memory = memory
        self._has_come = np.zeros(n_rows + 1, dtype=bool)
        self._turn = 0
        self._waiting: list[pa.RecordBatch] = []
        self._bucket = 0
        self._borders = np.linspace(0, n_rows, _BUCKETS + 1).astype(np.int64)

    def add(self, positions: Ints, columns: dict[str, pa.Array]) -> None:
        """Add rows with their positions."""
        arrays = [arrow_ints(positions), *columns.values()]
        self._waiting.append(pa.RecordBatch.from_arrays(arrays, names=[_POSITION, *columns]))
        self._has_come[positions] = True
        if sum(batch.get_total_buffer_size() for batch in self._waiting) > self._memory:
            self._spill_later_buckets()

    def skip(self, positions: Ints) -> None:
        """Note positions that have no rows here."""
        self._has_come[positions] = True

    def ready(self) -> Iterator[tuple[Ints, pa.Table]]:
        """Yield the positions whose turn it is, and those of the rows that are here, in order."""
        while (end := self._end_of_run()) > self._turn:
            run = np.arange(self._turn, end)
            rows = [batch for batch in map(self._of_run, self._waiting, [end] * len(self._waiting)) if batch.num_rows]
            self._turn = end
            self._forget()
            yield run, _sorted(rows)

    def _end_of_run(self) -> int:
        """Return where the run of rows that have come ends: at most at the end of its bucket."""
        while self._bucket + 1 < _BUCKETS and self._turn >= self._borders[self._bucket + 1]:
            self._bucket += 1
            self._waiting += self._spill.take(self._bucket)
        missing = np.flatnonzero(~self._has_come[self._turn : self._borders[self._bucket + 1]])
        return self._turn + int(missing[0]) if len(missing) else int(self._borders[self._bucket + 1])

    def _of_run(self, batch: pa.RecordBatch, end: int) -> pa.RecordBatch:
        positions = _positions(batch)
        return batch.take(arrow_ints(np.flatnonzero((positions >= self._turn) & (positions < end))))

    def _forget(self) -> None:
        """Drop rows that have been handed on; batches that are mostly such rows are cut down."""
        kept = []
        for batch in self._waiting:
            alive = np.flatnonzero(_positions(batch) >= self._turn)
            if len(alive):
                kept.append(batch.take(arrow_ints(alive)) if 2 * len(alive) <= batch.num_rows else batch)
        self._waiting = kept

    def _spill_later_buckets(self) -> None:
        kept = []
        for batch in self._waiting:
            positions = _positions(batch)
            bucket = np.searchsorted(self._borders, positions, side="right") - 1
            for later in np.unique(bucket[bucket > self._bucket]).tolist():
                self._spill.put(later, batch.take(arrow_ints(np.flatnonzero(bucket == later))))
            now = np.flatnonzero((bucket <= self._bucket) & (positions >= self._turn))
            if len(now):
                kept.append(batch.take(arrow_ints(now)))
        self._waiting = kept


def _positions(batch: pa.RecordBatch) -> Ints:
    return np.asarray(numpy_of(batch.column(0)), dtype=np.int64)


def _sorted(batches: list[pa.RecordBatch]) -> pa.Table:
    if not batches:
        return pa.table({_POSITION: pa.nulls(0, pa.int64())})
    table = pa.Table.from_batches(batches).combine_chunks()
    return table.take(arrow_ints(np.argsort(numpy_of(table.column(_POSITION)), kind="stable")))
