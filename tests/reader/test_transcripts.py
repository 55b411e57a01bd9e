"""Transcripts as tables and as a stream: one read of each file, bounded memory, the same answers as the exact path."""

import logging
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sessions import sessions
from shared_data import DATA, RECORDINGS, needs_data, needs_recordings
from span_factory import table, transcripts, turns

from benchmarks.generator import write
from sessioneval.errors import SessionEvalError
from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c
from sessioneval.reader.exact_path import exact_transcript
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.session_spans import session_spans
from sessioneval.reader.transcripts import read_transcripts, transcript_tables
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_view import COLUMNS, span_views
from sessioneval.store.row_groups import RowGroups
from sessioneval.store.store import Store

TINY = 64 << 10


def exact(listing):
    """Return the transcripts of all sessions by the exact path, without the columnar one."""
    spans = session_spans(listing, [stored.rows for stored in listing.sessions], COLUMNS)
    return [
        assemble(stored.session, span_views(rows), stored.faults)
        for stored, rows in zip(listing.sessions, spans, strict=True)
    ]


def in_order(transcripts):
    return sorted(transcripts, key=lambda made: (made.session.start_time, made.session_id))


@pytest.mark.parametrize("memory", [512 << 20, TINY])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(sessions(), st.data())
def test_any_files_and_any_memory_give_the_exact_transcripts(tmp_path_factory, memory, rows, data):
    """Sessions are spread over files as they come, and wait on disk where memory is short."""
    store = Store(tmp_path_factory.mktemp("store"))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(rows)), max_size=4)))
    for start, end in zip([0, *cuts], [*cuts, len(rows)], strict=True):
        if rows[start:end]:
            store.append_spans(table(*rows[start:end]))
    listing = list_sessions(store)
    assert in_order(read_transcripts(listing, memory_bytes=memory)) == transcripts(*rows)


def test_interleaved_sessions_wait_on_disk(tmp_path):
    """An exporter writes a file a minute, and a session's spans lie in many of them."""
    store = Store(tmp_path)
    chats = [turns(12, session=f"s{n:03}", first=100 * n) for n in range(60)]
    for step in range(0, 24, 2):
        store.append_spans(table(*(row for rows in chats for row in rows[step : step + 2])))
    listing = list_sessions(store)
    made = in_order(read_transcripts(listing, memory_bytes=TINY))
    assert [each.session_id for each in made] == [f"s{n:03}" for n in range(60)]
    assert made == exact(listing)
    tables = list(transcript_tables(listing, memory_bytes=TINY))
    assert sorted(name for each in tables for name in each.column("session_id").to_pylist()) == [
        f"s{n:03}" for n in range(60)
    ]


@pytest.mark.parametrize("kind", ["chat", "agent", "lanes"])
def test_generated_sessions_take_the_columnar_path(tmp_path, kind, caplog):
    """The benchmarks would measure nothing if these were assembled span by span."""
    caplog.set_level(logging.DEBUG, "sessioneval.reader")
    write(tmp_path, 300, kind, "small")
    n_sessions = sum(each.num_rows for each in transcript_tables(list_sessions(Store(tmp_path))))
    assert n_sessions >= 20
    assert f"{n_sessions} sessions on columns and 0 span by span" in caplog.text


def test_fault_of_the_columnar_path_leaves_the_sessions_to_the_exact_one(tmp_path, caplog):
    """Speed is no reason to lose a session, even where the fault is ours."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(2), *turns(2, session="t", first=50)))
    listing = list_sessions(store)
    broken = replace(listing, grouping=replace(listing.grouping, parent="no parents at all"))
    assert list(read_transcripts(broken)) == exact(listing)
    assert "2 sessions cannot be assembled on columns" in caplog.text


def test_session_that_cannot_be_assembled_is_accounted_for(tmp_path, caplog):
    """One bad session never stops the rest: it comes without messages, and the log says why."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(1, session="bad")))
    listing = list_sessions(store)
    (stored,) = listing.sessions
    made = exact_transcript(replace(stored, faults="no faults at all"), store.load_spans(listing.index, COLUMNS))
    assert (made.messages, made.loss.spans_ignored) == ((), {"not_assembled": made.loss.spans_seen})
    assert "'bad' cannot be assembled" in caplog.text


def test_selected_sessions_read_only_the_row_groups_that_hold_them(tmp_path, monkeypatch):
    """Choosing a few sessions of a large store must not read all its messages."""
    write(tmp_path, 60_000, "chat", "small", compacted=True)
    read = []
    real = RowGroups.read
    monkeypatch.setattr(RowGroups, "read", lambda self, group, leaves: read.append(group) or real(self, group, leaves))
    listing = list_sessions(Store(tmp_path), Selection(session_ids=frozenset({"session-7", "session-8"})))
    assert len(list(read_transcripts(listing))) == 2
    (path,) = tmp_path.glob("spans/*/*.parquet")
    assert (set(read), pq.read_metadata(path).num_row_groups) == ({0}, 3)


def test_a_session_that_is_asked_for_twice_comes_once(tmp_path):
    """The files set the order, so a repeat has no place of its own, and must not be paid for twice."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(2), *turns(2, session="t", first=50)))
    listing = list_sessions(store)
    asked = [listing.sessions[1], listing.sessions[0], listing.sessions[1]]
    assert [each.session_id for each in read_transcripts(listing, asked)] == ["s", "t"]


def test_file_removed_after_the_listing_is_found_again(tmp_path):
    """A compaction may move all rows between the listing and the reading."""
    store = Store(tmp_path)
    (old,) = store.append_spans(table(*turns(3)))
    listing = list_sessions(store)
    old.rename(old.with_name("moved.parquet"))
    (made,) = read_transcripts(listing)
    assert len(made.messages) == 7
    assert old.with_name("moved.parquet").exists()


def _stored(paths, folder):
    store = Store(folder)
    for path in paths:
        for batch in read_source(path):
            if batch.table.num_rows:
                store.append_spans(batch.table)
    return list_sessions(store)


@needs_recordings
def test_recordings_read_the_same_on_both_paths(tmp_path):
    """What real instrumentors write must not depend on which path a session takes."""
    for number, path in enumerate(sorted(RECORDINGS.glob("*.jsonl"))):
        try:
            listing = _stored([path], tmp_path / str(number))
        except SessionEvalError:
            continue
        assert in_order(read_transcripts(listing)) == exact(listing), path.name


@needs_data
@pytest.mark.parametrize("name", sorted(each.name for each in DATA.iterdir() if each.is_dir()) if DATA else [])
def test_labelled_sessions_read_the_same_on_both_paths(tmp_path, name):
    """The same for the labelled sets."""
    listing = _stored(sorted((DATA / name).glob("traces*")), tmp_path)
    assert in_order(read_transcripts(listing)) == exact(listing)


def test_columns_of_the_tables_are_those_of_the_objects(tmp_path):
    """Tables are for programs that want no objects; they must say the same."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(3)))
    listing = list_sessions(store)
    (made,) = transcript_tables(listing)
    (row,) = made.to_pylist()
    (transcript,) = read_transcripts(listing)
    assert row["anchor_span_id"] == transcript.session.anchor_span_id
    assert row["start_time"].to_pydatetime() == transcript.session.start_time
    assert [each["content"] for each in row["messages"]] == [each.content for each in transcript.messages]
    assert row["loss"]["spans_used"] == transcript.loss.spans_used
    assert c.SESSION_ID not in made.column_names
