"""Index arithmetic on numpy arrays, and Arrow arrays over their memory.

`pa.array` imports pandas on its first call where pandas is installed, which costs up to a second; these do not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
NONE = -1


def ranges(starts: NDArray[Any], lengths: NDArray[Any]) -> Ints:
    """Return the numbers ``start, start + 1, ...`` of each range, one range after the other.

    Example:
        >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
        [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return np.asarray(np.arange(total, dtype=np.int64) + np.repeat(starts - (ends - lengths), lengths))


def starts_of(lengths: NDArray[Any]) -> Ints:
    """Return where each of some adjacent ranges begins."""
    return np.asarray(np.cumsum(lengths, dtype=np.int64) - lengths)


def offsets_of(lengths: NDArray[Any]) -> Ints:
    """Return the borders of adjacent ranges: one number more than there are ranges."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def is_everything(positions: Ints, size: int) -> bool:
    """Return whether the positions are 0, 1, ... up to the size."""
    return len(positions) == size and (not size or bool(positions[0] == 0 and (np.diff(positions) == 1).all()))


def nth_of_its_kind(kinds: NDArray[Any]) -> Ints:
    """Return for each item how many equal ones precede it.

    Example:
        >>> nth_of_its_kind(np.array([7, 8, 7, 7])).tolist()
        [0, 0, 1, 2]
    """
    order = np.argsort(kinds, kind="stable")
    ordered = kinds[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(kinds) else np.zeros(0, np.int64)
    within = np.arange(len(kinds)) - np.repeat(begins, np.diff(np.append(begins, len(kinds))))
    counted = np.empty(len(kinds), dtype=np.int64)
    counted[order] = within
    return counted


def repeats(keys: NDArray[Any]) -> Flags:
    """Return which items have an equal one before them."""
    return np.asarray(nth_of_its_kind(keys) > 0, dtype=bool)


def slim(values: Ints) -> Ints:
    """Return the numbers in 32 bits where they fit: half the memory."""
    return values.astype(np.int32) if values.max(initial=0) <= np.iinfo(np.int32).max else values


def flags(size: int, where: NDArray[Any]) -> Flags:
    """Return `size` flags of which those at `where` are set."""
    made = np.zeros(size, dtype=bool)
    made[where] = True
    return made


def arrow_ints(values: NDArray[Any]) -> pa.Array:
    """Return the numbers as an Arrow array; `NONE` in signed ones is null."""
    kept = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(kept.dtype)
    return pa.Array.from_buffers(kind, len(kept), [_bitmap(kept != NONE), pa.py_buffer(kept)])


def arrow_flags(values: Flags) -> pa.Array:
    """Return the flags as an Arrow array."""
    packed = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(packed)])


def _bitmap(valid: Flags) -> pa.Buffer | None:
    return None if valid.all() else pa.py_buffer(np.packbits(valid, bitorder="little"))


def numpy_of(column: pa.ChunkedArray | pa.Array, null: int = 0) -> NDArray[Any]:
    """Return numbers, times (as their integers) or flags as a numpy array, with `null` in the place of nulls."""
    array = combined(column)
    if pa.types.is_null(array.type):
        return np.full(len(array), null, dtype=np.int64)
    place = slice(array.offset, array.offset + len(array))
    if pa.types.is_boolean(array.type):
        values = _bits(array.buffers()[1])[place]
    else:
        dtype = np.dtype(np.int64) if pa.types.is_temporal(array.type) else np.dtype(array.type.to_pandas_dtype())
        values = np.frombuffer(array.buffers()[1] or b"", dtype=dtype)[place]
    if not array.null_count:
        return values
    return np.where(_bits(array.buffers()[0])[place], values, values.dtype.type(null))


def _bits(buffer: pa.Buffer | None) -> Flags:
    """Return the bits of a bitmap as flags."""
    packed = np.frombuffer(buffer or b"", dtype=np.uint8)
    return np.unpackbits(packed, bitorder="little").astype(bool)


def is_valid(column: pa.ChunkedArray | pa.Array) -> Flags:
    """Return which entries are not null."""
    array = combined(column)
    if not array.null_count:
        return np.ones(len(array), dtype=bool)
    if pa.types.is_null(array.type):
        return np.zeros(len(array), dtype=bool)
    return _bits(array.buffers()[0])[array.offset : array.offset + len(array)]


def text_scalar(text: str) -> pa.StringScalar:
    """Return a text for Arrow's functions, which import pandas to convert one from Python."""
    return arrow_texts([text])[0]


def arrow_lists(lengths: NDArray[Any], values: pa.Array) -> pa.Array:
    """Return adjacent ranges of `values` as lists."""
    offsets = pa.py_buffer(offsets_of(lengths).astype(np.int32))
    return pa.Array.from_buffers(pa.list_(values.type), len(lengths), [None, offsets], children=[values])


def arrow_texts(texts: list[str]) -> pa.Array:
    """Return a few texts as an Arrow array."""
    data = [text.encode("utf-8", "surrogatepass") for text in texts]
    offsets = offsets_of(np.array([len(item) for item in data], dtype=np.int64)).astype(np.int32)
    return pa.Array.from_buffers(pa.string(), len(data), [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(data))])


def combined(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array; dictionaries of its chunks are unified."""
    if isinstance(column, pa.Array):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    if pa.types.is_dictionary(column.type) and column.num_chunks:
        # Arrow would compare the dictionaries of all chunks, which are one once they have been unified.
        if len({_address(chunk.dictionary) for chunk in column.chunks}) > 1:
            column = column.unify_dictionaries()
        chunks = column.chunks
        return pa.DictionaryArray.from_arrays(
            pa.concat_arrays([chunk.indices for chunk in chunks]), chunks[0].dictionary
        )
    made = column.combine_chunks()
    return made.chunk(0) if isinstance(made, pa.ChunkedArray) else made


def _address(texts: pa.Array) -> tuple[int, int]:
    buffer = texts.buffers()[1]
    return (buffer.address if buffer else 0, len(texts))


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Texts as codes into distinct or repeating values; `NONE` where there is no text."""

    codes: Ints
    values: pa.Array

    @classmethod
    def of(cls, column: pa.ChunkedArray | pa.Array | None, size: int) -> "Coded":
        """Return the codes of a string column; a missing one has none."""
        if column is None or pa.types.is_null(column.type):
            return cls(codes=np.full(size, NONE, dtype=np.int64), values=arrow_texts([]))
        array = combined(column)
        coded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
        return cls(codes=codes_of(coded.indices), values=coded.dictionary)

    def text(self, position: int) -> str | None:
        """Return one text."""
        code = int(self.codes[position])
        return None if code == NONE else str(self.values[code].as_py())

    def equals(self, text: str) -> Flags:
        """Return which entries are this text."""
        # The last flag answers for `NONE`, which counts from the end.
        same = np.append(numpy_of(pc.equal(self.values, text_scalar(text))), False)
        return np.asarray(same[self.codes], dtype=bool)

    def take(self, positions: "NDArray[np.int64] | slice") -> "Coded":
        """Return the entries at some positions."""
        return Coded(codes=self.codes[positions], values=self.values)


def codes_of(indices: pa.Array) -> Ints:
    """Return dictionary indices as numbers, `NONE` where there is none."""
    return np.asarray(numpy_of(indices, NONE), dtype=np.int64)
