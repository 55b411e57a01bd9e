"""Nested Arrow columns whose texts are dictionary codes."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from sessioneval.model.arrays import NONE, Ints, arrow_ints, codes_of, is_valid, numpy_of, offsets_of, ranges


def list_borders(column: pa.Array) -> tuple[Ints, Ints]:
    """Return where each list begins in `column.values` and how long it is; a missing list is empty."""
    borders = numpy_of(column.offsets).astype(np.int64)
    lengths = np.diff(borders)
    if column.null_count:
        lengths = np.where(~is_valid(column), 0, lengths)
    return borders[:-1], lengths


def compacted(column: pa.Array) -> pa.Array:
    """Return a nested column whose dictionaries hold only what its codes use; nulls have no values below them."""
    return rebuilt(column, _used_only)


def decoded(column: pa.Array) -> pa.Array:
    """Return a nested column with texts in the place of codes."""
    return rebuilt(column, lambda leaf: leaf.dictionary_decode())


def _used_only(leaf: pa.DictionaryArray) -> pa.DictionaryArray:
    codes = codes_of(leaf.indices)
    used, places = np.unique(codes, return_inverse=True)
    missing = len(used) > 0 and used[0] == NONE
    values = leaf.dictionary.take(arrow_ints(used[1:] if missing else used))
    return pa.DictionaryArray.from_arrays(arrow_ints((places - int(missing)).astype(np.int32)), values)


def rebuilt(column: pa.Array, change: Callable[[pa.DictionaryArray], pa.Array]) -> pa.Array:
    """Return a column with each dictionary-encoded leaf changed."""
    if pa.types.is_dictionary(column.type):
        return change(column)
    if pa.types.is_list(column.type):
        return _rebuilt_list(column, change)
    if pa.types.is_struct(column.type):
        fields = [rebuilt(field, change) for field in column.flatten()]
        named = [pa.field(old.name, new.type) for old, new in zip(column.type, fields, strict=True)]
        mask = column.is_null() if column.null_count else None
        return pa.StructArray.from_arrays(fields, fields=named, mask=mask)
    return column


def _rebuilt_list(column: pa.Array, change: Callable[[pa.DictionaryArray], pa.Array]) -> pa.Array:
    starts, lengths = list_borders(column)
    values = column.values
    if len(values) != int(lengths.sum()):
        values = values.take(arrow_ints(ranges(starts, lengths)))
    inner = rebuilt(values, change)
    validity = None
    if column.null_count:
        validity = pa.py_buffer(np.packbits(is_valid(column), bitorder="little"))
    offsets = pa.py_buffer(offsets_of(lengths).astype(np.int32))
    kind = pa.list_(pa.field(column.type.value_field.name, inner.type))
    return pa.Array.from_buffers(kind, len(column), [validity, offsets], children=[inner])
