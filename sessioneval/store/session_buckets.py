"""Dividing the rows of a day into buckets of adjacent sessions, each small enough for memory."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import Coded, Ints, arrow_ints, numpy_of
from sessioneval.store.coded_rows import n_rows, narrow_batches

_ROWS_AT_ONCE = 100_000
_SAMPLES_A_BUCKET = 200
_Session = tuple[bool, str]


class SessionBuckets:
    """Borders between buckets, in the order of session and time; rows without session come last.

    Example:
        >>> times = pa.array([1, 2, 3], pa.timestamp("ns"))
        >>> SessionBuckets([((False, "b"), 2)]).of(pa.array(["a", "b", None]), times).tolist()
        [0, 1, 1]
    """

    def __init__(self, borders: Iterable[tuple[_Session, int]]) -> None:
        ordered = sorted(set(borders))
        self._sessions = [session for session, _ in ordered]
        self._moments = np.array([moment for _, moment in ordered], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._sessions) + 1

    def of(self, sessions: pa.ChunkedArray | pa.Array, moments: pa.ChunkedArray | pa.Array) -> Ints:
        """Return the bucket of each row."""
        coded = Coded.of(sessions, len(sessions))
        keys = [*((False, text) for text in coded.values.to_pylist()), (True, "")]
        first = np.array([bisect_left(self._sessions, key) for key in keys], dtype=np.int64)
        last = np.array([bisect_right(self._sessions, key) for key in keys], dtype=np.int64)
        # The last entry is that of rows without session, whose code `NONE` counts from the end.
        buckets, ends = first[coded.codes], last[coded.codes]
        divided = np.flatnonzero(buckets < ends)
        times = numpy_of(moments.cast(pa.int64()))
        for row in divided.tolist():
            within = self._moments[buckets[row] : ends[row]]
            buckets[row] += int(np.searchsorted(within, times[row], side="right"))
        return buckets


def session_buckets(paths: Sequence[Path], session: str, moment: str, n_buckets: int) -> SessionBuckets:
    """Return borders that divide the rows of some files into buckets of about one size.

    Args:
        paths: The files.
        session: Column of session ids.
        moment: Column of times, by which a session that is larger than a bucket is divided.
        n_buckets: How many.

    Raises:
        UnreadableFileError: A file is damaged.
        FileNotFoundError: A file is gone.
    """
    if n_buckets <= 1:
        return SessionBuckets([])
    sample = sorted(_sample(paths, [session, moment], n_buckets * _SAMPLES_A_BUCKET))
    return SessionBuckets(sample[len(sample) * number // n_buckets] for number in range(1, n_buckets))


def _sample(paths: Sequence[Path], columns: list[str], size: int) -> Iterator[tuple[_Session, int]]:
    """Yield session and time of about `size` rows, evenly spread over the files."""
    step = max(1, sum(n_rows(path) for path in paths) // size)
    skip = 0
    for table in (table for path in paths for table in narrow_batches(path, columns, _ROWS_AT_ONCE)):
        rows = np.arange(skip, table.num_rows, step)
        skip += len(rows) * step - table.num_rows
        sessions, moments = (table.column(name).take(arrow_ints(rows)) for name in columns)
        times = numpy_of(moments.cast(pa.int64())).tolist()
        yield from (((text is None, text or ""), time) for text, time in zip(sessions.to_pylist(), times, strict=True))
