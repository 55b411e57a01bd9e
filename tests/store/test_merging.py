"""Merging is the same under any budget, and its memory is that of the budget, not that of the day."""

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_factory import span, table, turns

from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.store.compaction import compact
from sessioneval.store.distinct_rows import distinct_rows
from sessioneval.store.layout import table_files
from sessioneval.store.publication import publish
from sessioneval.store.session_buckets import SessionBuckets
from sessioneval.store.store import Store

APPS = Path(__file__).parent / "apps"
DAY = "date=2026-11-20"


def merged(tmp_path, tables, memory_bytes):
    """Return the rows of one day's files after a compaction, in file order."""
    for rows in tables:
        publish(rows, tmp_path / "spans" / DAY)
    compact(Store(tmp_path), memory_bytes=memory_bytes)
    (path,) = table_files(tmp_path, "spans")
    return pq.ParquetFile(path).read()


def many_sessions():
    named = [table(*turns(4, session=f"s{n}", first=1 + 100 * n)) for n in range(5)]
    nameless = table(*(span(50_000 + n, session=None, at=n % 7) for n in range(40)))
    return [*named, nameless, named[3], nameless.slice(5, 10)]


def test_a_budget_of_any_size_gives_the_same_file(tmp_path):
    """Buckets on disk are an emergency exit, not another meaning; rows without session make several buckets."""
    wide = merged(tmp_path / "wide", many_sessions(), 1 << 30)
    for memory_bytes in (1, 2_000_000):
        assert merged(tmp_path / str(memory_bytes), many_sessions(), memory_bytes).equals(wide)
        assert [path.name for path in (tmp_path / str(memory_bytes) / "spans").rglob(".*")] == []
    ordered = wide.sort_by([(c.SESSION_ID, "ascending"), (c.START_TIME, "ascending"), (c.SPAN_ID, "ascending")])
    assert wide.equals(ordered)
    assert wide.num_rows == len({(row[c.TRACE_ID], row[c.SPAN_ID]) for row in wide.to_pylist()})


def test_rows_of_one_session_lie_in_few_row_groups(tmp_path):
    """Looking up one session reads the row groups whose statistics admit it."""
    for n in range(6):
        spans = [span(1 + 10 * k + n, session=f"s{k:02}", INPUT_VALUE=f"{n} {k} " * 3_000) for k in range(10)]
        publish(table(*spans), tmp_path / "spans" / DAY)
    compact(Store(tmp_path), memory_bytes=1)
    (path,) = table_files(tmp_path, "spans")
    footer = pq.read_metadata(path)
    assert footer.num_row_groups > 3
    number = footer.schema.names.index(c.SESSION_ID)
    bounds = [footer.row_group(group).column(number).statistics for group in range(footer.num_row_groups)]
    known = [(each.min, each.max) for each in bounds if each.has_min_max]
    assert all(before[1] <= after[0] for before, after in pairwise(known))


def test_texts_stay_texts_for_every_reader(tmp_path):
    """Merging works on dictionary codes; the file's schema must not tell."""
    read = merged(tmp_path, many_sessions(), 50_000)
    assert dict(zip(read.schema.names, read.schema.types, strict=True)) == dict(
        zip(SPANS.names, SPANS.types, strict=True)
    )


def test_equal_hashes_do_not_make_spans_equal(tmp_path):
    """A compaction deletes for good, so what looks equal is compared letter by letter: "" and null hash alike."""
    moments = pa.array([1, 1], SPANS.field(c.END_TIME).type)
    rows = pa.table({c.TRACE_ID: ["", None], c.SPAN_ID: ["a", "a"], c.END_TIME: moments})
    path = publish(rows, tmp_path)
    assert distinct_rows([path], [c.TRACE_ID, c.SPAN_ID], c.END_TIME, 10)[path].tolist() == [True, True]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12), st.integers(1, 20_000))
@settings(max_examples=20)
def test_the_newest_delivery_is_kept_whatever_the_budget(tmp_path_factory, deliveries, memory_bytes):
    """The later end wins, as it does for every reader; a tie keeps one."""
    folder = tmp_path_factory.mktemp("files")
    files = [publish(table(span(1 + key, seconds=end)), folder) for key, end in deliveries]
    kept = distinct_rows(files, [c.TRACE_ID, c.SPAN_ID], c.END_TIME, memory_bytes)
    found = [delivery for delivery, path in zip(deliveries, files, strict=True) if kept[path][0]]
    assert sorted(found) == sorted({key: max(e for k, e in deliveries if k == key) for key, _ in deliveries}.items())


def test_borders_divide_large_sessions_by_time():
    """A day without any session id is one session as far as buckets are concerned."""
    buckets = SessionBuckets([((True, ""), 10), ((True, ""), 20), ((False, "m"), 5)])
    sessions = pa.array(["a", "m", "m", "z", None, None, None])
    times = pa.array([9, 4, 5, 0, 9, 10, 99], pa.timestamp("ns"))
    assert buckets.of(sessions, times).tolist() == [0, 0, 1, 1, 1, 2, 3]


def test_a_file_damaged_inside_is_left_alone(tmp_path):
    """Its footer is good, so the damage shows in the middle of the merge; the others are merged all the same."""
    for rows in many_sessions()[:3]:
        publish(rows, tmp_path / "spans" / DAY)
    bad = table_files(tmp_path, "spans")[1]
    data = bytearray(bad.read_bytes())
    footer_bytes = int.from_bytes(data[-8:-4], "little")
    data[4 : len(data) - 8 - footer_bytes] = b"\xff" * (len(data) - 12 - footer_bytes)
    bad.write_bytes(data)
    done = compact(Store(tmp_path))
    assert (done.files_before, done.files_after) == (3, 2)
    assert bad.read_bytes() == data


@pytest.mark.parametrize("memory_mib", [32])
def test_memory_is_that_of_the_budget(tmp_path, memory_mib):
    """A day of twice the spans needs no more memory: measured in a process of its own."""
    peaks = []
    for n_files in (10, 20):
        store = tmp_path / str(n_files)
        run = subprocess.run(
            [sys.executable, APPS / "compacted_day.py", store, str(n_files), str(memory_mib << 20)],
            env={"PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        )
        peaks.append(int(run.stdout))
    assert peaks[1] < 1.3 * peaks[0]
    assert peaks[1] < 3 * memory_mib << 20


def test_files_of_other_writers_are_merged(tmp_path):
    """Old files lack columns, and other tools write large texts: both become the store's types."""
    rows = table(*turns(2))
    few = rows.slice(0, 2).select([c.TRACE_ID, c.SPAN_ID, c.START_TIME, c.END_TIME, c.INPUT_MESSAGES])
    large = rows.slice(2).set_column(
        rows.schema.get_field_index(c.SESSION_ID),
        c.SESSION_ID,
        rows.slice(2).column(c.SESSION_ID).cast(pa.large_string()),
    )
    for part in (few, large):
        (tmp_path / "spans" / DAY).mkdir(parents=True, exist_ok=True)
        pq.write_table(part, tmp_path / "spans" / DAY / f"{part.num_columns}.parquet")
    read = merged(tmp_path, [], 1 << 20).sort_by([(c.SPAN_ID, "ascending")])
    assert read.column(c.SESSION_ID).to_pylist() == [None, None, "s", "s"]
    assert read.column(c.INPUT_MESSAGES).to_pylist() == rows.column(c.INPUT_MESSAGES).to_pylist()
