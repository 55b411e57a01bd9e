"""Medians of scores with their intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.analysis.medians import median_interval, score_medians


def coverage(n, rank):
    """Return the exact chance that the rank-th smallest and largest of n values enclose the median."""
    return 1 - 2 * sum(math.comb(n, below) for below in range(rank)) / 2**n


@pytest.mark.parametrize("n", [6, 7, 10, 20, 57, 100, 999])
def test_the_interval_covers_95_percent_and_no_narrower_one_does(n):
    """Exact binomial arithmetic in integers against the floats of the code."""
    low, high = median_interval(range(1, n + 1))
    assert coverage(n, low) >= 0.95 > coverage(n, low + 1)
    assert high == n + 1 - low


def test_few_values_have_no_interval():
    """With 5 values even the whole range covers only 93.75 %."""
    assert [median_interval(range(n)) for n in range(6)] == [None] * 6


@pytest.mark.parametrize("n", [1_001, 5_000])
def test_the_approximation_for_many_values_is_off_by_at_most_a_rank(n):
    """Where the exact sum would leave the floats."""
    low, _ = median_interval(range(1, n + 1))
    assert coverage(n, low - 1) >= 0.95
    assert coverage(n, low + 2) < 0.95


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=200))
def test_the_interval_does_not_depend_on_order_and_holds_the_median(values):
    """Ties included."""
    low, high = median_interval(values)
    assert (low, high) == median_interval(values[::-1])
    assert low <= sorted(values)[len(values) // 2] <= high


def test_only_scores_without_label_are_medians():
    """A label's score is the label again; failures have no score."""
    rows = [
        {"name": "turns", "status": "evaluated", "label": None, "score": 3.0},
        {"name": "turns", "status": "evaluated", "label": None, "score": 5.0},
        {"name": "turns", "status": "failed", "label": None, "score": None},
        {"name": "goal", "status": "evaluated", "label": "completed", "score": 1.0},
    ]
    assert [(m.name, m.n, m.median, m.low) for m in score_medians(rows)] == [("turns", 2, 4.0, None)]
