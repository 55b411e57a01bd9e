"""Code evaluators: what a function may return, and what becomes of everything else."""

import asyncio
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.code import evaluator
from sessioneval.model.context import SessionContext, ToolDefinition
from sessioneval.model.evaluation import Evaluation


def returning(value, **options):
    return evaluator(name="given", **options)(lambda _: value)


def evaluated(code, transcript):
    return asyncio.run(code.evaluate(transcript))


@pytest.mark.parametrize(
    ("value", "label", "score"),
    [
        (True, "true", 1.0),
        (False, "false", 0.0),
        (3, None, 3.0),
        (0.25, None, 0.25),
        ("anything", "anything", None),
        ({"label": "a", "score": 2}, "a", 2.0),
        ({"score": 7}, None, 7.0),
        (Evaluation(name="ignored", label="a", score=1.0), "a", 1.0),
    ],
)
def test_values_become_labels_and_scores(transcript, value, label, score):
    """Users return what is natural; the row has one shape."""
    row = evaluated(returning(value), transcript)
    assert (row.name, row.status, row.label, row.score) == ("given", "evaluated", label, score)
    assert (row.annotator_kind, row.model, row.session_id) == ("CODE", None, "chat-1")


def test_labels_bring_their_scores(transcript):
    """As in a rubric: the function says the label, the score follows."""
    labels = {"clean": 1.0, "errors": 0.0, "true": 0.5}
    assert evaluated(returning("errors", labels=labels), transcript).score == 0.0
    assert evaluated(returning({"label": "clean"}, labels=labels), transcript).score == 1.0
    assert evaluated(returning(True, labels=labels), transcript).score == 0.5


def test_explanation_and_metadata_are_kept(transcript):
    """A signal says where it saw what it saw."""
    row = evaluated(returning({"score": 1, "explanation": "x" * 20_000, "metadata": {"n": 1}}), transcript)
    assert len(row.explanation) == 10_000
    assert row.metadata == {"n": 1}


def test_fields_are_kept_as_a_judge_keeps_its_answers(transcript):
    """What was counted stands in the column that cohorts are compared by, not in the metadata."""
    given = {"label": "a", "fields": {"n_calls": 2, "by_tool": {"search": 2}}, "metadata": {"seen": True}}
    row = evaluated(returning(given), transcript)
    assert (row.fields, row.metadata) == ({"n_calls": 2, "by_tool": {"search": 2}}, {"seen": True})
    row = evaluated(returning(Evaluation(name="x", score=1.0, fields={"n": 1})), transcript)
    assert row.fields == {"n": 1}


def test_an_evaluator_that_reads_the_context_says_so(transcript):
    """Its evaluation belongs to what the context said as well: other tools, another digest."""

    @evaluator(labels={"had_tools": 1, "had_none": 0}, needs_context=True)
    def equipped(transcript):
        return "had_tools" if transcript.context.tools else "had_none"

    with_tools = replace(transcript, context=SessionContext(tools=(ToolDefinition(name="search"),)))
    rows = [evaluated(equipped, each) for each in (transcript, with_tools)]
    assert [row.label for row in rows] == ["had_none", "had_tools"]
    assert rows[0].transcript_digest != rows[1].transcript_digest
    assert not returning(1).needs_context
    same = [evaluated(returning(1), each).transcript_digest for each in (transcript, with_tools)]
    assert same == [transcript.digest] * 2


def test_none_is_skipped_not_scored(transcript):
    """An evaluator that does not apply says nothing about the session."""
    row = evaluated(returning(None), transcript)
    assert (row.status, row.reason, row.label, row.score) == ("skipped", "not applicable", None, None)


def test_an_evaluation_may_be_a_failure_itself(transcript):
    """An evaluator that calls a service can say that it was down."""
    row = evaluated(returning(Evaluation(name="x", status="failed", reason="Down", error="503")), transcript)
    assert (row.name, row.status, row.reason, row.error) == ("given", "failed", "Down", "503")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "returned score nan; it must be a finite number"),
        (math.inf, "returned score inf"),
        (10**400, "returned score 1000"),
        ({"score": "high"}, "returned score 'high'"),
        ("unknown", "returned label 'unknown'; allowed are 'a', 'b'"),
        (True, "returned label 'true'; allowed are 'a', 'b'"),
        ("x" * 101, "returned label 'xxx"),
        ("", "returned label ''"),
        ({"label": 3}, "returned label 3"),
        ({}, "returned neither label nor score"),
        ({"label": "a", "why": "because"}, "key 'why'; allowed are label, score"),
        ({"label": "a", "metadata": {"x": {1}}}, "returned metadata that is no JSON"),
        ({"label": "a", "metadata": [1]}, "returned metadata [1]; it must be a mapping"),
        ({"label": "a", "fields": {"x": {1}}}, "returned fields that is no JSON"),
        ({"label": "a", "fields": "n = 1"}, "returned fields 'n = 1'; it must be a mapping"),
        (["a"], "returned list; allowed are str"),
        (object(), "returned object"),
    ],
)
def test_what_is_no_evaluation_is_a_failure_in_words(transcript, value, expected):
    """A bug in one's own evaluator is seen on the row, with the value."""
    row = evaluated(returning(value, labels={"a": 1, "b": 0}), transcript)
    assert (row.status, row.reason, row.label, row.score) == ("failed", "EvaluatorError", None, None)
    assert expected in row.error


def test_an_exception_is_that_sessions_failure(transcript):
    """One odd session must not end a run over thousands."""

    @evaluator
    def broken(transcript):
        return transcript.messages[99]

    row = evaluated(broken, transcript)
    assert (row.status, row.reason, row.error) == ("failed", "IndexError", "tuple index out of range")


def test_async_functions_are_awaited(transcript):
    """An evaluator that asks a service does not hold up the others."""

    @evaluator(labels={"yes": 1, "no": 0})
    async def waits(transcript):
        await asyncio.wait_for(asyncio.gather(), 1)
        return "yes" if transcript.messages else "no"

    assert evaluated(waits, transcript).label == "yes"


def test_the_function_can_still_be_called(transcript):
    """People test their evaluators as the functions that they are."""

    @evaluator
    def n_messages(transcript):
        """Count messages."""
        return len(transcript.messages)

    assert n_messages(transcript) == 2
    assert n_messages.__doc__ == "Count messages."
    assert isinstance(n_messages, Evaluator)


@pytest.mark.parametrize("options", [{"name": "Bad Name"}, {"labels": {"": 1}}, {"labels": {"a": math.nan}}])
def test_a_wrong_declaration_is_refused_at_once(options):
    """Before any session is read."""
    with pytest.raises(InputError):
        evaluator(**options)(lambda _: 1)


def test_a_lambda_needs_a_name():
    """Its own name, '<lambda>', can name no column."""
    with pytest.raises(InputError, match="'<lambda>'"):
        evaluator(lambda _: 1)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["label", "score", "explanation", "fields", "metadata", "x"]), inner)
    ),
    max_leaves=6,
)


@given(value=ANY)
def test_whatever_a_function_returns_gives_a_storable_row(transcript_once, value):
    """NaN, lone surrogates and nested nonsense never reach a file."""
    row = evaluated(returning(value), transcript_once)
    assert row.status in ("evaluated", "failed", "skipped")
    assert row.score is None or math.isfinite(row.score)
    for text in (row.label, row.explanation, row.error):
        assert text is None or text.encode() is not None


@pytest.fixture(scope="module")
def transcript_once(make):
    return make.transcript(("user", "a"))
