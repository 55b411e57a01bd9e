"""Rubrics: strict files, variables, labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.rubric import Rubric, render_definitions, render_question

GOOD = """
name = "polite"
version = "1"
question = "Was it polite? One of {{labels}}.\\n{{ definitions }}"
direction = "maximize"
[labels]
yes = 1
no = 0.0
[definitions]
yes = "It was."
"""


def test_a_file_becomes_a_rubric(tmp_path):
    """Adding a judge is adding one file."""
    path = tmp_path / "polite.toml"
    path.write_text(GOOD)
    rubric = Rubric.from_file(path)
    assert (rubric.name, rubric.version, dict(rubric.labels)) == ("polite", "1", {"yes": 1.0, "no": 0.0})
    assert render_question(rubric) == "Was it polite? One of yes, no.\n- yes: It was."


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('version = "1"', "", "key 'version' is missing"),
        ('name = "polite"', "", "key 'name' is missing"),
        ('version = "1"', 'version = "1"\nquestoin = "x"', "unknown key 'questoin'; did you mean 'question'?"),
        ('name = "polite"', 'name = "Polite!"', "'Polite!'"),
        ("yes = 1\nno = 0.0", "yes = 1", "at least 2 labels"),
        ("no = 0.0", "no = nan", "score of label 'no' is nan"),
        ("no = 0.0", "no = inf", "score of label 'no' is inf"),
        ("no = 0.0", "no = true", "score of label 'no' is True"),
        ("no = 0.0", 'no = "0"', "score of label 'no' is '0'"),
        ("no = 0.0", f'"{"n" * 101}" = 0', "has 101 characters; allowed are 100"),
        ("no = 0.0", "YES = 0", "differ only in case"),
        ("no = 0.0", '"a, b" = 0', "label 'a, b' is not allowed"),
        ("no = 0.0", '" no" = 0', "label ' no' is not allowed"),
        ("no = 0.0", '"" = 0', "label '' is not allowed"),
        ('yes = "It was."', 'yse = "It was."', "unknown label in definitions 'yse'; did you mean 'yes'?"),
        ('yes = "It was."', "yes = 3", "definition of 'yes' is 3"),
        ('"maximize"', '"up"', "direction is 'up'; allowed: 'maximize' or 'minimize'"),
        ("{{labels}}", "{{lables}}", "unknown variable in the question 'lables'; did you mean 'labels'?"),
        ("{{labels}}", "{{session_id}}", "unknown variable in the question 'session_id'"),
        ('version = "1"', "version = 1", "version is 1; it must be a text in quotes"),
        ('version = "1"', 'version = " "', "version is ' '"),
        ("[labels]", "[labels", "is not valid UTF-8 TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_file_value_and_what_is_allowed(tmp_path, old, new, expected):
    """A rubric with a mistake would be paid for on every session before anyone notices."""
    path = tmp_path / "rubric.toml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        Rubric.from_file(path)
    assert expected in str(error.value)
    assert "rubric.toml" in str(error.value)


def test_labels_must_be_a_table(tmp_path):
    """A list of labels has no scores."""
    path = tmp_path / "rubric.toml"
    path.write_text('name = "a"\nversion = "1"\nquestion = "q"\nlabels = ["yes", "no"]\n')
    with pytest.raises(InputError, match=r"labels is \['yes', 'no'\]; it must be a table"):
        Rubric.from_file(path)


def test_unreadable_files_are_input_errors(tmp_path):
    """A wrong path, a directory and a binary file each get one clear line."""
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no such file"):
        Rubric.from_file(tmp_path / "missing.toml")
    with pytest.raises(InputError, match="cannot be read"):
        Rubric.from_file(tmp_path)
    with pytest.raises(InputError, match="not valid UTF-8 TOML"):
        Rubric.from_file(binary)


def test_rubrics_made_in_python_are_checked_too():
    """The same rules hold wherever a rubric comes from."""
    with pytest.raises(InputError, match="at least 2 labels"):
        Rubric(name="a", version="1", question="q", labels={"yes": 1.0})
    with pytest.raises(UnknownName):
        Rubric(name="a", version="1", question="{{nope}}", labels={"yes": 1.0, "no": 0.0})


def test_what_is_put_into_the_question_is_not_read_again():
    """A definition that holds a variable is text, not a template."""
    rubric = Rubric(
        name="a",
        version="1",
        question='{{definitions}} {"json": {"kept": 1}}',
        labels={"yes": 1, "no": 0},
        definitions={"yes": "says {{labels}}"},
    )
    assert render_question(rubric) == '- yes: says {{labels}} {"json": {"kept": 1}}'


def test_labels_are_matched_up_to_space_and_case_and_nothing_else():
    """A protocol deviation is not evidence about the session."""
    rubric = Rubric(name="a", version="1", question="q", labels={"Yes": 1, "no": 0})
    assert rubric.scores_of("  yES\n") == ("Yes", 1.0)
    assert rubric.scores_of("yes.") is None
    assert rubric.scores_of("") is None
    assert render_definitions(rubric) == ""


@given(st.text())
def test_any_answer_is_a_label_or_none(text):
    """No answer of a model makes the look-up fail, and only the rubric's own spelling comes out."""
    rubric = Rubric(name="a", version="1", question="q", labels={"yes": 1, "no": 0})
    found = rubric.scores_of(text)
    assert found in (None, ("yes", 1.0), ("no", 0.0))
