"""The spans to read, in the order of the files, and at which point of the reading each session is complete."""

from functools import cached_property

import numpy as np

from sessioneval.model.arrays import NONE, Ints, numpy_of, slim, starts_of
from sessioneval.store.reading import FILE, ROW, TableRead


class Wanted:
    """The sessions to read.

    Args:
        index: Where all spans of the store lie, file after file.
        rows: Rows of the index that are wanted, session after session.
        n_spans: How many of them each session has, at least one.

    Attributes:
        session: For each row of the index the number of its session, `NONE` where it is not wanted.
        n_spans: As given.
        by_completion: The sessions in the order in which they are complete.
        done: Row of the index after whose reading each of `by_completion` is complete.
        rank: The place of each session in `by_completion`.
    """

    def __init__(self, index: TableRead, rows: Ints, n_spans: Ints) -> None:
        self.index = index
        self.n_spans = n_spans
        self.session = slim(np.full(index.table.num_rows, NONE, dtype=np.int64))
        self.session[rows] = np.repeat(slim(np.arange(len(n_spans))), n_spans)
        last = np.maximum.reduceat(rows, starts_of(n_spans))
        self.by_completion = np.argsort(last, kind="stable")
        self.done = last[self.by_completion]
        self.rank = np.empty(len(n_spans), dtype=np.int64)
        self.rank[self.by_completion] = np.arange(len(n_spans))

    @cached_property
    def _row_in_file(self) -> Ints:
        return numpy_of(self.index.table.column(ROW))

    def rows_of_file(self, number: int) -> tuple[Ints, Ints]:
        """Return the wanted rows of the index that lie in a file, and their rows in the file; both ascend."""
        start, end = np.searchsorted(numpy_of(self.index.table.column(FILE)), [number, number + 1])
        rows = start + np.flatnonzero(self.session[start:end] != NONE)
        return rows, self._row_in_file[rows]
