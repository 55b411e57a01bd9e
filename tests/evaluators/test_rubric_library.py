"""The rubrics that ship with the package."""

import pytest

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.rubric import render_question
from sessioneval.evaluators.rubric_library import rubric_named, rubric_names

LABELS = {
    "coherence": {"coherent": 1.0, "incoherent": 0.0},
    "goal_completion": {"completed": 1.0, "not_completed": 0.0},
    "frustration": {"not_frustrated": 1.0, "frustrated": 0.0},
    "correctness": {"correct": 1.0, "incorrect": 0.0},
}


@pytest.mark.parametrize("name", LABELS)
def test_the_cookbooks_judges_ship_with_their_labels(name):
    """Names, labels and scores are what users of the cookbook expect, in this order."""
    rubric = rubric_named(name)
    assert list(rubric.labels.items()) == list(LABELS[name].items())
    assert rubric.direction == "maximize"


@pytest.mark.parametrize("name", LABELS)
def test_each_question_says_what_belongs_to_it_and_what_does_not(name):
    """Four dimensions of which each also judges the others would only measure one thing four times."""
    rubric = rubric_named(name)
    text = render_question(rubric)
    assert "Belongs here:" in text
    assert "Does not belong here:" in text
    assert "Borderline:" in text
    assert "session" in text
    assert set(rubric.definitions) == set(rubric.labels)
    assert rubric.description


@pytest.mark.parametrize("name", LABELS)
def test_each_judge_answers_small_questions_before_the_label(name):
    """Questions that can be answered with yes or no agree better between models than one broad judgement."""
    checklist = rubric_named(name).checklist
    assert len(checklist) >= 2
    assert all(item.answers for item in checklist)


def test_the_library_holds_these_four():
    """A file that is added must be added to the documentation and to these tests."""
    assert set(rubric_names()) == set(LABELS)


def test_an_unknown_name_names_the_nearest():
    """A slip of the pen costs a second, not a search."""
    with pytest.raises(UnknownName, match="did you mean 'coherence'"):
        rubric_named("coherense")


@pytest.mark.parametrize("name", ["../rubrics/coherence", "coherence.toml", "", "/etc/passwd"])
def test_a_name_is_never_a_path(name):
    """What a user calls a name must not read files."""
    with pytest.raises(InputError):
        rubric_named(name)
