"""Flattened attribute keys become ordered lists, and what does not fit stays an attribute."""

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.semconv.flattened_keys import path_of
from sessioneval.semconv.flattening import unflatten

IN = "llm.input_messages"


def test_leaves_become_messages_in_order_of_their_indexes():
    """Indexes are labels: SDKs drop attributes over their limits, so they start above 0 and have gaps."""
    lists, rest = unflatten(
        {
            f"{IN}.10.message.role": "assistant",
            f"{IN}.9.message.role": "user",
            f"{IN}.9.message.content": "hi",
            "llm.output_messages.0.message.role": "assistant",
        }
    )
    assert lists == {
        c.INPUT_MESSAGES: [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi"}, {c.MESSAGE_ROLE: "assistant"}],
        c.OUTPUT_MESSAGES: [{c.MESSAGE_ROLE: "assistant"}],
    }
    assert rest == {}


def test_parts_and_tool_calls_are_lists_inside_the_message():
    """The whole OpenInference message, as its instrumentors write it."""
    lists, rest = unflatten(
        {
            f"{IN}.0.message.contents.0.message_content.type": "text",
            f"{IN}.0.message.contents.0.message_content.text": "look",
            f"{IN}.0.message.contents.1.message_content.type": "image",
            f"{IN}.0.message.contents.1.message_content.image.image.url": "https://e.example/a.png",
            f"{IN}.0.message.contents.2.message_content.type": "audio",
            f"{IN}.0.message.contents.2.message_content.audio.audio.transcript": "hello",
            f"{IN}.0.message.tool_calls.1.tool_call.id": "b",
            f"{IN}.0.message.tool_calls.0.tool_call.id": "a",
            f"{IN}.0.message.tool_calls.0.tool_call.function.name": "look_up",
            f"{IN}.0.message.tool_calls.0.tool_call.function.arguments": '{"x": 1}',
            "llm.tools.0.tool.json_schema": "{}",
        }
    )
    [message] = lists[c.INPUT_MESSAGES]
    assert message[c.MESSAGE_CONTENTS] == [
        {c.PART_TYPE: "text", c.PART_TEXT: "look"},
        {c.PART_TYPE: "image", c.PART_URL: "https://e.example/a.png"},
        {c.PART_TYPE: "audio", c.PART_JSON: '{"message_content.audio.audio.transcript":"hello"}'},
    ]
    assert message[c.MESSAGE_TOOL_CALLS] == [
        {c.CALL_ID: "a", c.CALL_NAME: "look_up", c.CALL_ARGUMENTS: '{"x": 1}'},
        {c.CALL_ID: "b"},
    ]
    assert lists[c.TOOLS] == [{c.TOOL_JSON_SCHEMA: "{}"}]
    assert rest == {}


def test_tool_use_parts_that_repeat_a_call_do_not_double_it():
    """The Anthropic instrumentor writes each call twice; one that stands only in the parts must not be lost."""
    part, call = f"{IN}.0.message.contents", f"{IN}.0.message.tool_calls"
    lists, _ = unflatten(
        {
            f"{part}.0.message_content.type": "tool_use",
            f"{part}.0.tool_call.id": "a",
            f"{part}.0.tool_call.function.name": "look_up",
            f"{part}.1.tool_call.id": "only here",
            f"{part}.2.tool_call.function.name": "no id",
            f"{part}.3.tool_call.function.name": "no id",
            f"{call}.0.tool_call.id": "a",
            f"{call}.0.tool_call.function.name": "look_up",
        }
    )
    [message] = lists[c.INPUT_MESSAGES]
    assert message[c.MESSAGE_TOOL_CALLS] == [
        {c.CALL_ID: "a", c.CALL_NAME: "look_up"},
        {c.CALL_ID: "only here"},
        {c.CALL_NAME: "no id"},
    ]


def test_a_legacy_function_call_is_a_call_without_id():
    """OpenAI's form before tool calls is still written by old instrumentors."""
    lists, rest = unflatten(
        {f"{IN}.0.message.function_call_name": "f", f"{IN}.0.message.function_call_arguments_json": "{}"}
    )
    assert lists[c.INPUT_MESSAGES] == [{c.MESSAGE_TOOL_CALLS: [{c.CALL_NAME: "f", c.CALL_ARGUMENTS: "{}"}]}]
    assert rest == {}


@pytest.mark.parametrize(
    "key",
    [
        f"{IN}.0.message.unknown",
        f"{IN}.00.message.role",
        f"{IN}.x.message.role",
        f"{IN}.-1.message.role",
        f"{IN}.9999999999.message.role",
        f"{IN}.\u0661.message.role",
        f"{IN}.0.message.tool_calls.0.tool_call.function.reasoning_signature",
        f"{IN}.0",
        IN,
        "llm.tools.0.tool.name",
        "llm.model_name",
        "",
    ],
)
def test_other_keys_stay_attributes(key):
    """Nothing may be dropped because its key looks like part of a message."""
    assert unflatten({key: "v"}) == ({}, {key: "v"})


@pytest.mark.parametrize("value", [5, 1.5, True, b"x", ["a"], {"a": 1}])
def test_values_of_the_wrong_type_stay_attributes(value):
    """A column of text holds text; the value is kept where any type can be."""
    key = f"{IN}.0.message.content"
    assert unflatten({key: value}) == ({}, {key: value})


def test_an_index_bomb_allocates_nothing():
    """One hostile key must not make a list of a thousand million messages."""
    tracemalloc.start()
    lists, _ = unflatten({f"{IN}.999999999.message.content": "boom", f"{IN}.0.message.contents.999999999.x": "boom"})
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lists[c.INPUT_MESSAGES]) == 2
    assert peak_bytes < 1_000_000


def test_long_keys_are_not_cached():
    """Hostile keys would otherwise fill the cache with megabytes."""
    before = path_of.__globals__["_cached_parse"].cache_info().currsize
    path = path_of(f"{IN}.0.message.contents.0.{'x' * 1000}")
    assert path is not None
    assert path_of.__globals__["_cached_parse"].cache_info().currsize == before


NESTED = [
    [{"message.role": "user", "message.content": "hi", "message.tool_calls": None}],
    [{"message": {"role": "user", "content": "hi"}}],
    ({"message.role": "user", "message": {"content": "hi"}},),
    json.dumps([{"message.role": "user", "message.content": "hi"}]),
]


@pytest.mark.parametrize("value", NESTED)
def test_nested_lists_are_read_like_flattened_keys(value):
    """DataFrames of Phoenix and Arize carry messages as lists, with dotted keys, nested, or as JSON text."""
    lists, rest = unflatten({IN: value, "x": 1})
    assert lists == {c.INPUT_MESSAGES: [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi"}]}
    assert rest == {"x": 1}


def test_arguments_and_schemas_may_be_objects_in_nested_lists():
    """Some frames hold them parsed; the column keeps JSON text."""
    lists, rest = unflatten(
        {
            IN: [{"message.tool_calls": [{"tool_call.function.arguments": {"a": [1]}}]}],
            "llm.tools": [{"tool": {"json_schema": {"name": "f"}}}],
        }
    )
    assert lists[c.INPUT_MESSAGES] == [{c.MESSAGE_TOOL_CALLS: [{c.CALL_ARGUMENTS: '{"a":[1]}'}]}]
    assert lists[c.TOOLS] == [{c.TOOL_JSON_SCHEMA: '{"name":"f"}'}]
    assert rest == {}


def test_leaves_of_nested_lists_that_no_column_holds_stay_under_flattened_keys():
    """Phoenix adds `message: {finish_reason}` to converted messages."""
    _, rest = unflatten({"llm.output_messages": [{"message.role": "assistant", "message": {"finish_reason": "stop"}}]})
    assert rest == {"llm.output_messages.0.message.finish_reason": "stop"}


@pytest.mark.parametrize(
    "value", [[], "[", "text", 5, [{"message.role": "a", "message": {"role": "b"}}], '{"message.role": "user"}', None]
)
def test_what_is_no_list_of_messages_stays_one_attribute(value):
    """A value whose leaves would collide, or that is no list, is kept whole."""
    assert unflatten({IN: value}) == ({}, {IN: value})


def test_flattened_keys_win_over_a_nested_list():
    """Two forms on one span must not be mixed; the other one stays an attribute."""
    nested = [{"message.role": "system"}]
    lists, rest = unflatten({IN: nested, f"{IN}.0.message.role": "user"})
    assert lists == {c.INPUT_MESSAGES: [{c.MESSAGE_ROLE: "user"}]}
    assert rest == {IN: nested}


def test_deep_nesting_is_left_alone():
    """A message list nested beyond the stack is kept as it is."""
    deep = {}
    for _ in range(5_000):
        deep = {"a": deep}
    value = [deep]
    lists, rest = unflatten({IN: value})
    assert lists == {}
    assert rest[IN] is value


@given(st.permutations(range(6)), st.lists(st.integers(0, 10**8), min_size=6, max_size=6, unique=True))
def test_the_order_of_attributes_does_not_matter(order, indexes):
    """SDKs re-order and evict attributes; only the index says where a message stands."""
    attributes = {f"{IN}.{indexes[i]}.message.content": str(indexes[i]) for i in order}
    lists, _ = unflatten(attributes)
    assert [message[c.MESSAGE_CONTENT] for message in lists[c.INPUT_MESSAGES]] == [str(i) for i in sorted(indexes)]
