"""Requests and responses that SDKs copy whole become messages."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.semconv.chat_bodies import answer_messages, request_messages, response_messages

HUMAN = {"lc": 1, "type": "constructor", "id": ["x", "HumanMessage"], "kwargs": {"content": "hi", "type": "human"}}
AI = {"lc": 1, "type": "constructor", "id": ["x", "AIMessage"], "kwargs": {"content": "hello", "type": "ai"}}


def texts(messages):
    return [(message[c.MESSAGE_ROLE], message.get(c.MESSAGE_CONTENT)) for message in messages or ()]


@pytest.mark.parametrize(
    "body",
    [
        {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
        {"tools": [], "messages": [{"role": "user", "content": "hi"}]},
        {"messages": [[HUMAN]]},
        {"model": "m", "input": "hi"},
        {"input": [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]},
        {"prompts": ["hi"]},
        [{"role": "user", "content": "hi"}],
        ["hi"],
        "hi",
    ],
)
def test_every_request_says_what_was_sent(body):
    """OpenAI chat and responses, completions, LangChain, and bare lists."""
    assert texts(request_messages(body)) == [("user", "hi")]
    if not isinstance(body, str):
        assert texts(request_messages(json.dumps(body))) == [("user", "hi")]


@pytest.mark.parametrize("key", ["system", "instructions"])
def test_instructions_given_apart_lead_the_messages(key):
    """Anthropic and the Responses API keep them out of the list."""
    body = {key: "Be brief.", "input": "hi"}
    assert texts(request_messages(body)) == [("system", "Be brief."), ("user", "hi")]


@pytest.mark.parametrize(
    "body",
    [
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}}]},
        {"choices": [{"text": "hello"}]},
        {"generations": [[{"text": "hello", "type": "ChatGeneration", "message": AI}]]},
        {"role": "assistant", "type": "message", "content": [{"type": "text", "text": "hello"}]},
        {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hello"}]}]},
        {"role": "assistant", "content": "hello", "tool_calls": None},
        {"output": "hello"},
        "hello",
    ],
)
def test_every_response_says_what_was_answered(body):
    """OpenAI chat, completions and responses, LangChain, Anthropic, and bare texts."""
    assert texts(response_messages(body)) == [("assistant", "hello")]


@pytest.mark.parametrize("body", [None, "null", "", {}, [], {"usage": {}}, {"choices": []}])
def test_a_body_that_says_nothing_is_none(body):
    """An error has no answer, and an empty answer must not appear as text."""
    assert request_messages(body) is None
    assert response_messages(body) is None


def test_an_answer_that_is_json_stays_what_was_said():
    """Guardrails answer in JSON; that is their text, not a body."""
    assert texts(response_messages({"output": '{"allowed": true}'})) == [("assistant", '{"allowed": true}')]
    assert texts(answer_messages('{"allowed": true}')) == [("assistant", '{"allowed": true}')]
    assert texts(answer_messages("7")) == [("assistant", "7")]


@given(
    st.recursive(
        st.none() | st.text(max_size=4) | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["messages", "choices", "generations", "message", "input", "output", "content", "system"]
                ),
                inner,
                max_size=3,
            )
        ),
        max_leaves=15,
    )
)
def test_no_body_breaks_the_reader(body):
    """Attributes hold whatever the app put there."""
    for read in (request_messages, response_messages, answer_messages):
        assert read(body) is None or isinstance(read(body), list)


def test_endless_nesting_is_given_up():
    """A hostile body must not exhaust the stack."""
    body = "end"
    for _ in range(300):
        body = {"choices": [{"message": body}]}
    assert response_messages(body) is None
