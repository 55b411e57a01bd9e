"""Truths from a file."""

import json

import pytest

from sessioneval.errors import InputError
from sessioneval.testing.oracle import Truth
from sessioneval.testing.truth_file import read_truths


def test_lines_become_truths(tmp_path):
    """Cohort and findings may be left out; empty lines do not count."""
    path = tmp_path / "truth.jsonl"
    rows = [
        {"first_user_message": "a", "labels": {"q": "good"}},
        {"first_user_message": "b", "labels": {"q": "bad"}, "cohort": "x", "findings": [{"note": "n"}]},
    ]
    path.write_text("\n\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_truths(path) == {
        "a": Truth(labels={"q": "good"}),
        "b": Truth(labels={"q": "bad"}, cohort="x", findings=({"note": "n"},)),
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "line 1 of .* is not JSON"),
        ("[]", "has to hold first_user_message"),
        ('{"first_user_message": "a", "labels": []}', "has to hold first_user_message"),
        ('{"first_user_message": "a", "labels": {}}\n' * 2, "line 2 of .* earlier line"),
    ],
)
def test_other_lines_are_refused_by_their_number(tmp_path, text, says):
    """The message names the line and what it has to hold."""
    path = tmp_path / "truth.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_truths(path)


def test_a_file_that_is_not_there_is_one_clear_error(tmp_path):
    """The message names it."""
    with pytest.raises(InputError, match="cannot read the truths in"):
        read_truths(tmp_path / "no.jsonl")
