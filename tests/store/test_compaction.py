"""Compaction changes nothing that can be read, whatever interrupts it and whoever reads meanwhile."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_factory import span, table, turns

from sessioneval.model import columns as c
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.schemas import SPANS
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.store.compaction import Compaction, compact
from sessioneval.store.layout import table_files
from sessioneval.store.store import Store

APPS = Path(__file__).parent / "apps"
ROWS = [*turns(3, session="a"), *turns(2, session="b", first=100), span(500, session=None, at=90_000)]


def contents(store):
    """Return all rows of a store, each span once, in an order of their own."""
    rows = store.load_spans(store.span_index(), SPANS.names).to_pylist()
    return sorted(rows, key=lambda row: (row[c.TRACE_ID], row[c.SPAN_ID]))


def evaluation(number):
    return Evaluation(
        name="coherence",
        label="coherent",
        score=1.0,
        session_id=f"s{number}",
        evaluation_id=str(number),
        created_at=datetime(2026, 11, 20 + number % 2, number, tzinfo=UTC),
    )


def read_all(directory):
    listing = list_sessions(Store(directory))
    return [transcript.to_dict() for transcript in read_transcripts(listing)]


@settings(max_examples=25)
@given(deliveries=st.lists(st.integers(0, len(ROWS) - 1), max_size=20), data=st.data())
def test_compaction_changes_no_row_and_no_transcript(tmp_path_factory, deliveries, data):
    """Spans are a set: split into files and repeated in any way, they read the same before and after."""
    store = Store(tmp_path_factory.mktemp("store"))
    sent = data.draw(st.permutations([*range(len(ROWS)), *deliveries]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        store.append_spans(table(*(ROWS[n] for n in sent[start:end])))
    before, said_before = contents(store), read_all(store.path)
    assert before == sorted(table(*ROWS).to_pylist(), key=lambda row: (row[c.TRACE_ID], row[c.SPAN_ID]))
    done = compact(store)
    assert contents(store) == before
    assert read_all(store.path) == said_before
    # ROWS lie on two days.
    assert done.files_after == len(table_files(store.path, "spans")) == 2
    assert compact(store) == Compaction(
        files_before=2, files_after=2, bytes_before=done.bytes_after, bytes_after=done.bytes_after
    )


def test_compacted_files_hold_each_row_once_for_any_tool(tmp_path):
    """Tools that know nothing of duplicates see them until a compaction; after it they must not."""
    store = Store(tmp_path)
    for _ in range(3):
        store.append_spans(table(*ROWS))
    done = compact(store)
    ids = duckdb.sql(f"select parent_id from read_parquet('{tmp_path}/spans/**/*.parquet')").fetchall()
    assert len(ids) == len(ROWS)
    assert done.duplicates_removed == 2 * len(ROWS)
    assert done.files_before == 6


def test_evaluations_are_compacted_too(tmp_path):
    """Each run adds a file; their rows are history, so none may go."""
    store = Store(tmp_path)
    for number in range(6):
        store.append_evaluations([evaluation(number)])
    before = store.evaluations().to_pylist()
    assert compact(store).files_after == 2
    assert store.evaluations().to_pylist() == before


def test_unreadable_files_stay_where_they_are(tmp_path):
    """What cannot be read may be repaired by hand one day; deleting it would be for ever."""
    store = Store(tmp_path)
    (folder,) = {path.parent for _ in range(2) for path in store.append_spans(table(*turns(1)))}
    (folder / "bad.parquet").write_bytes(b"damaged")
    done = compact(store)
    assert (folder / "bad.parquet").read_bytes() == b"damaged"
    assert (done.files_before, done.files_after) == (3, 2)
    assert len(contents(store)) == 2


@pytest.mark.parametrize(
    ("theirs", "later", "kept"),
    [
        (pa.array([1, 2]), None, [1, 2, None, None]),
        (pa.array([{"a": 1}, None]), None, [{"a": 1}, None, None, None]),
        (pa.array([1, 2], pa.int32()), pa.array([2**40, 5]), [1, 2, 2**40, 5]),
        (pa.array([1, 2]), pa.array(["three", "four"]), ["1", "2", "three", "four"]),
    ],
    ids=["new", "nested", "wider", "disagreeing"],
)
def test_columns_of_other_writers_survive(tmp_path, theirs, later, kept):
    """Nothing is dropped: a column that this version does not know belongs to somebody."""
    store = Store(tmp_path)
    rows = table(*turns(2))
    store.append_spans(rows.slice(0, 2).append_column("of.the.future", theirs))
    store.append_spans(rows.slice(2) if later is None else rows.slice(2).append_column("of.the.future", later))
    compact(store)
    (path,) = table_files(tmp_path, "spans")
    read = pq.read_table(path, partitioning=None).sort_by(c.SPAN_ID)
    assert read.column("of.the.future").to_pylist() == kept


def test_kill_at_any_step_of_a_compaction_loses_nothing(tmp_path):
    """Between publishing the merged file and deleting the old ones rows stand twice, which is harmless."""
    store = Store(tmp_path / "store")
    for part in (ROWS[:5], ROWS[3:8], ROWS[6:]):
        store.append_spans(table(*part))
    store.append_evaluations([evaluation(0)])
    store.append_evaluations([evaluation(2)])
    (tmp_path / "copies").mkdir()
    run = subprocess.run(
        [sys.executable, APPS / "killed_midway.py", "compact", store.path, tmp_path / "copies"],
        capture_output=True,
        text=True,
        check=True,
    )
    # Spans: 2 syncs, a rename, 3 removals and a sync; evaluations: one removal less.
    assert int(run.stdout) >= 13
    for copy in sorted((tmp_path / "copies").iterdir()):
        survivor = Store(copy)
        assert contents(survivor) == contents(store), copy.name
        assert survivor.evaluations().equals(store.evaluations())
        compact(survivor)
        assert contents(survivor) == contents(store), copy.name


def test_readers_beside_appends_and_compactions_never_fail(tmp_path):
    """An exporter and a nightly compaction run while a notebook reads: no error, nothing missing, no torn session."""
    Store(tmp_path).append_spans(table(*turns(3, session="first", first=900_000)))
    writer = subprocess.Popen(
        [sys.executable, APPS / "busy_writer.py", tmp_path, "a", "40", "2"], env={"PYTHONPATH": _tests_path()}
    )
    seen = 0
    while writer.poll() is None:
        said = read_all(tmp_path)
        assert len(said) >= seen
        # A session is appended as one file, so it is whole or not there.
        assert {len(one["messages"]) for one in said} == {7}
        seen = len(said)
    assert writer.returncode == 0
    assert len(read_all(tmp_path)) == 41


def _tests_path():
    return str(Path(__file__).parents[1])


@pytest.mark.parametrize("compact_every", [0, 3, 1])
def test_two_processes_write_one_store(tmp_path, compact_every):
    """Two workers of a web server export to one directory, without a lock."""
    apps = [
        subprocess.Popen(
            [sys.executable, APPS / "busy_writer.py", tmp_path, name, "15", str(compact_every)],
            env={"PYTHONPATH": _tests_path()},
        )
        for name in ("a", "b")
    ]
    assert [app.wait() for app in apps] == [0, 0]
    said = read_all(tmp_path)
    assert sorted(one["session_id"] for one in said) == sorted(f"{name}-{n:03}" for name in "ab" for n in range(15))
    assert {one["n_spans"] for one in said} == {6}


def test_old_listing_finds_its_rows_after_a_compaction(tmp_path):
    """A run lists the sessions at its start and reads them for hours; the files may be compacted meanwhile."""
    store = Store(tmp_path)
    for row in ROWS:
        store.append_spans(table(row))
    listing = list_sessions(store)
    before = [transcript.to_dict() for transcript in read_transcripts(listing)]
    compact(store)
    assert [transcript.to_dict() for transcript in read_transcripts(listing)] == before


def test_spans_deleted_since_the_listing_are_left_out(tmp_path):
    """Somebody who deletes a day while a run reads it must not end the run."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(2, session="kept")))
    (gone,) = store.append_spans(table(*turns(2, session="gone", first=100)))
    listing = list_sessions(store)
    gone.unlink()
    n_messages = {made.session_id: len(made.messages) for made in read_transcripts(listing)}
    assert n_messages == {"kept": 5, "gone": 0}


def test_leftovers_of_crashed_writers_are_removed_after_a_day(tmp_path):
    """They are invisible, so nobody else would ever remove them; a young one may still be being written."""
    made = Store(tmp_path)
    (folder,) = {path.parent for path in made.append_spans(table(*ROWS))[:1]}
    old, young = folder / ".1.tmp", folder / ".2.tmp"
    for path in (old, young):
        path.write_bytes(b"half")
    spilled = folder / ".3.spill.tmp"
    spilled.mkdir()
    (spilled / "1.arrows").write_bytes(b"rows")
    two_days_ago = time.time() - 2 * 24 * 3600
    for path in (old, spilled):
        os.utime(path, (two_days_ago, two_days_ago))
    compact(made)
    assert (old.exists(), young.exists(), spilled.exists()) == (False, True, False)
