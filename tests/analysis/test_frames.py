"""Frames for notebooks: evaluations stand on the anchor row of their session, and nowhere else."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from span_factory import eventful_session, llm, span, span_id, table, trace_id, turns, user

from sessioneval.analysis.frames import evaluations_df, sessions_df, spans_df, transcript
from sessioneval.errors import StoreError, UnknownName
from sessioneval.model import columns as c
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.schemas import EVALUATIONS, SPANS
from sessioneval.reader.listing import list_sessions
from sessioneval.sessions.selection import Selection
from sessioneval.store.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOSTILE_IDS = ["../../x", "a\u0000b", "x" * 5_000, "🦜", "\u202ereversed", "<b>", "None", "nan"]


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    made.append_spans(table(*eventful_session(), *turns(2, session="b", first=100), span(999, trace=999, session=None)))
    return made


def judged(store, session_id="s", *, minutes=0, **fields):
    """Write an evaluation of a session as it is now."""
    found = next(each.session for each in list_sessions(store).sessions if each.session.session_id == session_id)
    evaluation = Evaluation(
        **{
            "name": "coherence",
            "label": "coherent",
            "score": 1.0,
            "explanation": "clear",
            "identifier": "v1",
            "session_id": session_id,
            "anchor_span_id": found.anchor_span_id,
            "spans_digest": found.spans_digest,
            "evaluation_id": f"{session_id}-{minutes}-{fields}",
            "created_at": NOON + timedelta(minutes=minutes),
        }
        | fields
    )
    store.append_evaluations([evaluation])
    return evaluation


def eval_rows(frame, name="coherence"):
    """Return the rows that show an evaluation: (trace, span) to label, score, explanation."""
    columns = [f"session_eval.{name}.{field}" for field in ("label", "score", "explanation")]
    shown = frame[frame[columns].notna().any(axis=1)]
    return {(row[c.TRACE_ID], row[c.SPAN_ID]): tuple(row[columns]) for _, row in shown.iterrows()}


def test_spans_df_shows_evaluations_on_the_anchor_row_only(store):
    """The cookbook's notebooks filter for rows where the column is not null."""
    judged(store)
    judged(store, "b", label="incoherent", score=0.0, explanation="no")
    frame = spans_df(store)
    assert len(frame) == 18 + 4 + 1
    assert eval_rows(frame) == {
        (trace_id(1), span_id(1)): ("coherent", 1.0, "clear"),
        (trace_id(101), span_id(101)): ("incoherent", 0.0, "no"),
    }
    assert list(frame.columns[: len(SPANS.names)]) == SPANS.names
    assert frame[c.START_TIME].is_monotonic_increasing


def test_null_is_null_in_every_column_type(store):
    """A missing score must be missing, not 0 and not the text "nan"."""
    judged(store, label=None, score=None)
    frame = spans_df(store)
    (row,) = eval_rows(frame).values()
    assert [pd.isna(value) for value in row] == [True, True, False]
    assert str(frame["session_eval.coherence.score"].dtype) == "float64"


def test_evaluation_follows_an_anchor_that_moves(store):
    """An earlier span arrives late; the evaluation belongs to the session, not to the span."""
    judged(store)
    store.append_spans(table(span(77, trace=77, at=-50)))
    assert list(eval_rows(spans_df(store))) == [(trace_id(77), span_id(77))]


def test_same_span_id_in_another_trace_is_another_row(tmp_path):
    """Span ids are unique within a trace only; a second session must not wear the first one's score."""
    made = Store(tmp_path)
    made.append_spans(table(span(1, trace=1, session="a"), span(1, trace=2, session="b", at=1)))
    judged(made, "a")
    assert list(eval_rows(spans_df(made))) == [(trace_id(1), span_id(1))]


def test_selected_spans_df_has_the_selected_sessions_only(store):
    """Spans of no session belong to no selection."""
    judged(store, "b")
    frame = spans_df(store, Selection(session_ids=frozenset({"b"})))
    assert len(frame) == 4
    assert len(eval_rows(frame)) == 1
    assert len(spans_df(store, Selection(session_ids=frozenset({"nobody"})))) == 0


def test_newest_evaluated_row_counts(store):
    """A failure after a good judgement does not take it away; a newer judgement replaces it."""
    judged(store, label="incoherent", score=0.0, minutes=1)
    judged(store, label="coherent", score=1.0, minutes=2)
    judged(store, label=None, score=None, status="failed", reason="JudgeUnavailable", minutes=3)
    assert [row[0] for row in eval_rows(spans_df(store)).values()] == ["coherent"]
    assert list(evaluations_df(store)["label"]) == ["coherent"]
    assert list(evaluations_df(store, history=True)["status"]) == ["evaluated", "evaluated", "failed"]


def test_failures_and_skips_answer_why_there_is_no_score(store):
    """The column stands there, empty, and the reason in the evaluations."""
    judged(store, label=None, score=None, explanation=None, status="failed", reason="JudgeRefused", minutes=1)
    judged(store, "b", label=None, score=None, explanation=None, status="skipped", reason="not_idle")
    assert eval_rows(spans_df(store)) == {}
    frame = evaluations_df(store).set_index("session_id")
    assert dict(frame["reason"]) == {"s": "JudgeRefused", "b": "not_idle"}
    assert frame["score"].isna().all()


def test_fingerprints_are_never_mixed(store):
    """A number over two rubric versions means nothing: the one that judged last counts, for all sessions."""
    judged(store, "s", identifier="v1", label="incoherent", score=0.0)
    judged(store, "b", identifier="v1", label="incoherent", score=0.0)
    judged(store, "s", identifier="v2", minutes=1)
    judged(store, "b", identifier="v3", status="failed", label=None, score=None, minutes=2)
    frame = sessions_df(store)
    assert frame["session_eval.coherence.label"].isna().to_dict() == {"s": False, "b": True}
    assert frame.loc["s", "session_eval.coherence.score"] == 1.0
    older = sessions_df(store, identifiers={"coherence": "v1"})
    assert list(older["session_eval.coherence.label"]) == ["incoherent", "incoherent"]


def test_sessions_df_has_one_row_a_session_with_its_counts(store):
    """It is the frame that reports begin with."""
    judged(store)
    frame = sessions_df(store)
    assert list(frame.index) == ["b", "s"]
    row = frame.loc["s"]
    assert (row["n_spans"], row["n_traces"], row["n_messages"], row["n_turns"], row["n_tool_calls"]) == (
        18,
        8,
        12,
        4,
        2,
    )
    assert row["duration_seconds"] == 81.0
    assert row["is_complete"]
    assert row["metadata"] == {"plan": "pro"}
    assert row["loss.spans_ignored"] + row["loss.spans_used"] == 18
    assert row["session_eval.coherence.label"] == "coherent"
    assert pd.isna(frame.loc["b", "session_eval.coherence.label"])


def test_session_that_went_on_is_stale(store):
    """A score of yesterday's half of the conversation must show that it is one."""
    judged(store)
    judged(store, "b", label=None, score=None, status="skipped", reason="not_idle")
    stale = sessions_df(store)["session_eval.coherence.is_stale"]
    assert stale.isna().to_dict() == {"s": False, "b": True}
    assert not stale["s"]
    store.append_spans(table(llm(500, [user("more")], trace=500, at=99)))
    assert sessions_df(store).loc["s", "session_eval.coherence.is_stale"]


def test_store_without_evaluations_has_no_evaluation_columns(store):
    """The first look at imported traces comes before any judging."""
    for frame in (spans_df(store), sessions_df(store)):
        assert not [name for name in frame.columns if name.startswith("session_eval")]
    assert len(evaluations_df(store)) == 0
    assert list(evaluations_df(store).columns) == EVALUATIONS.names


def test_empty_store_gives_empty_frames_with_their_columns(tmp_path):
    """An app that has not yet said a word: `df[column]` must not raise."""
    (tmp_path / "spans").mkdir()
    assert list(spans_df(tmp_path).columns) == SPANS.names
    frame = sessions_df(tmp_path)
    assert len(frame) == 0
    assert {"n_turns", "duration_seconds", "loss.spans_ignored", "anchor_span_id"} <= set(frame.columns)
    assert frame.index.name == "session_id"
    assert len(evaluations_df(tmp_path)) == 0


@pytest.mark.parametrize("session_id", HOSTILE_IDS, ids=lambda text: ascii(text)[:12])
def test_hostile_session_ids_are_only_text(tmp_path, session_id):
    """They are keys of joins and rows of an index, whatever they look like."""
    made = Store(tmp_path)
    made.append_spans(table(*turns(1, session=session_id), *turns(1, session="plain", first=50)))
    judged(made, session_id)
    frame = sessions_df(made)
    assert frame.loc[session_id, "session_eval.coherence.label"] == "coherent"
    assert pd.isna(frame.loc["plain", "session_eval.coherence.label"])
    assert len(eval_rows(spans_df(made))) == 1
    assert transcript(made, session_id).session_id == session_id


def test_transcript_comes_with_the_evaluations_that_count(store):
    """`show` prints both."""
    judged(store, minutes=0, label="incoherent")
    judged(store, minutes=1)
    judged(store, name="frustration", label=None, score=None, status="skipped", reason="not_idle")
    judged(store, "b")
    made = transcript(store, "s")
    assert [(each.name, each.label or each.reason) for each in made.evaluations] == [
        ("coherence", "coherent"),
        ("frustration", "not_idle"),
    ]
    assert "coherence = coherent (1): clear" in str(made)


def test_unknown_session_names_the_nearest(store):
    """Ids are typed by hand."""
    with pytest.raises(UnknownName, match=r"unknown session 'bb'; did you mean 'b'\? Known: b, s"):
        transcript(store, "bb")


@pytest.mark.parametrize("frame_of", [spans_df, sessions_df, evaluations_df, lambda path: transcript(path, "s")])
def test_wrong_path_is_a_store_error(tmp_path, frame_of):
    """An empty frame would hide the typing mistake."""
    with pytest.raises(StoreError, match="no store at"):
        frame_of(tmp_path / "trcaes")
