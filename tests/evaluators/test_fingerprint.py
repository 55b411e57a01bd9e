"""Fingerprints of evaluators."""

from datetime import timedelta

import pytest

from sessioneval.evaluators.code import evaluator
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric import Rubric

BASE = {"name": "polite", "version": "1", "question": "Polite?", "labels": {"yes": 1, "no": 0}}


def identifier(judge_options=None, **rubric):
    options = {"model": "m", "base_url": "http://localhost/v1", **(judge_options or {})}
    return Judge(Rubric(**{**BASE, **rubric}), **options).identifier


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2"},
        {"question": "Was it polite?"},
        {"labels": {"yes": 1, "no": 0.5}},
        {"labels": {"no": 0, "yes": 1}},
        {"definitions": {"yes": "always"}},
        {"name": "kind"},
        {"judge_options": {"model": "n"}},
        {"judge_options": {"temperature": 0.5}},
        {"judge_options": {"seed": 7}},
    ],
)
def test_whatever_may_change_a_verdict_changes_the_fingerprint(change):
    """Evaluations of two instruments must never be mixed in one number or reused for each other."""
    assert identifier(**change) != identifier()


@pytest.mark.parametrize(
    "change",
    [
        {"description": "for people"},
        {"judge_options": {"timeout": timedelta(seconds=5)}},
        {"judge_options": {"max_retries": 0}},
        {"judge_options": {"api_key": "another-key"}},
    ],
)
def test_what_cannot_change_a_verdict_keeps_it(change):
    """Nothing is paid twice because of a time-out or a new key."""
    assert identifier(**change) == identifier()


def test_changed_code_is_another_evaluator():
    """A code evaluator that was edited must not pass for its old self."""

    @evaluator(name="same")
    def one(transcript):
        return len(transcript.messages)

    @evaluator(name="same")
    def two(transcript):
        return len(transcript.messages) + 1

    made_without_source = evaluator(name="same")(eval("lambda transcript: 3"))
    assert len({one.identifier, two.identifier, made_without_source.identifier}) == 3
