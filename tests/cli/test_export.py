"""`sessioneval export`."""

import csv
import json

import duckdb
import pandas as pd
import pytest

from sessioneval.analysis.frames import spans_df

LABEL = "session_eval.unanswered_session.label"


@pytest.fixture
def judged(run, store):
    """The store with evaluations of the sessions of one user."""
    run("evaluate", store, "unanswered_session", "--user", "ada")
    return store


def read(path):
    """Read an export as pandas users do."""
    if path.suffix == ".jsonl":
        return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])
    return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl", ".CSV"])
def test_an_export_is_spans_df_as_a_file(run, judged, tmp_path, ending):
    """Same columns, same spans; evaluations on the anchor rows only."""
    path = tmp_path / f"spans{ending}"
    result = run("export", judged, "-o", path)
    assert (result.exit_code, result.stderr) == (0, f"6 spans written to {str(path)!r}\n")
    frame, expected = read(path.rename(path.with_suffix(ending.lower()))), spans_df(judged)
    assert list(frame.columns) == list(expected.columns)
    labels = dict(zip(frame["context.span_id"].astype(str).str.zfill(16), frame[LABEL], strict=True))
    wanted = dict(zip(expected["context.span_id"], expected[LABEL], strict=True))
    assert {key: label for key, label in labels.items() if isinstance(label, str)} == {
        key: label for key, label in wanted.items() if isinstance(label, str)
    }
    assert sum(isinstance(label, str) for label in labels.values()) == 2


def test_parquet_keeps_types_and_duckdb_reads_it(run, judged, tmp_path):
    """Messages stay nested, times stay times, null stays null."""
    run("export", judged, "-o", tmp_path / "x.parquet")
    query = f"""select "context.span_id", "{LABEL}", "attributes.llm.input_messages"[2]['message.content']
        from '{tmp_path / "x.parquet"}' where "{LABEL}" is not null order by start_time"""
    rows = duckdb.sql(query).fetchall()
    assert [row[1:3] for row in rows] == [
        ("answered", "Question 0 about the long division of numbers?"),
        ("unanswered", "Question 0 about the long division of numbers?"),
    ]
    assert str(pd.read_parquet(tmp_path / "x.parquet").dtypes["start_time"]) == "datetime64[ns, UTC]"


def test_csv_holds_no_formula(run, make_store, chat, tmp_path):
    """A user who writes =HYPERLINK(...) must not reach the analyst's spreadsheet."""
    store = make_store(*chat("=cmd|'/c calc'!A0", user__id="@evil", turns=1))
    run("export", store, "-o", tmp_path / "x.csv")
    with (tmp_path / "x.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["attributes.session.id"] == "'=cmd|'/c calc'!A0"
    assert row["attributes.user.id"] == "'@evil"
    assert json.loads(row["attributes.llm.output_messages"])[0]["message.content"] == "Answer 0."


def test_filters_choose_sessions_and_leave_out_spans_of_none(run, make_store, chat, tmp_path):
    """Without a filter every span is exported."""
    lonely = chat("x", 5, turns=1)[0]
    lonely["attributes"] = []
    store = make_store(*chat("s"), lonely)
    run("export", store, "-o", tmp_path / "all.parquet")
    run("export", store, "-o", tmp_path / "some.parquet", "--session", "s")
    run("export", store, "-o", tmp_path / "none.parquet", "--session", "nobody")
    sizes = [len(pd.read_parquet(tmp_path / name)) for name in ("all.parquet", "some.parquet", "none.parquet")]
    assert sizes == [3, 2, 0]


def test_a_wrong_store_leaves_the_old_file(run, tmp_path):
    """Nothing is opened before the store is."""
    old = tmp_path / "old.csv"
    old.write_text("old")
    assert run("export", tmp_path / "nowhere", "-o", old).exit_code == 1
    assert old.read_text() == "old"
