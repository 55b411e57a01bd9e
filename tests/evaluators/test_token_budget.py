"""A prompt keeps to its budget, and judges of one session share what they can."""

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_prompt import RULES, Material, question_text
from sessioneval.evaluators.rubric_library import rubric_named, rubric_names
from sessioneval.evaluators.token_budget import check_input_tokens, default_input_tokens, room_tokens
from sessioneval.sessions.tokens import ESTIMATE


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("gpt-4.1-mini", 200_000),
        ("gpt-4o-mini", 100_000),
        ("openai/GPT-5", 200_000),
        ("gpt-4", 6_000),
        ("gpt-4-turbo-2024-04-09", 100_000),
        ("anthropic/claude-sonnet-4", 150_000),
        ("meta-llama/Llama-3.3-70B", 100_000),
        ("", 100_000),
    ],
)
def test_the_default_follows_the_models_family(model, tokens):
    """A prompt that the model cannot take is refused after it was sent."""
    assert default_input_tokens(model) == tokens


@pytest.mark.parametrize("value", [0, 5_999, -1, 1e5, True, "100000", float("nan")])
def test_a_budget_that_cannot_be_kept_is_refused_before_the_first_call(value):
    """Rules and question alone take some thousand tokens."""
    judge = Judge("coherence", model="m", base_url="http://localhost:1/v1", max_input_tokens=value)

    with pytest.raises(InputError, match=r"max_input_tokens is .*6,000 or more, or None"):
        judge.check()


def test_the_least_budget_is_allowed():
    """The bound itself can be kept."""
    check_input_tokens(6_000)


def test_all_built_in_judges_have_one_room():
    """With the same room they read the same windows, so the provider's cache serves all but the first."""
    questions = [question_text(rubric_named(name), "5eed" * 4, Material()) for name in rubric_names()]

    rooms = {room_tokens(8_000, question, ESTIMATE) for question in questions}

    assert len(rooms) == 1
    assert rooms.pop() >= 4_000


@pytest.mark.parametrize("n_chars", [0, 100, 5_000, 12_000])
def test_rules_question_and_room_fit_the_budget(n_chars):
    """A long question (references, examples) takes room from the transcript."""
    question = "word " * (n_chars // 5)

    assert ESTIMATE.count(RULES) + ESTIMATE.count(question) + room_tokens(12_000, question, ESTIMATE) <= 12_000


def test_some_room_is_always_left():
    """A reference longer than the budget is the caller's to shorten; the transcript is not dropped for it."""
    assert room_tokens(6_000, "word " * 10_000, ESTIMATE) == 1_500


def test_another_budget_is_another_judge():
    """Long sessions read otherwise are judged otherwise; the two must not be pooled."""
    judges = [Judge("coherence", model="m", api_key="k", max_input_tokens=tokens) for tokens in (None, 100_000, 8_000)]

    assert judges[0].identifier == judges[1].identifier != judges[2].identifier
    assert judges[0].prefix_key == judges[1].prefix_key != judges[2].prefix_key
