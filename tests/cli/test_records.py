"""Records as JSON, JSON lines, CSV and Parquet."""

import csv
import io
import json
import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.cli.records import json_text, write_records

ANY_TEXT = st.text(st.characters(codec=None, categories=None))
NESTED = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=10,
)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def written(records, columns, form):
    """Return what `write_records` writes."""
    file = io.BytesIO()
    write_records(iter(records), columns, form, file)
    return file.getvalue()


@given(st.lists(st.dictionaries(st.sampled_from("abc"), NESTED), max_size=4))
def test_json_and_json_lines_read_back_as_they_were(records):
    """Lone surrogates and control characters included; one record a line."""
    lines = written(records, "abc", "jsonl").decode("utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == records
    assert json.loads(written(records, "abc", "json").decode("utf-8")) == records


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float64("nan")])
def test_numbers_that_json_lacks_become_null(value):
    """NaN is no JSON: jq, JavaScript and DuckDB refuse it."""
    assert json_text({"a": [value, {"b": value}], "c": 1.5}) == '{"a": [null, {"b": null}], "c": 1.5}'


def test_values_of_frames_become_plain_json():
    """Times are ISO 8601 UTC with all their digits; numpy leaves no trace."""
    value = {"t": pd.Timestamp(NOON) + pd.Timedelta(1, "ns"), "n": np.int64(3), "a": np.array([1, 2]), "s": {"x"}}
    assert json_text(value) == '{"t": "2026-11-20T12:00:00.000000001Z", "n": 3, "a": [1, 2], "s": ["x"]}'


def test_json_can_not_steer_a_terminal():
    """C1 controls and bidirectional overrides are legal in JSON, so the encoder would leave them."""
    shown = json_text("\x9b2J \u202e")
    assert (shown, json.loads(shown)) == ('"\\u009b2J \\u202e"', "\x9b2J \u202e")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"])
def test_a_csv_cell_is_never_a_formula(start):
    """Spreadsheets run such texts, and texts come from strangers."""
    lines = written([{"a": f"{start}HYPERLINK(1)"}], ["a"], "csv").decode()
    assert next(csv.reader(io.StringIO(lines.partition("\n")[2], newline=""))) == [f"'{start}HYPERLINK(1)"]


def test_csv_numbers_stay_numbers():
    """A negative score is no formula."""
    assert written([{"a": -1.5, "b": -2, "c": True, "d": math.nan}], "abcd", "csv") == b"a,b,c,d\r\n-1.5,-2,true,\r\n"


@given(st.lists(ANY_TEXT.filter(lambda text: text.isascii()), min_size=1))
def test_csv_keeps_text_with_any_separator(texts):
    """Quotes, commas, line ends and NULs inside a cell survive a CSV reader."""
    data = written([{"a": text, "b": 1} for text in texts], ["a", "b"], "csv").decode()
    rows = list(csv.reader(io.StringIO(data, newline="")))[1:]
    assert [row[0].removeprefix("'") for row in rows] == [text.removeprefix("'") for text in texts]


def test_nested_values_are_json_in_csv_and_parquet():
    """Both are tables of plain cells."""
    records = [{"a": {"k": [1, "ü"]}, "t": NOON}, {"a": None, "t": NOON}]
    assert pd.read_csv(io.BytesIO(written(records, "at", "csv")))["a"][0] == '{"k": [1, "ü"]}'
    frame = pd.read_parquet(io.BytesIO(written(records, "at", "parquet")))
    assert (frame["a"].dropna().tolist(), frame["t"].tolist()) == (['{"k": [1, "ü"]}'], [NOON, NOON])


@pytest.mark.parametrize("form", ["json", "jsonl", "csv", "parquet"])
def test_no_records_are_still_a_readable_file(form):
    """A filter that matches nothing must not break the program behind the pipe."""
    data = written([], ["a", "b"], form)
    read = {"json": json.loads, "jsonl": bytes.splitlines}.get(form)
    frame = pd.DataFrame(read(data)) if read else getattr(pd, f"read_{form}")(io.BytesIO(data))
    assert len(frame) == 0


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_lone_surrogates_do_not_stop_a_table(form):
    """They are no UTF-8 and are written as escapes."""
    data = written([{"a": "x\ud800"}], ["a"], form)
    frame = pd.read_csv(io.BytesIO(data)) if form == "csv" else pd.read_parquet(io.BytesIO(data))
    assert frame["a"][0] == "x\\ud800"
