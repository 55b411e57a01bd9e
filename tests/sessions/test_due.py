"""When a session is due: sampled by its id, settled or complete."""

import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.model.session import Session
from sessioneval.sessions.due import DueRule, sampling_point

ENDED = datetime(2026, 11, 20, 12, tzinfo=UTC)

# Fixed for ever: another hash would silently choose other sessions after an upgrade.
POINTS = {
    "chat-42": 0.10495162459645146,
    "chat-1": 0.9176569622229864,
    "chat-2": 0.09377660993607739,
    "": 0.8894159948913373,
    "a": 0.7913742705223815,
    "A": 0.3343950995498688,
    "../../x": 0.6127840466943244,
    "a\x00b": 0.3503790903157433,
    "\U0001f99c": 0.9451059500309158,
    "\u202ex": 0.47976543410159334,
    " ": 0.21353006031982424,
    "0": 0.374708855291631,
    "00": 0.9426767570326854,
    "tau-air-003-0-8aab8c": 0.4365234572166081,
    "dices-003-91ccb0": 0.027870523424743943,
    "user/1/\xe9": 0.4293911271813997,
    "e\u0301": 0.7463754702031704,
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx": 0.7404975869014969,
    "session": 0.2469931796474507,
    "\ud83d": 0.4590906537419913,
}


def session(session_id="s", *, is_complete=False):
    return Session(
        session_id=session_id,
        anchor_span_id="a",
        start_time=ENDED,
        end_time=ENDED,
        n_spans=1,
        n_traces=1,
        is_complete=is_complete,
    )


@pytest.mark.parametrize("session_id", POINTS, ids=ascii)
def test_sampling_point_never_changes(session_id):
    """The same sessions must be chosen by every run, process, machine and version."""
    assert sampling_point(session_id) == POINTS[session_id]


def test_sampling_does_not_depend_on_the_hash_seed():
    """Python's own hash differs in every process."""
    code = "from sessioneval.sessions.due import sampling_point; print(sampling_point('chat-42'))"
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "123"}, capture_output=True, text=True, check=True
    )
    assert float(run.stdout) == POINTS["chat-42"]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("pattern", ["chat-{}", "{}", "user/{:08d}/session"])
def test_share_of_sessions_is_the_rate(share, pattern):
    """Ids that only count up must not fall to one side."""
    n_ids = 20_000
    chosen = sum(sampling_point(pattern.format(n)) < share for n in range(n_ids))
    sigma = math.sqrt(n_ids * share * (1 - share))
    assert abs(chosen - n_ids * share) < 3 * sigma


@given(st.text(), st.floats(0, 1), st.floats(0, 1))
def test_rates_nest(session_id, low, high):
    """Raising the rate must keep what was judged already."""
    low, high = sorted((low, high))
    reasons = [DueRule(sample=share).reason_to_skip(session(session_id), ENDED) for share in (low, high)]
    assert reasons in ([None, None], ["not_sampled", None], ["not_sampled", "not_sampled"])


@given(st.text())
def test_all_and_none_are_exact(session_id):
    """Sampling 1.0 must not lose the unlucky one, nor 0.0 choose it."""
    assert DueRule(sample=1.0).reason_to_skip(session(session_id), ENDED) is None
    assert DueRule(sample=0.0).reason_to_skip(session(session_id), ENDED) == "not_sampled"


@pytest.mark.parametrize(
    ("rule", "is_complete", "idle_seconds", "reason"),
    [
        (DueRule(), False, 0, None),
        (DueRule(idle=timedelta(minutes=10)), False, 599, "not_idle"),
        (DueRule(idle=timedelta(minutes=10)), False, 600, None),
        (DueRule(idle=timedelta(minutes=10)), True, 0, None),
        (DueRule(completed_only=True), False, 10**6, "not_complete"),
        (DueRule(completed_only=True), True, 0, None),
        (DueRule(completed_only=True, idle=timedelta(minutes=10)), True, 0, None),
        (DueRule(sample=0.0, completed_only=True), False, 0, "not_sampled"),
        # A clock behind the app's: the session ended in our future.
        (DueRule(), False, -60, None),
        (DueRule(idle=timedelta(minutes=10)), False, -60, "not_idle"),
    ],
)
def test_session_is_settled_when_idle_or_marked(rule, is_complete, idle_seconds, reason):
    """A conversation that goes on would be judged, and paid for, twice."""
    now = ENDED + timedelta(seconds=idle_seconds)
    assert rule.reason_to_skip(session(is_complete=is_complete), now) == reason


@pytest.mark.parametrize(
    "wrong", [{"sample": -0.1}, {"sample": 5}, {"sample": math.nan}, {"idle": timedelta(seconds=-1)}], ids=str
)
def test_impossible_rule_is_refused(wrong):
    """`--sample 5` was meant as five per cent."""
    with pytest.raises(InputError, match="use a"):
        DueRule(**wrong)
