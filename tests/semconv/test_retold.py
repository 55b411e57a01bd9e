"""Frameworks retell what was said inside user messages; only the user's words are the user's."""

import pytest

from sessioneval.semconv.retold import retold_message, user_request


@pytest.mark.parametrize(
    "text",
    [
        "Context:\nUser Request: Refund A-1.\nPlease.\n\nOther agents available for collaboration:\nAgent name: x",
        "Context:\nHandoff Message: a refund\n\nUser Request: Refund A-1.\nPlease.\n\nPrevious agents who worked on this: a",
    ],
)
def test_the_request_is_taken_out_of_a_swarms_context(text):
    """Strands builds a new input for each agent of a swarm."""
    assert user_request(text) == "Refund A-1.\nPlease."


@pytest.mark.parametrize("text", ["Context:\nsee above", "User Request: x", "", "Context:\nUser Request: x\n\nMore"])
def test_other_words_stay_the_users(text):
    """A user may begin with the same word."""
    assert user_request(text) == text


@pytest.mark.parametrize("texts", [[], ["For context:"], ["For context:", "nothing told"], ["Hi", "[a] said: b"]])
def test_what_retells_nothing_is_left_alone(texts):
    """A user may write the same words too."""
    assert retold_message(texts) is None


def test_a_value_that_is_no_literal_stays_text():
    """Nothing is evaluated."""
    [part] = retold_message(["For context:", "[a] called tool `f` with parameters: open('x')"])["parts"]
    assert part["arguments"] == "open('x')"
