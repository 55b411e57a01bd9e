"""What is left to do is sessions x evaluators minus what is done, and every "no" has a reason."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_factory import span, table

from sessioneval.evaluators.code import evaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import to_row
from sessioneval.model.schemas import EVALUATIONS
from sessioneval.reader.listing import list_sessions
from sessioneval.runs.history import History
from sessioneval.runs.plan import plan
from sessioneval.sessions.due import DueRule
from sessioneval.store.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
# In store order: by start, and s1 starts before s0.
N_SESSIONS = 4


@evaluator
def first(_):
    """Always 1."""
    return 1.0


@evaluator
def second(_):
    """Always 2."""
    return 2.0


BOTH = (first, second)


@pytest.fixture(scope="module")
def listing(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("traces"))
    rows = [span(n + 1, trace=n + 1, session=f"s{n}", at=60 * n, seconds=60) for n in range(N_SESSIONS)]
    store.append_spans(table(*rows))
    return list_sessions(store)


@pytest.fixture
def decided(listing):
    """Make a decision about a session as it is, or as the fields say."""
    digests = {stored.session.session_id: stored.session.spans_digest for stored in listing.sessions}

    def make(number, by, *, minutes=0, **fields):
        known = {
            "name": by.name,
            "identifier": by.identifier,
            "session_id": f"s{number}",
            "spans_digest": digests[f"s{number}"],
            "transcript_digest": "t1",
            "created_at": NOON + timedelta(minutes=minutes),
        }
        return Evaluation(**(known | fields))

    return make


def history(*evaluations):
    return History(pa.Table.from_pylist([to_row(each) for each in evaluations], schema=EVALUATIONS))


def planned(made):
    """Return who judges each session."""
    names = {stored.session.session_id: made.evaluators_of(stored.session.session_id) for stored in made.due}
    return {session_id: [each.name for each in evaluators] for session_id, evaluators in names.items()}


def test_everything_is_due_in_a_new_store(listing):
    """Nothing is known, so all is to do."""
    made = plan(listing, BOTH, history(), DueRule(), NOON)
    assert planned(made) == {f"s{number}": ["first", "second"] for number in range(N_SESSIONS)}
    assert (made.n_planned, made.n_reused, list(made.skips)) == (8, 0, [])


def test_only_what_is_missing_is_due(listing, decided):
    """A second evaluator added later must not judge again with the first."""
    past = [decided(0, first), decided(0, second), decided(1, second)]
    made = plan(listing, BOTH, history(*past), DueRule(), NOON)
    assert planned(made) == {"s1": ["first"], "s2": ["first", "second"], "s3": ["first", "second"]}
    assert (made.n_planned, made.n_reused) == (5, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"spans_digest": "d0"},
        {"identifier": "older version"},
        {"status": "failed"},
        {"status": "skipped", "reason": "not_idle"},
        {"name": "another"},
        {"session_id": "s1"},
        {"vote_of": "a panel"},
    ],
    ids=str,
)
def test_other_spans_fingerprints_failures_and_votes_do_not_count_as_done(listing, decided, change):
    """Each of these would show yesterday's answer to another question, or none."""
    made = plan(listing, [first], history(decided(0, first, **change)), DueRule(), NOON)
    assert "s0" in planned(made)


def test_judgement_of_earlier_spans_counts_again_when_they_return(listing, decided):
    """History is a set: it does not matter what was decided in between."""
    later = decided(0, first, minutes=1, spans_digest="d2", status="failed")
    assert plan(listing, [first], history(decided(0, first), later), DueRule(), NOON).n_reused == 1


def test_same_text_over_other_spans_is_known(listing, decided):
    """A late database span changes the session, not the conversation."""
    past = history(decided(0, first, spans_digest="d0"))
    assert "s0" in planned(plan(listing, BOTH, past, DueRule(), NOON))
    found = past.judgement("s0", first, "t1")
    assert (found.session_id, found.identifier, found.transcript_digest) == ("s0", first.identifier, "t1")
    assert past.judgement("s0", second, "t1") is None
    assert past.judgement("s0", first, "t2") is None


def test_skips_have_reasons_and_are_new_once(listing, decided):
    """The question "why is there no score" has an answer, and a nightly run does not repeat it every night."""
    rule = DueRule(sample=0.0)
    new = plan(listing, BOTH, history(decided(0, first)), rule, NOON)
    assert Counter((skip.evaluator.name, skip.reason) for skip in new.skips) == {
        ("first", "not_sampled"): 3,
        ("second", "not_sampled"): 4,
    }
    assert new.n_reused == 1
    skipped = decided(0, second, status="skipped", reason="not_sampled", minutes=1)
    again = plan(listing, BOTH, history(decided(0, first), skipped), rule, NOON)
    assert (len(again.skips), again.standing_skips) == (6, Counter(not_sampled=1))


@pytest.mark.parametrize(
    "later", [{"status": "failed", "reason": "JudgeRefused"}, {"status": "skipped", "reason": "not_idle"}]
)
def test_skip_is_written_again_when_something_else_was_said_since(listing, decided, later):
    """The newest row must be the true answer."""
    past = history(decided(0, first, status="skipped", reason="not_sampled"), decided(0, first, minutes=1, **later))
    made = plan(listing, [first], past, DueRule(sample=0.0), NOON)
    assert "s0" in {skip.session.session_id for skip in made.skips}


def test_retrying_the_failed_leaves_all_else_alone(listing, decided):
    """Someone who paid for a broken night asks for those sessions only; what failed and then worked is done."""
    past = [
        decided(0, first, status="failed", reason="JudgeUnavailable"),
        decided(1, first, status="failed", reason="JudgeUnavailable"),
        decided(1, first, minutes=1),
        decided(2, first, status="skipped", reason="not_idle"),
        decided(3, second, status="failed", reason="JudgeRefused"),
        decided(3, second, status="skipped", reason="not_idle", minutes=1),
    ]
    made = plan(listing, BOTH, history(*past), DueRule(), NOON, only_failed=True)
    assert planned(made) == {"s0": ["first"]}
    assert (made.n_planned, made.n_reused, list(made.skips)) == (1, 1, [])


STATUS = st.sampled_from(["evaluated", "failed", "skipped"])
DECISIONS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(BOTH), STATUS), max_size=10)
RULES = st.sampled_from([DueRule(), DueRule(sample=0.5), DueRule(idle=timedelta(minutes=2))])


@settings(deadline=None)
@given(decisions=DECISIONS, rule=RULES)
def test_every_pair_is_judged_reused_or_skipped(listing, decisions, rule):
    """Nothing is forgotten and nothing is done twice."""
    digests = {stored.session.session_id: stored.session.spans_digest for stored in listing.sessions}
    past = [
        Evaluation(
            name=by.name,
            identifier=by.identifier,
            session_id=f"s{number}",
            spans_digest=digests[f"s{number}"],
            status=status,
            created_at=NOON + timedelta(minutes=n),
        )
        for n, (number, by, status) in enumerate(decisions)
    ]
    made = plan(listing, BOTH, history(*past), rule, NOON + timedelta(minutes=3))
    assert made.n_planned == sum(map(len, planned(made).values()))
    assert made.n_planned + made.n_reused + len(made.skips) + made.standing_skips.total() == 8
