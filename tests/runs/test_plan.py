"""What is left to do is sessions x evaluators minus what is done, and every "no" has a reason."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.code import evaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import to_row
from sessioneval.model.schemas import EVALUATIONS
from sessioneval.model.session import Session
from sessioneval.reader import StoredSession
from sessioneval.runs.plan import History, plan
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.loss import SessionFaults

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@evaluator
def first(_):
    """Always 1."""
    return 1.0


@evaluator
def second(_):
    """Always 2."""
    return 2.0


BOTH = (first, second)


def session(number, *, digest="d1"):
    made = Session(
        session_id=f"s{number}",
        anchor_span_id="a",
        start_time=NOON,
        end_time=NOON + timedelta(minutes=number),
        n_spans=1,
        n_traces=1,
        spans_digest=digest,
    )
    return StoredSession(session=made, rows=np.array([number]), faults=SessionFaults())


def decided(number, by, *, minutes=0, **fields):
    return Evaluation(
        **{
            "name": by.name,
            "identifier": by.identifier,
            "session_id": f"s{number}",
            "spans_digest": "d1",
            "transcript_digest": "t1",
            "created_at": NOON + timedelta(minutes=minutes),
        }
        | fields
    )


def history(*evaluations):
    return History(pa.Table.from_pylist([to_row(each) for each in evaluations], schema=EVALUATIONS))


def planned(made):
    return [(item.stored.session.session_id, [each.name for each in item.evaluators]) for item in made.due]


def test_everything_is_due_in_a_new_store():
    """Sessions keep their order, evaluators of one session stay together: its transcript is read once."""
    made = plan([session(1), session(0)], BOTH, history(), DueRule(), NOON)
    assert planned(made) == [("s1", ["first", "second"]), ("s0", ["first", "second"])]
    assert (made.n_planned, made.n_reused, made.skips) == (4, 0, ())


def test_only_what_is_missing_is_due():
    """A second evaluator added later must not judge again with the first."""
    made = plan(
        [session(0), session(1)],
        BOTH,
        history(decided(0, first), decided(0, second), decided(1, second)),
        DueRule(),
        NOON,
    )
    assert planned(made) == [("s1", ["first"])]
    assert made.n_reused == 3


@pytest.mark.parametrize(
    "change",
    [
        {"spans_digest": "d0"},
        {"identifier": "older version"},
        {"status": "failed"},
        {"status": "skipped", "reason": "not_idle"},
        {"name": "another"},
        {"session_id": "s1"},
    ],
    ids=str,
)
def test_other_spans_fingerprints_and_failures_do_not_count_as_done(change):
    """Each of these would show yesterday's answer to another question, or none."""
    made = plan([session(0)], [first], history(decided(0, first, **change)), DueRule(), NOON)
    assert planned(made) == [("s0", ["first"])]


def test_judgement_of_earlier_spans_counts_again_when_they_return():
    """History is a set: it does not matter what was decided in between."""
    past = history(decided(0, first, minutes=0), decided(0, first, minutes=1, spans_digest="d2", status="failed"))
    assert plan([session(0)], [first], past, DueRule(), NOON).n_reused == 1


def test_same_text_over_other_spans_is_known():
    """A late database span changes the session, not the conversation."""
    past = history(decided(0, first, spans_digest="d0"))
    found = past.judgement("s0", first, "t1")
    assert (found.session_id, found.identifier, found.transcript_digest) == ("s0", first.identifier, "t1")
    assert past.judgement("s0", second, "t1") is None
    assert past.judgement("s0", first, "t2") is None
    assert not past.has_judged_spans(session(0).session, first)


def test_skips_have_reasons_and_are_new_once():
    """The question "why is there no score" has an answer, and a nightly run does not repeat it every night."""
    rule = DueRule(idle=timedelta(hours=1))
    new = plan([session(0)], BOTH, history(decided(0, first)), rule, NOON)
    assert [(skip.evaluator.name, skip.reason) for skip in new.skips] == [("second", "not_idle")]
    assert new.n_reused == 1
    skipped = decided(0, second, status="skipped", reason="not_idle", minutes=1)
    again = plan([session(0)], BOTH, history(decided(0, first), skipped), rule, NOON)
    assert (again.skips, again.standing_skips) == ((), Counter(not_idle=1))


@pytest.mark.parametrize(
    "later", [{"status": "failed", "reason": "JudgeRefused"}, {"status": "skipped", "reason": "not_sampled"}]
)
def test_skip_is_written_again_when_something_else_was_said_since(later):
    """The newest row must be the true answer."""
    rule = DueRule(idle=timedelta(hours=1))
    past = history(decided(0, first, status="skipped", reason="not_idle"), decided(0, first, minutes=1, **later))
    assert [skip.reason for skip in plan([session(0)], [first], past, rule, NOON).skips] == ["not_idle"]


STATUS = st.sampled_from(["evaluated", "failed", "skipped"])
DECISIONS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(BOTH), STATUS), max_size=10)


@given(DECISIONS, st.sampled_from([DueRule(), DueRule(sample=0.5), DueRule(idle=timedelta(minutes=2))]))
def test_every_pair_is_judged_reused_or_skipped(decisions, rule):
    """Nothing is forgotten and nothing is done twice."""
    past = [decided(number, by, status=status, minutes=n) for n, (number, by, status) in enumerate(decisions)]
    made = plan([session(number) for number in range(4)], BOTH, history(*past), rule, NOON + timedelta(minutes=3))
    assert made.n_planned + made.n_reused + len(made.skips) + made.standing_skips.total() == 8
