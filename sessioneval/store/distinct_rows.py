"""Which rows of many files are the ones that count, where rows were delivered more than once."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import Flags, arrow_ints, numpy_of
from sessioneval.model.words import Words, paired_words, words_of
from sessioneval.store.coded_rows import narrow_batches

_ROWS_AT_ONCE = 100_000
# Of a row whose key is looked at as text, with what Python needs to compare it.
_CANDIDATE_BYTES = 1_000
_OLDEST = int(np.iinfo(np.int64).min)


def distinct_rows(paths: Sequence[Path], keys: Sequence[str], newest_by: str, memory_bytes: int) -> dict[Path, Flags]:
    """Return for each file which of its rows to keep: of rows with one key, the one with the greatest `newest_by`.

    Takes 9 bytes a row, and of `memory_bytes` what telling equal hashes from equal keys takes.

    Raises:
        UnreadableFileError: A file is damaged.
        FileNotFoundError: A file is gone.
    """
    words = {path: np.concatenate([_no_words(), *_words(path, keys)]) for path in paths}
    repeated = _repeated(words.values())
    kept = {path: np.ones(len(of_file), dtype=bool) for path, of_file in words.items()}
    # A share of the hashes at a time, however many rows stand twice.
    n_rows = sum(int(np.isin(of_file, repeated).sum()) for of_file in words.values()) if len(repeated) else 0
    for share in np.array_split(repeated, -(-n_rows * _CANDIDATE_BYTES // memory_bytes)) if n_rows else ():
        _drop_older(kept, words, share, [*keys, newest_by])
    return kept


def _no_words() -> Words:
    return np.zeros(0, dtype=np.uint64)


def _words(path: Path, keys: Sequence[str]) -> Iterator[Words]:
    for table in narrow_batches(path, keys, _ROWS_AT_ONCE):
        words = np.zeros(table.num_rows, dtype=np.uint64)
        for key in keys:
            words = paired_words(words, words_of(table.column(key).cast(pa.string())))
        yield words


def _repeated(words: Iterable[Words]) -> Words:
    ordered = np.concatenate([_no_words(), *words])
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _drop_older(kept: dict[Path, Flags], words: dict[Path, Words], share: Words, columns: list[str]) -> None:
    """Clear the flags of all rows but the newest of each key; equal hashes do not make keys equal."""
    newest: dict[tuple[str | None, ...], tuple[int, Path, int]] = {}
    for path, of_file in words.items():
        for key, moment, row in _candidates(path, np.isin(of_file, share), columns):
            best = newest.get(key)
            if best is None or moment > best[0]:
                newest[key] = (moment, path, row)
            dropped = (path, row) if best is not None and moment <= best[0] else best and best[1:]
            if dropped:
                kept[dropped[0]][dropped[1]] = False


def _candidates(path: Path, wanted: Flags, columns: list[str]) -> Iterator[tuple[tuple[str | None, ...], int, int]]:
    """Yield key, moment and row number of the wanted rows of a file."""
    if not wanted.any():
        return
    first = 0
    for table in narrow_batches(path, columns, _ROWS_AT_ONCE):
        rows = np.flatnonzero(wanted[first : first + table.num_rows])
        chosen = table.take(arrow_ints(rows))
        moments = numpy_of(chosen.column(columns[-1]).cast(pa.int64()), _OLDEST).tolist()
        keys = zip(*(chosen.column(name).to_pylist() for name in columns[:-1]), strict=True)
        yield from zip(keys, moments, (rows + first).tolist(), strict=True)
        first += table.num_rows
