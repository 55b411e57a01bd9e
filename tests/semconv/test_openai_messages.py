"""Chat messages of every API become one kind of message; vectors have the shapes that SDKs were seen to write."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.semconv.openai_messages import chat_messages, last_text

OPENAI = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is A-1?"},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"order": "A-1"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "on its way"},
    {"role": "assistant", "content": "It is on its way."},
]
ANTHROPIC = [
    {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "user", "content": [{"type": "text", "text": "Where is A-1?"}]},
    {
        "role": "assistant",
        "content": [{"type": "tool_use", "id": "call_1", "name": "look_up", "input": {"order": "A-1"}}],
    },
    {
        "role": "user",
        "content": [
            {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": "on its way"}]}
        ],
    },
    {"role": "assistant", "content": "It is on its way."},
]
LANGCHAIN = [
    {"type": "system", "content": "Be brief."},
    {"type": "human", "content": "Where is A-1?", "id": "m1", "response_metadata": {}},
    {"type": "ai", "content": "", "tool_calls": [{"name": "look_up", "args": {"order": "A-1"}, "id": "call_1"}]},
    {"type": "tool", "content": "on its way", "tool_call_id": "call_1", "status": "success"},
    {"type": "ai", "content": "It is on its way.", "tool_calls": [], "invalid_tool_calls": []},
]
CLASSES = {"system": "SystemMessage", "human": "HumanMessage", "ai": "AIMessageChunk", "tool": "ToolMessage"}
CONSTRUCTORS = [
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain", "schema", "messages", CLASSES[message["type"]]],
        "kwargs": {key: value for key, value in message.items() if key != "type"},
    }
    for message in LANGCHAIN
]
RESPONSES = [
    {"role": "system", "content": "Be brief."},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Where is A-1?"}]},
    {"type": "reasoning", "id": "rs_1", "summary": []},
    {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "look_up", "arguments": '{"order": "A-1"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "on its way"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It is on its way."}]},
]
DATADOG = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Where is A-1?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"name": "look_up", "arguments": {"order": "A-1"}, "tool_id": "call_1", "type": "function"}],
    },
    {
        "role": "tool",
        "content": "",
        "tool_results": [{"name": "", "result": "on its way", "tool_id": "call_1", "type": "tool_result"}],
    },
    {"role": "assistant", "content": "It is on its way."},
]
SHAPES = {
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "langchain": LANGCHAIN,
    "langchain constructors": CONSTRUCTORS,
    "responses": RESPONSES,
    "datadog": DATADOG,
}


def plain(messages):
    """Return messages as (role, text, calls, id of the call answered)."""
    return [
        (
            message[c.MESSAGE_ROLE],
            message.get(c.MESSAGE_CONTENT) or "",
            [
                (call[c.CALL_ID], call[c.CALL_NAME], json.loads(call[c.CALL_ARGUMENTS]))
                for call in message.get(c.MESSAGE_TOOL_CALLS, [])
            ],
            message.get(c.MESSAGE_TOOL_CALL_ID),
        )
        for message in messages
    ]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_api_says_the_same(shape):
    """A transcript must not depend on the library that wrote it."""
    assert plain(chat_messages(shape)) == [
        ("system", "Be brief.", [], None),
        ("user", "Where is A-1?", [], None),
        ("assistant", "", [("call_1", "look_up", {"order": "A-1"})], None),
        ("tool", "on its way", [], "call_1"),
        ("assistant", "It is on its way.", [], None),
    ]


def test_json_text_a_single_message_and_a_batch_of_one_are_read_too():
    """SDKs write the list as JSON, one message bare, and LangChain a list of lists."""
    expected = chat_messages(OPENAI)
    assert chat_messages(json.dumps(OPENAI)) == expected
    assert chat_messages([OPENAI]) == expected
    assert chat_messages(OPENAI[1]) == expected[1:2]


@pytest.mark.parametrize("value", [None, 5, "hello", "[]", [], {}, [1, "a"], {"model": "m"}, [{"type": "reasoning"}]])
def test_what_is_no_message_is_none(value):
    """A request body or a plain text must not be taken for a message."""
    assert chat_messages(value) is None


def test_calls_that_stand_in_two_places_are_read_once():
    """LangChain has Anthropic's calls as content blocks and again in `tool_calls`."""
    [message] = chat_messages(
        {
            "type": "ai",
            "content": [
                {"type": "text", "text": "Let me look."},
                {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
            ],
            "tool_calls": [{"id": "c1", "name": "f", "args": {}}],
        }
    )
    assert message[c.MESSAGE_CONTENT] == "Let me look."
    assert [call[c.CALL_ID] for call in message[c.MESSAGE_TOOL_CALLS]] == ["c1"]


def test_results_beside_text_keep_their_order():
    """Anthropic sends results and the user's next words as one message; results come first there."""
    blocks = [{"type": "tool_result", "tool_use_id": "c1", "content": "ok"}, {"type": "text", "text": "And B-2?"}]
    assert [message[c.MESSAGE_ROLE] for message in chat_messages({"role": "user", "content": blocks})] == [
        "tool",
        "user",
    ]


def test_parallel_results_in_one_message_are_one_message_each():
    """Every result answers its own call."""
    results = [{"result": text, "tool_id": identifier} for text, identifier in (("one", "c1"), ("two", "c2"))]
    assert plain(chat_messages({"role": "user", "content": "", "tool_results": results})) == [
        ("tool", "one", [], "c1"),
        ("tool", "two", [], "c2"),
    ]


def test_a_legacy_function_call_is_a_call():
    """OpenAI's first form of tools has no ids."""
    [message] = chat_messages({"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}})
    assert message[c.MESSAGE_TOOL_CALLS] == [{c.CALL_NAME: "f", c.CALL_ARGUMENTS: "{}"}]


def test_a_refusal_is_what_was_said():
    """The user saw it."""
    [message] = chat_messages({"role": "assistant", "content": None, "refusal": "I cannot."})
    assert message[c.MESSAGE_CONTENT] == "I cannot."


def test_several_blocks_stay_parts():
    """Joining them would invent text that nobody said."""
    blocks = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]
    [message] = chat_messages({"role": "user", "content": blocks})
    assert [part[c.PART_TYPE] for part in message[c.MESSAGE_CONTENTS]] == ["text", "image"]


def test_genai_parts_inside_a_request_are_read():
    """Some wrappers copy GenAI messages into their own attribute."""
    assert plain(chat_messages([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])) == [
        ("user", "hi", [], None)
    ]


def test_the_last_text_of_a_role_is_found():
    """The readable side of a chain's state is what was said last."""
    assert last_text(chat_messages(OPENAI), "assistant") == "It is on its way."
    assert last_text(chat_messages(OPENAI[:3]), "assistant") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "type", "content", "tool_calls", "function", "id", "name", "kwargs", "parts", "text"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_value_breaks_the_reader(value):
    """Attributes hold whatever the app put there."""
    messages = chat_messages(value)
    assert messages is None or all(isinstance(message, dict) for message in messages)
