"""Shares of labels with their intervals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.analysis.proportions import label_shares, wilson_interval
from sessioneval.errors import InputError


def row(name, label, status="evaluated"):
    return {"name": name, "label": label, "status": status, "session_id": "s"}


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_published_examples_come_out(successes, n, low, high):
    """Newcombe, Statistics in Medicine 17 (1998), table I, method 3."""
    assert [round(bound, 4) for bound in wilson_interval(successes, n)] == [low, high]


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_the_interval_holds_the_share_and_stays_a_share(first, second):
    """For all counts, also none and all."""
    successes, n = sorted((first, second))
    low, high = wilson_interval(successes, n)
    assert 0 <= low <= high <= 1
    assert n == 0 or low <= successes / n <= high


@given(st.integers(0, 1_000), st.integers(0, 1_000))
def test_the_interval_is_symmetric_in_success_and_failure(first, second):
    """It must not matter which of two labels is counted."""
    successes, n = sorted((first, second))
    low, high = wilson_interval(successes, n)
    assert wilson_interval(n - successes, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(-1, 5), (6, 5), (0, -1)])
def test_impossible_counts_are_refused(successes, n):
    """They are a bug of the caller, not an interval."""
    with pytest.raises(InputError, match="no proportion"):
        wilson_interval(successes, n)


def test_failures_and_skips_are_in_no_share():
    """A failed judgement is never a low score; labels that no session has are shown with 0."""
    rows = [row("a", "good"), row("a", "good"), row("a", "bad"), row("a", None, "failed"), row("b", None, "skipped")]
    shares = label_shares(rows, {"a": ["bad", "good", "ugly"], "b": ["yes", "no"]})
    assert [(s.name, s.label, s.n, s.of) for s in shares] == [
        ("a", "bad", 1, 3),
        ("a", "good", 2, 3),
        ("a", "ugly", 0, 3),
    ]


def test_labels_that_an_evaluator_did_not_announce_count_too():
    """A code evaluator may give free labels."""
    assert [(s.label, s.n) for s in label_shares([row("a", "new")], {"a": []})] == [("new", 1)]
