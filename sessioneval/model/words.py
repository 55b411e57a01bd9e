"""Texts as 64-bit numbers that are equal where the texts are: ids of many spans in few bytes."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessioneval.model.arrays import Flags, Ints, is_valid, numpy_of, ranges

Words = NDArray[np.uint64]
# Odd 64-bit multipliers (those of xxHash64); overflow wraps, which is what a hash wants.
PRIMES = (np.uint64(0x9E3779B185EBCA87), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
_WORD_BYTES = 8
_HEX_DIGITS = 16
_NO_DIGIT = 255
_DIGIT_OF = np.full(256, _NO_DIGIT, dtype=np.uint8)
_DIGIT_OF[np.frombuffer(b"0123456789abcdef", dtype=np.uint8)] = np.arange(16)
# What is made on the way takes several times the memory of the words.
_ROWS_AT_ONCE = 1 << 18


def words_of(column: pa.ChunkedArray | pa.Array) -> Words:
    """Return a 64-bit hash of each text, the same in every process; null hashes as the empty text.

    Columns that are such words already are returned as they are.

    Example:
        >>> one, other, same = words_of(pa.array(["a", "b", "a"])).tolist()
        >>> one == same, one == other
        (True, False)
    """
    if pa.types.is_uint64(column.type) or pa.types.is_null(column.type):
        return numpy_of(column).astype(np.uint64, copy=False)
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [chunk.slice(first, _ROWS_AT_ONCE) for chunk in chunks for first in range(0, len(chunk), _ROWS_AT_ONCE)]
    return np.concatenate([np.zeros(0, dtype=np.uint64), *map(_words, parts)])


def _words(texts: pa.Array) -> Words:
    borders = np.frombuffer(texts.buffers()[1] or bytes(4), dtype=np.int32)[texts.offset :][: len(texts) + 1]
    lengths = np.where(is_valid(texts), np.diff(borders), 0)
    data = np.frombuffer(texts.buffers()[2] or b"", dtype=np.uint8)
    words = np.zeros(len(texts), dtype=np.uint64)
    by_length = np.argsort(lengths, kind="stable")
    # Ids are mostly of one length: texts of each length are hashed together.
    for rows in np.split(by_length, np.flatnonzero(np.diff(lengths[by_length])) + 1) if len(texts) else ():
        words[rows] = _hashed(data, borders[rows].astype(np.int64), int(lengths[rows[0]]))
    return words


def _hashed(data: NDArray[np.uint8], starts: Ints, length: int) -> Words:
    """Return the hash of each text of one length."""
    texts = _texts(data, starts, length)
    if not length % _WORD_BYTES:
        return _mixed(np.ascontiguousarray(texts).view(np.uint64).reshape(len(starts), -1), length)
    padded = np.zeros((len(starts), -(-length // _WORD_BYTES) * _WORD_BYTES), dtype=np.uint8)
    padded[:, :length] = texts
    return _mixed(padded.view(np.uint64).reshape(len(starts), -1), length)


def _texts(data: NDArray[np.uint8], starts: Ints, length: int) -> NDArray[np.uint8]:
    """Return texts of one length as rows of bytes."""
    size = len(starts) * length
    if size and int(starts[-1]) - int(starts[0]) == size - length:
        return data[int(starts[0]) :][:size].reshape(len(starts), length)
    return data[ranges(starts, np.full(len(starts), length))].reshape(len(starts), length)


def _mixed(words: NDArray[np.uint64], length: int) -> Words:
    """Return one 64-bit number for each row of words that hold a text of so many bytes; 0 for the empty text."""
    made = np.full(len(words), length, dtype=np.uint64) * PRIMES[2]
    for column in words.T:
        made = (made ^ column) * PRIMES[0]
        made = (made ^ (made >> np.uint64(29))) * PRIMES[1]
    return np.asarray(made ^ (made >> np.uint64(32)), dtype=np.uint64)


def paired_words(one: Words, other: Words) -> Words:
    """Return one hash for each pair of hashes."""
    made = (one ^ (other >> np.uint64(31))) * PRIMES[0] + other * PRIMES[2]
    return np.asarray(made ^ (made >> np.uint64(30)), dtype=np.uint64)


def arrow_uint64(words: Words) -> pa.Array:
    """Return the words as an Arrow array without nulls."""
    return pa.Array.from_buffers(pa.uint64(), len(words), [None, pa.py_buffer(np.ascontiguousarray(words))])


def span_words(ids: pa.ChunkedArray | pa.Array) -> tuple[Words, Flags]:
    """Return a 64-bit number for each span id, and which of them stand for the whole id.

    An id of 16 hexadecimal digits, as OpenTelemetry has it, is that number; any other is hashed.

    Example:
        >>> words, are_whole = span_words(pa.array(["00000000000000ff", "run-1"]))
        >>> int(words[0]), are_whole.tolist()
        (255, [True, False])
    """
    chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
    parts = [_hex_values(chunk) for chunk in chunks]
    words = np.concatenate([np.zeros(0, dtype=np.uint64), *(values for values, _ in parts)])
    are_whole = np.concatenate([np.zeros(0, dtype=bool), *(whole for _, whole in parts)])
    if not are_whole.all():
        words = np.where(are_whole, words, words_of(ids))
    return words, are_whole


def _hex_values(ids: pa.Array) -> tuple[Words, Flags]:
    values, are_whole = np.zeros(len(ids), dtype=np.uint64), np.zeros(len(ids), dtype=bool)
    if pa.types.is_null(ids.type) or not len(ids):
        return values, are_whole
    borders = np.frombuffer(ids.buffers()[1], dtype=np.int32)[ids.offset :][: len(ids) + 1].astype(np.int64)
    fitting = np.flatnonzero((np.diff(borders) == _HEX_DIGITS) & is_valid(ids))
    data = np.frombuffer(ids.buffers()[2] or b"", dtype=np.uint8)
    digits = _DIGIT_OF[_texts(data, borders[fitting], _HEX_DIGITS)]
    made = np.zeros(len(fitting), dtype=np.uint64)
    for column in digits.T:
        made = (made << np.uint64(4)) | column
    are_whole[fitting] = (digits != _NO_DIGIT).all(axis=1)
    values[fitting] = made
    return values, are_whole


def hex_texts(words: Words) -> pa.Array:
    """Return numbers as texts of 16 hexadecimal digits.

    Example:
        >>> hex_texts(np.array([255], dtype=np.uint64)).to_pylist()
        ['00000000000000ff']
    """
    pairs = words.astype(">u8").view(np.uint8).reshape(len(words), 8)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    data = np.stack([digits[pairs >> 4], digits[pairs & 15]], axis=2).tobytes()
    offsets = np.arange(len(words) + 1, dtype=np.int32) * _HEX_DIGITS
    return pa.Array.from_buffers(pa.string(), len(words), [None, pa.py_buffer(offsets), pa.py_buffer(data)])
