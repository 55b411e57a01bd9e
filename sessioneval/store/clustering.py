"""How the rows of a span table lie in files: by day, and inside a file by session and time."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_ints, combined, numpy_of
from sessioneval.model.nested import compacted

NO_DAY = "1970-01-01"
"""Where rows without a time lie."""

_SESSION_ORDER = [(c.SESSION_ID, "ascending"), (c.START_TIME, "ascending")]
_DAY_NS = 86_400 * 10**9


def by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Yield the UTC date of each day that rows start on, and these rows sorted by session and start time.

    Example:
        >>> table = pa.table({"start_time": pa.array([0, 86_400], pa.timestamp("s", "UTC")), c.SESSION_ID: ["a", "b"]})
        >>> [(day, rows.num_rows) for day, rows in by_day(table)]
        [('1970-01-01', 1), ('1970-01-02', 1)]
    """
    times = combined(table.column(c.START_TIME)).cast(pa.timestamp("ns", "UTC"))
    days = numpy_of(times) // _DAY_NS
    for day in np.unique(days).tolist():
        rows = table if (days == day).all() else taken(table, np.flatnonzero(days == day))
        yield str(np.datetime64(day, "D")), in_session_order(rows)


def in_session_order(table: pa.Table) -> pa.Table:
    """Return the rows sorted by session and start time, so that what a session repeats lies together."""
    order = pc.sort_indices(table, sort_keys=_SESSION_ORDER)
    positions = numpy_of(order)
    return table if (positions[1:] > positions[:-1]).all() else table.take(order)


def taken(table: pa.Table, rows: np.ndarray) -> pa.Table:
    """Return some rows; dictionaries hold only what these rows use."""
    return used_only(table.take(arrow_ints(rows)))


def used_only(table: pa.Table) -> pa.Table:
    """Return the table with dictionaries that hold only what is used: a file keeps them as they stand."""
    for number, field in enumerate(table.schema):
        if is_coded(field.type):
            table = table.set_column(number, field, compacted(combined(table.column(number))))
    return table


def is_coded(kind: pa.DataType) -> bool:
    """Return whether texts of a type are dictionary codes, at any depth."""
    return pa.types.is_dictionary(kind) or any(is_coded(kind.field(n).type) for n in range(kind.num_fields))


def plain(kind: pa.DataType) -> pa.DataType:
    """Return a type with texts in the place of dictionary codes."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(plain(field.type)) for field in kind])
    return kind
