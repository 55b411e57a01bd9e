"""Reading one Parquet file a row group at a time, repeated texts as dictionary codes."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from sessioneval.model.arrays import arrow_ints

_LIST = ".list."
# Inputs of model calls may be long.
_ROWS_OF_TEXT = 1_000


class RowGroups:
    """An open Parquet file.

    Args:
        path: The file.
        coded: Columns whose texts come as dictionary codes; of nested ones, all texts inside.

    Raises:
        pa.ArrowException: The file is not Parquet.
        FileNotFoundError: The file is gone.

    Attributes:
        borders: Row number at which each row group begins, and that after the last row.
    """

    def __init__(self, path: Path, coded: Iterable[str] = ()) -> None:
        metadata = pq.read_metadata(path)
        self._leaves = _leaves_by_column(metadata)
        wanted = [leaf for name in coded for leaf in self._leaves.get(name, ())]
        self._file = pq.ParquetFile(path, metadata=metadata, read_dictionary=_texts(metadata, wanted))
        self._metadata = metadata
        self._number = {metadata.schema.column(i).path: i for i in range(metadata.num_columns)}
        sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.borders: NDArray[np.int64] = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def leaves(self, column: str) -> list[str]:
        """Return the paths of the leaves of a column, none if the file lacks it."""
        return self._leaves.get(column, [])

    def holds_values(self, group: int, leaf: str) -> bool:
        """Return whether a leaf has a value in a row group, as far as its statistics tell."""
        chunk = self._metadata.row_group(group).column(self._number[leaf])
        statistics = chunk.statistics
        return statistics is None or not statistics.has_null_count or statistics.null_count < chunk.num_values

    def read(self, group: int, leaves: list[str]) -> pa.Table:
        """Read some leaves of a row group; of a nested column, those that are not asked are not there.

        Raises:
            pa.ArrowException, OSError: Pages are damaged.
        """
        return self._file.read_row_group(group, columns=leaves)

    def read_texts(self, group: int, column: str, rows: NDArray[np.int64]) -> pa.Array:
        """Read a text column at some rows of a row group (ascending), without the whole of it in memory at once."""
        parts, start = [], 0
        for batch in self._file.iter_batches(_ROWS_OF_TEXT, row_groups=[group], columns=[column]):
            chosen = rows[(rows >= start) & (rows < start + batch.num_rows)] - start
            parts.append(batch.column(0).cast(pa.string()).take(arrow_ints(chosen)))
            start += batch.num_rows
        return pa.concat_arrays(parts)


def _leaves_by_column(metadata: pq.FileMetaData) -> dict[str, list[str]]:
    leaves: dict[str, list[str]] = {}
    for i in range(metadata.num_columns):
        path = metadata.schema.column(i).path
        leaves.setdefault(_column(path), []).append(path)
    return leaves


def _column(path: str) -> str:
    """Return the column that a leaf belongs to; names of columns hold dots themselves."""
    return path.partition(_LIST)[0]


def _texts(metadata: pq.FileMetaData, leaves: list[str]) -> list[str]:
    wanted = set(leaves)
    columns = [metadata.schema.column(i) for i in range(metadata.num_columns)]
    return [column.path for column in columns if column.path in wanted and column.physical_type == "BYTE_ARRAY"]
