"""The sign test of shadow comparisons."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.analysis.sign_test import sign_test_p

COUNT = st.integers(0, 200)


@pytest.mark.parametrize(("wins", "losses", "p"), [(9, 1, 22 / 1024), (5, 0, 2 / 32), (3, 3, 1.0), (20, 8, 0.035698)])
def test_known_values(wins, losses, p):
    """Binomial tables; 20 of 28 as R's binom.test gives it."""
    assert sign_test_p(wins, losses) == pytest.approx(p, abs=1e-6)


@given(COUNT, COUNT)
def test_it_is_a_probability_and_knows_no_side(wins, losses):
    """Two-sided."""
    assert 0 < sign_test_p(wins, losses) <= 1
    assert sign_test_p(wins, losses) == sign_test_p(losses, wins)


def test_a_negative_count_is_refused():
    """A bug upstream."""
    with pytest.raises(ValueError, match="-1"):
        sign_test_p(-1, 3)
