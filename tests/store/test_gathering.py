"""Rows of many files in one table: nothing lost, nothing shifted, and a file that fails midway leaves no trace."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.store.gathering import Gathering

NUMBERS = pa.field("number", pa.int64(), nullable=False)


def part(numbers, *, with_text=True):
    text = pa.array([str(n) for n in numbers], pa.string()) if with_text else pa.nulls(len(numbers))
    return pa.table([pa.array(numbers, pa.int64()), text], schema=pa.schema([NUMBERS, ("text", text.type)]))


@given(st.lists(st.tuples(st.lists(st.integers(-5, 5), max_size=4), st.booleans(), st.booleans())))
def test_parts_come_together_in_order(parts):
    """Row numbers of the index are places in this table; a forgotten part must not leave a gap."""
    gathered = Gathering(sum(len(numbers) for numbers, _, _ in parts))
    gathered.add(part([]))
    kept = []
    for numbers, with_text, fails in parts:
        before = gathered.n_rows
        gathered.add(part(numbers, with_text=with_text))
        if fails:
            gathered.forget_after(before)
        else:
            kept += [{"number": n, "text": str(n) if with_text else None} for n in numbers]
    table = gathered.table()
    assert table.select(["number", "text"]).to_pylist() == kept
    assert all(column.num_chunks <= 1 for column in table.columns)
