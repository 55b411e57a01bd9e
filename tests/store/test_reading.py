"""Files in, one table out: old and new schemas, foreign types, damaged files, duplicates."""

import random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_factory import span, table

from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.store.publication import publish
from sessioneval.store.reading import FILE, ROW, by_file, first_of_each, read_files, take_rows

KEY = [c.TRACE_ID, c.SPAN_ID]


def test_missing_columns_are_null_and_extra_ones_are_left(tmp_path):
    """A store lives longer than a version: files of an older and a newer schema stand side by side."""
    old = publish(pa.table({c.TRACE_ID: ["t"], c.SPAN_ID: ["old"]}), tmp_path)
    new = publish(pa.table({c.TRACE_ID: ["t"], c.SPAN_ID: ["new"], c.NAME: ["n"], "of.the.future": [1]}), tmp_path)
    read = read_files([old, new], pa.schema([SPANS.field(name) for name in (*KEY, c.NAME)]))
    assert read.table.column_names == [*KEY, c.NAME, FILE, ROW]
    assert read.table.select([c.SPAN_ID, c.NAME]).to_pylist() == [
        {c.SPAN_ID: "old", c.NAME: None},
        {c.SPAN_ID: "new", c.NAME: "n"},
    ]


def test_foreign_types_are_cast(tmp_path):
    """Another writer counts tokens in int32, stamps microseconds and writes large strings."""
    row = span(1, PROMPT_TOKENS=7, INPUT_MESSAGES=[{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi"}])
    ours = table(row)
    foreign = (
        ours.set_column(ours.column_names.index(c.PROMPT_TOKENS), c.PROMPT_TOKENS, pa.array([7], pa.int32()))
        .set_column(ours.column_names.index(c.SPAN_ID), c.SPAN_ID, pa.array([row[c.SPAN_ID]], pa.large_string()))
        .set_column(
            ours.column_names.index(c.START_TIME),
            c.START_TIME,
            pa.array([row[c.START_TIME] // 1000], pa.timestamp("us", tz="UTC")),
        )
    )
    read = read_files([publish(foreign, tmp_path)], SPANS).table.drop_columns([FILE, ROW])
    assert read.to_pylist() == ours.to_pylist()


def test_prefix_of_a_name_is_another_column(tmp_path):
    """`attributes` must not pull in `attributes.llm.input_messages`, the largest column there is."""
    path = publish(table(span(1, ATTRIBUTES="{}", INPUT_VALUE="x")), tmp_path)
    read = read_files([path], pa.schema([SPANS.field(c.ATTRIBUTES)])).table.drop_columns([FILE, ROW])
    assert read.to_pylist() == [{c.ATTRIBUTES: "{}"}]


@pytest.mark.parametrize(
    "damage",
    [b"", b"PAR1", b"not parquet at all, but long enough to look", b"PAR1" + bytes(100) + b"PAR1"],
    ids=["empty", "magic only", "text", "zero footer"],
)
def test_unreadable_file_is_named_and_the_good_ones_are_read(tmp_path, damage):
    """One bad file among a thousand must cost its own rows only, and the user must learn which."""
    good = publish(table(span(1)), tmp_path)
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(damage)
    read = read_files([bad, good], SPANS)
    assert read.table.num_rows == 1
    assert [(item.path, bool(item.error)) for item in read.unreadable] == [(bad, True)]
    assert read.files == (good,)


def test_column_of_an_impossible_type_makes_a_file_unreadable(tmp_path):
    """A time column of words is no table of spans; guessing would be worse than saying so."""
    bad = publish(pa.table({c.TRACE_ID: ["t"], c.SPAN_ID: ["s"], c.START_TIME: ["noon"]}), tmp_path)
    read = read_files([bad], SPANS)
    assert [item.path for item in read.unreadable] == [bad]
    assert read.table.num_rows == 0


def test_vanished_file_is_no_unreadable_file(tmp_path):
    """Compaction removes files; the caller must list again instead of losing rows."""
    with pytest.raises(FileNotFoundError):
        read_files([tmp_path / "gone.parquet"], SPANS)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.data())
def test_rows_are_taken_by_number_across_row_groups(tmp_path_factory, sizes, data):
    """Row numbers of the index must find the same rows in whatever groups a writer chose."""
    path = tmp_path_factory.mktemp("groups") / "file.parquet"
    n_rows = sum(sizes)
    numbers = pa.table({c.SPAN_ID: [str(n) for n in range(n_rows)]})
    with pq.ParquetWriter(path, numbers.schema) as writer:
        start = 0
        for size in sizes:
            writer.write_table(numbers.slice(start, size))
            start += size
    rows = sorted(data.draw(st.sets(st.integers(0, n_rows - 1), min_size=1)))
    taken = take_rows(path, pa.array(rows).to_numpy(), pa.schema([SPANS.field(c.SPAN_ID)]))
    assert taken.column(c.SPAN_ID).to_pylist() == [str(row) for row in rows]


@given(st.permutations(range(6)))
def test_newest_delivery_counts_whatever_the_order(order):
    """A span exported while open and again when it ended is one span, and the finished one is meant."""
    deliveries = [span(1, seconds=1), span(1, seconds=3), span(1, seconds=2), span(2), span(2), span(1, trace=2)]
    kept = first_of_each(table(*(deliveries[n] for n in order)), KEY, newest_by=c.END_TIME)
    assert sorted(kept.to_pylist(), key=str) == sorted(
        table(deliveries[1], deliveries[3], deliveries[5]).to_pylist(), key=str
    )


@given(st.booleans())
def test_one_nanosecond_decides(reverse):
    """Unix nanoseconds do not fit a float: rounding them would leave the choice to the order of files."""
    early, late = span(1), span(1)
    late[c.END_TIME] += 1
    rows = [late, early] if reverse else [early, late]
    kept = first_of_each(table(*rows), KEY, newest_by=c.END_TIME)
    assert kept.column(c.END_TIME).cast(pa.int64()).to_pylist() == [late[c.END_TIME]]


def test_null_end_is_older_than_any():
    """A delivery without an end time is the unfinished one."""
    unfinished, finished = span(1), span(1)
    unfinished[c.END_TIME] = None
    for rows in ([unfinished, finished], [finished, unfinished]):
        kept = first_of_each(table(*rows), KEY, newest_by=c.END_TIME)
        assert kept.to_pylist() == table(finished).to_pylist()


def test_rows_are_grouped_by_file_in_ascending_order(tmp_path):
    """Reading in file order is what lets row groups be read once each."""
    paths = [publish(table(*(span(10 * n + k) for k in range(4))), tmp_path) for n in range(3)]
    read = read_files(paths, pa.schema([SPANS.field(name) for name in KEY]))
    shuffled = read.table.take(pa.array(random.Random(7).sample(range(12), 12)))
    assert [(path, rows.tolist()) for path, rows in by_file(shuffled, read.files)] == [
        (path, [0, 1, 2, 3]) for path in paths
    ]
