"""Stitching a store: opt-in, visible, stable, and without touching a span."""

import pytest
from span_factory import assistant, llm, table, user

from sessioneval.analysis.frames import evaluations_df, sessions_df, transcript
from sessioneval.errors import InputError
from sessioneval.reader.listing import list_sessions
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.stitching import stitch_store
from sessioneval.store.store import Store

TALK = [
    ("My parcel is late.", "Which order is it?"),
    ("Order 17.", "It comes on Monday."),
    ("Thank you.", "You are welcome."),
]


def turn(number, talk=TALK, *, trace, session=None):
    """Return the span of a turn in a trace of its own, with the history before it."""
    history = [message for asked, said in talk[:number] for message in (user(asked), assistant(said))]
    asked, said = talk[number]
    return llm(trace, [*history, user(asked)], [assistant(said)], trace=trace, session=session, at=10 * trace)


@pytest.fixture
def store(tmp_path):
    """Three traces of one talk, one trace of another, none with a session id; and a session with one."""
    made = Store(tmp_path / "traces")
    made.append_spans(table(*(turn(number, trace=number + 1) for number in range(3))))
    made.append_spans(table(turn(0, [("Hello?", "Hello, how can I help?")], trace=7)))
    made.append_spans(table(turn(0, [("Named.", "Yes.")], trace=9, session="named")))
    return made


def test_without_it_spans_without_an_id_belong_to_no_session(store):
    """Opt-in: nobody's numbers change by themselves."""
    listing = list_sessions(store)
    assert [one.session.session_id for one in listing.sessions] == ["named"]
    assert listing.n_spans_without_session == 4


def test_traces_become_sessions_with_a_confidence(store):
    """The talk is read whole, and the column says how sure it is; a real id has none."""
    done = stitch_store(store)
    assert (done.n_traces, done.n_new_traces, done.n_sessions, done.n_joined) == (4, 4, 2, 1)
    frame = sessions_df(store)
    assert frame["n_traces"].tolist() == [3, 1, 1]
    assert frame["stitch_confidence"].tolist()[:2] == [1.0, 1.0]
    assert frame["stitch_confidence"].isna().tolist() == [False, False, True]
    talk = transcript(store, frame.index[0])
    assert [message.content for message in talk.messages] == [text for pair in TALK for text in pair]


def test_stitched_sessions_are_judged_like_others(store):
    """Evaluations are joined by session, so the id must stay."""
    stitch_store(store)
    assert evaluate(store, ["turn_count"]).progress.evaluated == 3
    assert sorted(evaluations_df(store)["score"]) == [1, 1, 3]


def test_a_second_time_changes_nothing(store):
    """No file, no id."""
    stitch_store(store)
    files, ids = sorted(store.path.glob("stitches/*")), list(sessions_df(store).index)
    assert stitch_store(store).n_new_traces == 0
    assert sorted(store.path.glob("stitches/*")) == files
    assert list(sessions_df(store).index) == ids


def test_a_later_trace_joins_the_session_that_is_there(tmp_path):
    """Traffic goes on; what was judged keeps its id."""
    store = Store(tmp_path)
    store.append_spans(table(turn(1, trace=2)))
    stitch_store(store)
    (before,) = sessions_df(store).index
    store.append_spans(table(turn(0, trace=1), turn(2, trace=3)))
    assert stitch_store(store).n_new_traces == 2
    frame = sessions_df(store)
    assert frame.loc[before, "n_traces"] == 2
    assert len(frame) == 2


def test_an_id_that_a_span_carries_counts_more(store):
    """A span with the session id arrives late: the trace belongs to that session."""
    stitch_store(store)
    named = turn(0, [("Hello?", "Hello, how can I help?")], trace=7, session="real")
    store.append_spans(table(dict(named, **{"context.span_id": f"{99:016x}"})))
    assert set(sessions_df(store).index) >= {"real", "named"}
    assert sessions_df(store).loc["real", "n_traces"] == 1


def test_a_doubtful_link_is_not_made(tmp_path):
    """A shortened history joins at half the confidence, which a user may refuse."""
    store = Store(tmp_path)
    store.append_spans(table(turn(0, trace=1), turn(1, trace=2), turn(1, TALK[1:], trace=3)))
    assert stitch_store(store, min_confidence=0.9).n_sessions == 2
    assert stitch_store(store, min_confidence=0.5).n_sessions == 2, (
        "links that were not made stay sessions of their own"
    )


def test_undoing_it_is_removing_a_folder(store):
    """The spans were never changed."""
    stitch_store(store)
    for path in store.path.glob("stitches/*"):
        path.unlink()
    assert list(sessions_df(store).index) == ["named"]


@pytest.mark.parametrize("confidence", [-0.1, 1.5, float("nan")])
def test_a_confidence_that_is_none_is_refused(store, confidence):
    """50 instead of 0.5."""
    with pytest.raises(InputError, match="min_confidence"):
        stitch_store(store, confidence)
