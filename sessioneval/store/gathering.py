"""Rows of many files put together as one table, in little more memory than the table takes."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessioneval.model.arrays import combined, numpy_of

# Arrow counts the bytes of a piece of text in 31 bits.
_MAX_BYTES_IN_ONE_PIECE = 1 << 31


class Gathering:
    """A table under construction.

    Whole numbers that are never null go at once to where they stay: many small arrays that are joined at the end
    would leave holes, which the allocator keeps.

    Args:
        capacity: Rows that will come at most.

    Attributes:
        n_rows: Rows that have come.
    """

    def __init__(self, capacity: int) -> None:
        self.n_rows = 0
        self._capacity = capacity
        self._numbers: dict[str, NDArray[Any]] = {}
        self._others: list[pa.Table] = []

    def add(self, part: pa.Table) -> None:
        """Add rows; all parts have the same columns, though one without any value may have the null type."""
        numbers = [field for field in part.schema if not field.nullable and pa.types.is_integer(field.type)]
        end = self.n_rows + part.num_rows
        for field in numbers:
            room = self._numbers.setdefault(field.name, np.empty(self._capacity, field.type.to_pandas_dtype()))
            room[self.n_rows : end] = numpy_of(part.column(field.name))
        self._others.append(part.drop_columns([field.name for field in numbers]))
        self.n_rows = end

    def forget_after(self, n_rows: int) -> None:
        """Forget the parts that came after so many rows."""
        while self.n_rows > n_rows:
            self.n_rows -= self._others.pop().num_rows

    def table(self) -> pa.Table:
        """Return the rows, each column in one piece, so that rows can be picked from it quickly; nothing is left here."""
        table = pa.concat_tables(self._others, promote_options="default")
        self._others.clear()
        for number, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type) or table.column(number).nbytes < _MAX_BYTES_IN_ONE_PIECE:
                table = table.set_column(number, field, combined(table.column(number)))
        for name, values in self._numbers.items():
            kind = pa.from_numpy_dtype(values.dtype)
            column = pa.Array.from_buffers(kind, self.n_rows, [None, pa.py_buffer(values)])
            table = table.append_column(pa.field(name, kind, nullable=False), column)
        self._numbers.clear()
        return table
