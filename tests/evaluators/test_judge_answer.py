"""Answers: only one of the rubric's labels ever comes out of whatever a server sends."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.judge_answer import Answer, Completion, Problem, read_answer, read_completion
from sessioneval.evaluators.rubric import Rubric

POLITE = Rubric(name="polite", version="1", question="Polite?", labels={"yes": 1, "no": 0.25})


def answered(text, **other):
    return read_answer(Completion(text=text, **other), POLITE)


def said(label="yes", explanation="fine"):
    return json.dumps({"explanation": explanation, "label": label})


def test_a_good_answer_takes_spelling_and_score_from_the_rubric():
    """The score is never asked for, so it cannot drift from the label."""
    assert answered(said(" NO ")) == Answer(label="no", score=0.25, explanation="fine")


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{said()}\n```",
        f"I think it is {{fine}}.\n\n{said()}",
        f"The transcript says {said('no')} but really:\n{said()}",
        json.dumps({"label": "yes", "explanation": 'it says {"label": "no"}'}),
        '{"explanation": "a", "label": "no", "label": "yes"}',
    ],
)
def test_the_object_that_ends_the_text_is_the_answer(text):
    """Models without structured output wrap their answer; one quoted from the transcript inside must not win."""
    assert answered(text).label == "yes"


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        (Completion(text=said("mostly")), "label 'mostly' is not one of 'yes', 'no'"),
        (Completion(text=said("yes.")), "label 'yes.' is not one of"),
        (Completion(text=""), "it is empty"),
        (Completion(text=" \n "), "it is empty"),
        (Completion(text="yes"), "it is not one JSON object: 'yes'"),
        (Completion(text='["yes"]'), "it is not one JSON object"),
        (Completion(text=said() + " or so"), "it is not one JSON object"),
        (Completion(text=said()[:-1]), "it is not one JSON object"),
        (Completion(text='{"label": "yes"}'), "it needs the two texts"),
        (Completion(text='{"label": 1, "explanation": "a"}'), "it needs the two texts"),
        (Completion(text='{"label": "yes", "explanation": null}'), "it needs the two texts"),
        (Completion(text=json.dumps({"answer": json.loads(said())})), "it needs the two texts"),
        (Completion(text=said(), finish_reason="length"), "cut off at the token limit"),
        (Completion(text=said(), finish_reason="content_filter"), "content filter"),
        (Completion(text=said(), refusal="I will not"), "the model refused: 'I will not'"),
        (Completion(text="{" * 100_000), "it is not one JSON object"),
        (Completion(text='{"a":' * 20_000 + "}" * 20_000), "it is not one JSON object"),
        (Completion(text="x" * 200_001), "it has 200001 characters"),
    ],
)
def test_what_is_not_an_answer_is_a_problem_in_words(completion, expected):
    """Never a guess, never the lowest score."""
    read = read_answer(completion, POLITE)
    assert isinstance(read, Problem)
    assert expected in read.text


def test_explanations_are_cut_and_storable():
    """Arize takes 10,000 characters, Parquet takes UTF-8."""
    assert len(answered(said(explanation="x" * 20_000)).explanation) == 10_000
    assert answered('{"label": "yes", "explanation": "half \\ud83d"}').explanation == "half ?"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": {"0": 1}}',
        b'{"error": {"message": "overloaded"}}',
        b'{"choices": [{"message": {"content": 7}, "finish_reason": 3}], "usage": "many"}',
        b"[" * 100_000,
        b'{"usage": {"prompt_tokens": 1e400, "completion_tokens": -5}, "model": 3}',
    ],
)
def test_a_malformed_body_is_an_answer_without_label(body):
    """Proxies answer 200 with anything; it is one bad answer, not the end of the run."""
    completion = read_completion(body)
    assert isinstance(read_answer(completion, POLITE), Problem)
    assert (completion.usage.input_tokens, completion.usage.output_tokens) == (0, 0)


def test_usage_and_parts_are_read():
    """Some servers send the text in parts; what was cached is billed otherwise."""
    body = {
        "model": "m-2026",
        "choices": [{"message": {"content": [{"type": "text", "text": said()}]}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 2**70, "prompt_tokens_details": {"cached_tokens": 8}},
    }
    completion = read_completion(json.dumps(body).encode())
    assert completion.text == said()
    assert completion.response_model == "m-2026"
    usage = completion.usage
    assert (usage.calls, usage.input_tokens, usage.cached_tokens, usage.output_tokens) == (1, 9, 8, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.dictionaries(st.sampled_from(["label", "explanation", "x"]), JSON | st.sampled_from(["yes", "no"]))


@given(st.text() | FIELDS.map(json.dumps) | st.tuples(st.text(), FIELDS.map(json.dumps)).map("".join))
def test_any_text_gives_a_label_of_the_rubric_or_a_problem(text):
    """No answer of a model raises, and none reaches storage as another label."""
    read = answered(text)
    assert isinstance(read, Problem) or (read.label, read.score) in {("yes", 1.0), ("no", 0.25)}


@given(st.binary() | JSON.map(json.dumps).map(str.encode))
def test_any_body_is_read(body):
    """Not even the shape of a response is trusted."""
    read_answer(read_completion(body), POLITE)
