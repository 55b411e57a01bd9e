"""Names of evaluators become columns in other people's systems."""

import pytest

from sessioneval.errors import InputError
from sessioneval.model.evaluation import Usage, check_evaluator_name


@pytest.mark.parametrize("name", ["coherence", "a", "goal_completion_2"])
def test_allowed_names_are_returned(name):
    """The name is used as it is."""
    assert check_evaluator_name(name) == name


@pytest.mark.parametrize("name", ["", "Coherence", "2nd", "_a", "goal-completion", "a b", "é", "a\n", "a.b", None, 3])
def test_other_names_are_refused(name):
    """Arize drops columns with anything else in their name, without a word."""
    with pytest.raises(InputError, match="is not allowed"):
        check_evaluator_name(name)


def test_usage_adds_up():
    """A repaired answer was paid for twice."""
    one = Usage(calls=1, input_tokens=10, cached_tokens=4, output_tokens=2)
    assert one + one + Usage() == Usage(calls=2, input_tokens=20, cached_tokens=8, output_tokens=4)
