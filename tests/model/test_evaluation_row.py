"""Evaluations as flat rows: nothing is lost on the way to the file and back."""

from datetime import UTC, datetime, timedelta, timezone

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model.evaluation import Evaluation, Evidence, Finding, Usage
from sessioneval.model.evaluation_row import from_row, row_from_json_line, row_to_json_line, to_row
from sessioneval.model.schemas import EVALUATIONS

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
COUNT = st.integers(0, 2**63 - 1)
MOMENT = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
FINITE = st.floats(allow_nan=False, allow_infinity=False)
OBJECT = st.dictionaries(TEXT, st.none() | st.booleans() | TEXT | st.lists(st.integers()))
EVIDENCE = st.builds(Evidence, message_index=COUNT, quote=TEXT, span_id=st.none() | TEXT)
FINDING = st.builds(
    Finding,
    category=TEXT,
    severity=st.sampled_from(["low", "medium", "high"]),
    message_index=st.none() | COUNT,
    note=TEXT,
    span_id=st.none() | TEXT,
)
EVALUATION = st.builds(
    Evaluation,
    name=TEXT,
    label=st.none() | TEXT,
    score=st.none() | FINITE,
    confidence=st.none() | FINITE,
    evidence=st.lists(EVIDENCE, max_size=3).map(tuple),
    findings=st.lists(FINDING, max_size=3).map(tuple),
    fields=OBJECT,
    is_unsupported=st.booleans(),
    is_flagged=st.booleans(),
    is_injection_suspected=st.booleans(),
    n_windows=COUNT,
    n_chars_cut=COUNT,
    vote_of=st.none() | TEXT,
    sample_rate=FINITE,
    cost_usd=st.none() | FINITE,
    explanation=st.none() | TEXT,
    status=st.sampled_from(["evaluated", "failed", "skipped"]),
    reason=st.none() | TEXT,
    error=st.none() | TEXT,
    annotator_kind=st.sampled_from(["LLM", "CODE", "HUMAN"]),
    identifier=TEXT,
    model=st.none() | TEXT,
    session_id=TEXT,
    anchor_span_id=TEXT,
    transcript_digest=TEXT,
    spans_digest=TEXT,
    judged_until=st.none() | MOMENT,
    n_messages=COUNT,
    usage=st.builds(Usage, **dict.fromkeys(Usage.__dataclass_fields__, COUNT)),
    duration_seconds=st.floats(0, 1e9),
    metadata=OBJECT,
    run_id=TEXT,
    evaluation_id=TEXT,
    created_at=st.none() | MOMENT,
)


@given(EVALUATION)
def test_a_row_holds_the_whole_evaluation(evaluation):
    """What was paid for comes back as it was, through Arrow as through JSON."""
    row = to_row(evaluation)
    assert set(row) == set(EVALUATIONS.names)
    assert from_row(row) == evaluation
    assert from_row(row_from_json_line(row_to_json_line(row))) == evaluation
    (read,) = pa.Table.from_pylist([row], schema=EVALUATIONS).to_pylist()
    assert from_row(read) == evaluation


@given(EVALUATION)
def test_a_line_is_one_line(evaluation):
    """The journal is read line by line, whatever line ends the texts hold."""
    line = row_to_json_line(to_row(evaluation))
    assert line.count(b"\n") == 1
    assert line.isascii()


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 11, 20, 12, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 14, 0, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 11, 20, 12, 0),  # noqa: DTZ001 - the case
        pd.Timestamp("2026-11-20T12:00:00.000000123Z"),
        "2026-11-20T12:00:00+00:00",
        "2026-11-20T12:00:00",
    ],
)
def test_all_kinds_of_times_become_plain_utc(moment):
    """Rows come from pyarrow (datetimes or Timestamps) and from JSON (texts)."""
    read = from_row({"name": "a", "created_at": moment}).created_at
    assert read == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert type(read) is datetime


def test_missing_columns_take_defaults():
    """A file of an older version stays readable."""
    assert from_row({"name": "a"}) == Evaluation(name="a")


@pytest.mark.parametrize(
    "line",
    [b"", b"null", b"[]", b'"a"', b"{}", b'{"name": "a', b"\0\0", b"[" * 100_000, b'{"name": "a", "metadata": 3}'],
)
def test_what_is_no_row_is_a_value_error(line):
    """Readers pass over a torn or foreign line by one class of error."""
    with pytest.raises(ValueError, match="is no evaluation"):
        row_from_json_line(line)
