"""Spans with evaluations as a stream."""

import pyarrow as pa
import pytest
from span_factory import span, table, turns

from sessioneval.analysis import span_export
from sessioneval.analysis.frames import spans_df
from sessioneval.analysis.span_export import span_tables
from sessioneval.errors import StoreError
from sessioneval.runs.evaluating import evaluate
from sessioneval.sessions.selection import Selection
from sessioneval.store.store import Store


@pytest.fixture
def store(tmp_path):
    """Two judged sessions in two files, and a span of no session."""
    made = Store(tmp_path)
    made.append_spans(table(*turns(3, session="a"), span(90, trace=90, session=None)))
    made.append_spans(table(*turns(2, session="b", first=50)))
    evaluate(made, ["turn_count", "tool_errors"])
    return made


@pytest.mark.parametrize("at_once", [1, 3, 10_000])
def test_the_stream_holds_what_spans_df_holds(store, monkeypatch, at_once):
    """However many spans are in memory at once; the first table has the schema of all."""
    monkeypatch.setattr(span_export, "_SPANS_AT_ONCE", at_once)
    tables = list(span_tables(store))
    assert {part.schema.equals(tables[0].schema) for part in tables} == {True}
    frame = pa.concat_tables(tables).to_pandas().set_index("context.span_id").sort_index()
    expected = spans_df(store).set_index("context.span_id").sort_index()
    assert list(frame.columns) == list(expected.columns)
    for name in ("session_eval.turn_count.score", "session_eval.tool_errors.label", "start_time", "name"):
        assert frame[name].dropna().to_dict() == expected[name].dropna().to_dict()
    assert frame["session_eval.turn_count.score"].dropna().tolist() == [3.0, 2.0]


def test_an_evaluation_is_on_its_anchor_span_only(tmp_path):
    """Another trace may use the same span id by chance."""
    made = Store(tmp_path)
    made.append_spans(table(span(1, trace=1, session="a"), span(1, trace=2, at=5, session="b")))
    rows = evaluate(made, ["turn_count"]).evaluations
    assert [row.status for row in rows] == ["skipped", "skipped"]
    made.append_spans(table(*turns(1, session="a", first=0)))
    evaluate(made, ["turn_count"])
    judged = pa.concat_tables(span_tables(made)).to_pylist()
    assert [row["attributes.session.id"] for row in judged if row["session_eval.turn_count.score"] is not None] == ["a"]


def test_a_selection_chooses_sessions(store):
    """Spans of no session are left out then."""
    tables = list(span_tables(store, Selection(session_ids=frozenset({"b"}))))
    assert pa.concat_tables(tables).column("attributes.session.id").to_pylist() == ["b"] * 4
    assert sum(part.num_rows for part in span_tables(store, Selection(session_ids=frozenset({"nobody"})))) == 0


def test_a_wrong_store_is_told_at_the_first_table(tmp_path):
    """Before any output file is opened."""
    with pytest.raises(StoreError, match="no store at"):
        next(span_tables(tmp_path / "nowhere"))
