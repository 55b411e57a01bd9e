"""Sessions and transcripts of a store do not depend on how its rows came to be there."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_factory import eventful_session, llm, said, span, table, transcripts, turns, user

from sessioneval.model import columns as c
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.sessions.selection import Selection
from sessioneval.store.store import Store

ROWS = [*eventful_session(), *turns(2, session="other", first=100), span(999, trace=999, session=None)]


def read(store, **options):
    return [made.to_dict() for made in read_transcripts(list_sessions(store, **options))]


def in_memory(rows):
    return [made.to_dict() for made in transcripts(*rows)]


@settings(max_examples=40)
@given(st.lists(st.integers(0, len(ROWS) - 1), max_size=10), st.data())
def test_any_order_repetition_and_batching_gives_the_same_transcripts(tmp_path_factory, again, data):
    """Delivery is at least once, in any order, in any batches; the conversation was one."""
    sent = data.draw(st.permutations([*range(len(ROWS)), *again]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=5)))
    store = Store(tmp_path_factory.mktemp("store"))
    for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        store.append_spans(table(*(ROWS[number] for number in sent[start:end])))
    assert read(store) == in_memory(ROWS)


TIED = [
    # Span ids are unique within a trace only, and clocks are coarse.
    llm(1, [user("one")], [], trace=1),
    llm(1, [user("two")], [], trace=2),
    llm(2, [user("three")], [], trace=1),
    span(3, trace=3, INPUT_VALUE="four", USER_ID="u3"),
    span(3, trace=4, INPUT_VALUE="five", USER_ID="u4"),
]


@given(st.permutations(TIED))
def test_ties_in_time_and_id_are_broken_the_same_way(rows):
    """Where nothing else decides, the order of rows must not."""
    assert in_memory(rows) == in_memory(TIED)
    assert [made.session for made in transcripts(*rows)] == [made.session for made in transcripts(*TIED)]


def test_many_sessions_are_read_in_chunks_without_mixing(tmp_path):
    """Message columns are read some thousand spans at a time; borders must not shift a span."""
    store = Store(tmp_path)
    sessions = [turns(3, session=f"s{n:04}", first=100 * n) for n in range(800)]
    store.append_spans(table(*(row for rows in sessions for row in rows[::2])))
    store.append_spans(table(*(row for rows in reversed(sessions) for row in rows[1::2])))
    listing = list_sessions(store)
    made = list(read_transcripts(listing))
    assert sorted(each.session_id for each in made) == [f"s{n:04}" for n in range(800)]
    for each in made:
        assert said(each)[1] == f"user: question 0 of {each.session_id}"
        assert len(each.messages) == 7
    some = [listing.sessions[n] for n in (799, 0, 400)]
    assert {each.session_id for each in read_transcripts(listing, some)} == {"s0799", "s0000", "s0400"}


def test_selection_limits_what_is_listed(tmp_path):
    """Filters are applied before any message is read."""
    store = Store(tmp_path)
    store.append_spans(table(*ROWS))
    listing = list_sessions(store, Selection(session_ids=frozenset({"other"})))
    assert [found.session.session_id for found in listing.sessions] == ["other"]
    assert listing.n_spans_without_session == 1
    assert len(read(store, selection=Selection(session_ids=frozenset({"other"})))) == 1


def test_empty_store_has_no_sessions(tmp_path):
    """The first look at a new store is no error."""
    listing = list_sessions(Store(tmp_path))
    assert (list(listing.sessions), list(read_transcripts(listing))) == ([], [])


def test_custom_completion_marker_is_found(tmp_path):
    """The app's own key stands in the JSON of all other attributes."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(1), span(50, trace=50, at=60, ATTRIBUTES='{"app.state": "over"}')))
    (found,) = list_sessions(store, completion=("app.state", "over")).sessions
    assert found.session.is_complete
    assert not list_sessions(store).sessions[0].session.is_complete


@pytest.mark.parametrize("damage", ["empty", "torn"])
def test_unreadable_file_is_listed_beside_the_good_ones(tmp_path, damage):
    """The user must learn that spans are missing, and see the rest."""
    store = Store(tmp_path)
    (path,) = store.append_spans(table(*turns(2)))
    bad = path.with_name("bad.parquet")
    bad.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-100])
    listing = list_sessions(store)
    assert [item.path for item in listing.unreadable] == [bad]
    assert len(next(read_transcripts(listing)).messages) == 5


def test_spans_of_another_delivery_replace_the_unfinished_ones(tmp_path):
    """An exporter may send a span when it starts and again when it ends."""
    store = Store(tmp_path)
    rows = turns(1)
    unfinished = [{**row, c.END_TIME: row[c.START_TIME], c.OUTPUT_MESSAGES: None} for row in rows]
    store.append_spans(table(*rows))
    store.append_spans(table(*unfinished))
    assert read(store) == in_memory(rows)
