"""Arguments and results are taken out of what SDKs wrap around them."""

import json

import pytest

from sessioneval.semconv.function_values import arguments_text, decoded, input_text, output_text, result_of

ORDER = {"order": "A-1"}
TOOL_MESSAGE = {"type": "tool", "content": '{"ok": true}', "tool_call_id": "c1", "name": "f"}


@pytest.mark.parametrize("times", [0, 1, 2, 3])
def test_text_is_decoded_until_it_is_itself(times):
    """Decorators encode JSON text again, MLflow's GenAI mode twice."""
    value = '{"a": 1}'
    for _ in range(times):
        value = json.dumps(value)
    assert decoded(value) == '{"a": 1}'


@pytest.mark.parametrize("value", ["plain", 'say "x"', "42", '"torn', "", 5, None, {"a": 1}])
def test_what_is_not_encoded_stays(value):
    """Numbers and quotes in a text belong to it."""
    assert decoded(value) == value


def test_null_is_nothing():
    """A function that returned nothing did not return the word null."""
    assert decoded("null") is None
    assert result_of("null") == (None, None)


@pytest.mark.parametrize(
    "value",
    [
        {"args": [], "kwargs": ORDER},
        {"input_str": "{'order': 'A-1'}", "inputs": ORDER, "tags": [], "metadata": {"thread_id": "t"}},
        {"input": ORDER},
        ORDER,
    ],
)
def test_a_tool_s_arguments_come_without_their_wrapper(value):
    """They are compared with those of the call."""
    assert json.loads(arguments_text(json.dumps(value))) == ORDER


def test_positional_arguments_keep_the_wrapper():
    """Without their names they are not the arguments of the call."""
    value = {"args": ["A-1"], "kwargs": {}}
    assert json.loads(arguments_text(json.dumps(value))) == value


@pytest.mark.parametrize(
    "value",
    [
        {"args": ["Hi"], "kwargs": {}},
        {"args": [], "kwargs": {"message": "Hi"}},
        {"question_of_the_user": "Hi"},
        {"messages": [{"type": "human", "content": "Hi"}]},
        {"inputs": {"messages": [{"role": "user", "content": "Hi"}]}, "tags": [], "metadata": {}},
    ],
)
def test_an_agent_s_input_is_what_the_user_said(value):
    """It stands in for the turn where no model call shows it."""
    assert input_text(json.dumps(value)) == "Hi"


def test_several_arguments_stay_json():
    """Nobody can tell which of them was said."""
    value = {"args": ["Hi", "u-1"], "kwargs": {}}
    assert json.loads(input_text(json.dumps(value))) == value


def test_an_agent_s_output_is_its_last_answer():
    """A graph gives back its whole state."""
    state = {"messages": [{"type": "human", "content": "Hi"}, {"type": "ai", "content": "Hello"}]}
    assert output_text(json.dumps(state)) == "Hello"
    assert output_text(json.dumps({"outputs": state, "kwargs": {}})) == "Hello"
    assert output_text('"Hello"') == "Hello"
    assert output_text('{"a": 1}') == '{"a": 1}'


@pytest.mark.parametrize(
    "value",
    [
        {"output": TOOL_MESSAGE},
        {"output": {"lc": 1, "type": "constructor", "id": ["ToolMessage"], "kwargs": TOOL_MESSAGE}, "kwargs": {}},
        TOOL_MESSAGE,
    ],
)
def test_a_langchain_result_names_its_call(value):
    """The id joins the span to the call."""
    assert result_of(json.dumps(value)) == ('{"ok": true}', "c1")


def test_a_plain_result_is_itself():
    """Whatever a tool returns is its result, also an object with the key output and others."""
    assert result_of("done") == ("done", None)
    assert result_of('{"output": "done"}') == ("done", None)
    assert result_of('{"output": "done", "code": 0}') == ('{"output": "done", "code": 0}', None)
