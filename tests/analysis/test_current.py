"""Which of all decisions about a session counts."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.analysis.current import current_rows, eval_columns, pivoted
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import to_row
from sessioneval.model.schemas import EVALUATIONS

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DECISION = st.fixed_dictionaries(
    {
        "session_id": st.sampled_from("xy"),
        "name": st.sampled_from(["coherence", "frustration"]),
        "identifier": st.sampled_from(["v1", "v2"]),
        "status": st.sampled_from(["evaluated", "failed", "skipped"]),
    }
)


def history(decisions):
    rows = [
        to_row(Evaluation(**decision, evaluation_id=str(n), created_at=NOON + timedelta(seconds=n)))
        for n, decision in enumerate(decisions)
    ]
    return pa.Table.from_pylist(rows, schema=EVALUATIONS)


@given(st.lists(DECISION, max_size=12))
def test_one_row_counts_for_each_pair_and_one_fingerprint_for_each_name(decisions):
    """No number may mix two judges, and no pair may count twice."""
    rows = current_rows(history(decisions))
    pairs = [(row["session_id"], row["name"]) for row in rows]
    assert len(pairs) == len(set(pairs))
    assert len({(row["name"], row["identifier"]) for row in rows}) == len({row["name"] for row in rows})


@given(st.lists(DECISION, max_size=12))
def test_the_newest_evaluated_row_wins_then_the_newest(decisions):
    """A written-out reading of the rule, row by row."""
    for row in current_rows(history(decisions)):
        same = [
            (n, each)
            for n, each in enumerate(decisions)
            if all(each[key] == row[key] for key in ("session_id", "name", "identifier"))
        ]
        evaluated = [n for n, each in same if each["status"] == "evaluated"]
        assert row["evaluation_id"] == str(max(evaluated) if evaluated else same[-1][0])


def test_pivot_has_a_column_for_every_evaluator_and_values_of_the_evaluated():
    """A column of nulls says that an evaluator ran and judged nothing; no column says that it never ran."""
    rows = [
        {"session_id": "x", "name": "a", "status": "evaluated", "label": "l", "score": 0.0, "explanation": None},
        {"session_id": "y", "name": "b", "status": "failed", "label": None, "score": None, "explanation": None},
    ]
    assert pivoted(rows) == {
        "x": {"session_eval.a.label": "l", "session_eval.a.score": 0.0, "session_eval.a.explanation": None}
    }
    assert eval_columns(rows) == [f"session_eval.{n}.{f}" for n in "ab" for f in ("label", "score", "explanation")]
