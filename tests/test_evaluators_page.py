"""The tables of evaluators say what the registry holds, row by row."""

import re
from pathlib import Path

import pytest
from evaluators_tables import coded, fields_of, rows, table

from sessioneval.evaluators.agent_success import FAILURE_TYPES
from sessioneval.evaluators.derived import derived_rubric
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.origins import source_of
from sessioneval.evaluators.registry import names, resolve
from sessioneval.evaluators.rubric_library import rubric_named, rubric_names
from sessioneval.evaluators.signals.library import SIGNALS

DOCS = Path(__file__).parents[1] / "docs"


def fields(name):
    """Return the fields of an evaluator, as the code has them."""
    if name in rubric_names():
        return [item.id for item in rubric_named(name).checklist]
    return list((SIGNALS.get(name) or DERIVED[name]).fields)


def test_the_table_and_the_registry_hold_the_same_names():
    """Bar D1: every evaluator has a row, and no row promises more."""
    assert sorted(table()) == sorted(names())


@pytest.mark.parametrize("name", names())
def test_a_row_says_what_the_evaluator_is(name):
    """Bar D1: kind, source system, labels with scores and fields, as code has them."""
    kind, system, labels, _ = table()[name]
    found = resolve(name, model="m", base_url="http://127.0.0.1:9/v1")
    reads_context = found.annotator_kind == "CODE" and getattr(found, "needs_context", False)
    assert kind == (f"{found.annotator_kind}, context" if reads_context else found.annotator_kind)
    assert system == source_of(name)
    # The table is read by people who choose: every label with its score, in the order of the evaluator.
    assert labels == (", ".join(f"{label} {score:g}" for label, score in found.labels.items()) or "a score")
    assert fields_of(name) == fields(name)


@pytest.mark.parametrize("name", [*rubric_names(), *DERIVED])
def test_every_field_of_a_judge_is_explained(name):
    """Bar D1: what a field holds, for rubrics each answer that the checklist allows, in its order."""
    explained = {
        field.strip("`"): holds for of, field, holds in rows("What the fields of judges hold") if coded(of) == [name]
    }
    assert sorted(explained) == sorted(fields(name))
    for item in rubric_named(name).checklist if name in rubric_names() else ():
        assert coded(explained[item.id]) == list(item.answers)
        assert explained[item.id].startswith("open: ") == item.is_open


def test_the_answers_that_code_derives_fields_from_are_those_of_the_rubrics():
    """A word that the page has and the rubric does not would be filtered for in vain."""
    explained = {
        (of.strip("`"), field.strip("`")): holds for of, field, holds in rows("What the fields of judges hold")
    }
    assert coded(explained["agent_success", "failure_type"]) == list(FAILURE_TYPES)
    answers = {name: derived_rubric(name).checklist[0].answers for name in DERIVED if derived_rubric(name).checklist}
    assert set(FAILURE_TYPES) <= set(answers["agent_success"])
    assert set(answers["tool_selection"]) <= set(coded(explained["tool_selection", "spans"]))
    assert set(answers["tool_argument_correctness"]) <= set(coded(explained["tool_argument_correctness", "calls"]))
    assert set(answers["goal_completeness"]) <= {field for _, field in explained}


def test_every_reason_why_a_judge_skips_a_session_is_explained():
    """A session without a verdict has a row that says why."""
    explained = {(of.strip("`"), reason.strip("`")) for of, reason, _ in rows("Why a judge skips a session")}
    reasons = {(name, reason) for name, made in DERIVED.items() for reason in made.skip_reasons}
    assert explained == {*reasons, ("any rubric", "no_reference")}


@pytest.mark.parametrize("name", SIGNALS)
def test_every_signal_is_defined_on_its_page(name):
    """A number whose definition nobody can read is no number."""
    page = (DOCS / "signals.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| .*`{name}`.* \| .+ \| .*\|$", page, re.MULTILINE)
