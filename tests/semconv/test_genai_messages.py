"""GenAI messages become message structs; vectors are the shapes recorded from real instrumentations."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.semconv.genai_messages import messages_of, system_message

TEXT = {"type": "text", "content": "hi"}
CALL = {"type": "tool_call", "id": "call_1", "name": "look_up", "arguments": {"order": "A-1"}}


def one(*parts, role="user", **more):
    return messages_of([{"role": role, "parts": list(parts), **more}])


def test_one_text_is_the_content():
    """The common case."""
    assert one(TEXT) == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi"}]


def test_several_texts_stay_parts_in_order():
    """Joining them would invent text that nobody said."""
    [message] = one(TEXT, {"type": "text", "content": "there"})
    assert message[c.MESSAGE_CONTENTS] == [
        {c.PART_TYPE: "text", c.PART_TEXT: "hi"},
        {c.PART_TYPE: "text", c.PART_TEXT: "there"},
    ]
    assert c.MESSAGE_CONTENT not in message


def test_text_beside_a_tool_call_is_one_message_with_both():
    """The assistant says "let me check" and calls: one step."""
    assert one(TEXT, CALL, role="assistant") == [
        {
            c.MESSAGE_ROLE: "assistant",
            c.MESSAGE_CONTENT: "hi",
            c.MESSAGE_TOOL_CALLS: [{c.CALL_ID: "call_1", c.CALL_NAME: "look_up", c.CALL_ARGUMENTS: '{"order":"A-1"}'}],
        }
    ]


@pytest.mark.parametrize(("arguments", "text"), [('{"a": 1}', '{"a": 1}'), ({"a": 1}, '{"a":1}'), (None, None)])
def test_arguments_are_json_text(arguments, text):
    """Instrumentations write them as text or as object, and leave out empty ones."""
    [message] = one({**CALL, "arguments": arguments}, role="assistant")
    assert message[c.MESSAGE_TOOL_CALLS][0][c.CALL_ARGUMENTS] == text


@pytest.mark.parametrize("role", ["user", "tool"])
@pytest.mark.parametrize("key", ["response", "result"])
@pytest.mark.parametrize(("value", "content"), [("rainy", "rainy"), ({"t": 57}, '{"t":57}'), (None, None)])
def test_a_tool_result_is_a_message_of_the_tool(role, key, value, content):
    """Pydantic AI and ADK send results as user messages; a user who says them would be an invented turn."""
    [message] = one({"type": "tool_call_response", "id": "call_1", "name": "look_up", key: value}, role=role)
    assert message[c.MESSAGE_ROLE] == "tool"
    assert message[c.MESSAGE_TOOL_CALL_ID] == "call_1"
    assert message[c.MESSAGE_NAME] == "look_up"
    assert message.get(c.MESSAGE_CONTENT) == content


def test_several_results_are_several_messages():
    """Parallel calls are answered one by one."""
    results = [{"type": "tool_call_response", "id": str(i), "response": str(i)} for i in range(3)]
    assert [message[c.MESSAGE_TOOL_CALL_ID] for message in one(*results)] == ["0", "1", "2"]


def test_text_beside_results_keeps_its_place():
    """What stands before the results was said before them."""
    result = {"type": "tool_call_response", "id": "1", "response": "r"}
    assert [message[c.MESSAGE_ROLE] for message in one(result, TEXT)] == ["tool", "user"]
    assert [message[c.MESSAGE_ROLE] for message in one(TEXT, result)] == ["user", "tool"]


def test_media_are_described_and_their_data_is_left_out():
    """An image of megabytes on every call of the history would be stored again and again."""
    data = base64.b64encode(b"x" * 10_000).decode()
    [message] = one(TEXT, {"type": "blob", "modality": "image", "mime_type": "image/png", "content": data})
    part = message[c.MESSAGE_CONTENTS][1]
    assert part[c.PART_TYPE] == "image"
    assert part[c.PART_URL] is None
    assert json.loads(part[c.PART_JSON]) == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "bytes": 10_000,
    }


def test_small_data_is_kept():
    """Below 1 kB the data is cheaper than its loss."""
    [message] = one({"type": "blob", "modality": "audio", "mime_type": "audio/wav", "content": "AAA="})
    part = message[c.MESSAGE_CONTENTS][0]
    assert part[c.PART_TYPE] == "audio"
    assert json.loads(part[c.PART_JSON])["content"] == "AAA="
    assert json.loads(part[c.PART_JSON])["bytes"] == 2


def test_addresses_of_media_are_kept():
    """A judge or a page can show what the model saw."""
    [message] = one({"type": "uri", "modality": "video", "uri": "https://e.example/v.mp4"})
    assert message[c.MESSAGE_CONTENTS][0][c.PART_TYPE] == "video"
    assert message[c.MESSAGE_CONTENTS][0][c.PART_URL] == "https://e.example/v.mp4"


def test_reasoning_and_unknown_parts_are_kept():
    """Parts that no version of the conventions knows yet must not vanish."""
    [message] = one({"type": "reasoning", "content": "hm"}, {"type": "compaction", "id": "c"}, {"type": 5})
    parts = message[c.MESSAGE_CONTENTS]
    assert parts[0] == {c.PART_TYPE: "reasoning", c.PART_TEXT: "hm"}
    assert parts[1] == {c.PART_TYPE: "compaction", c.PART_TEXT: None, c.PART_JSON: '{"type":"compaction","id":"c"}'}
    assert parts[2][c.PART_JSON] == '{"type":5}'


def test_plain_content_is_accepted_in_place_of_parts():
    """Hand-made spans write the chat format of OpenAI."""
    assert messages_of('[{"role":"user","content":"hi","name":"Ann"}]') == [
        {c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi", c.MESSAGE_NAME: "Ann"}
    ]


@pytest.mark.parametrize("value", [None, "", "cut [{", 5, "5"])
def test_what_is_no_list_of_messages_is_none(value):
    """The attribute then stays where it was."""
    assert messages_of(value) is None


@pytest.mark.parametrize(
    ("instructions", "content"),
    [('[{"type":"text","content":"be kind"}]', "be kind"), ("be kind", "be kind"), (["be kind"], "be kind")],
)
def test_instructions_are_a_system_message(instructions, content):
    """They are parts by the specification, and plain text from some instrumentations."""
    assert system_message(instructions) == {c.MESSAGE_ROLE: "system", c.MESSAGE_CONTENT: content}


@pytest.mark.parametrize("instructions", [None, "", [], "[]", 5])
def test_no_instructions_are_no_message(instructions):
    """An empty system message would be invented."""
    assert system_message(instructions) is None


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    ["role", "parts", "type", "content", "id", "name", "arguments", "response", "modality"]
                ),
                inner,
            )
        ),
        max_leaves=30,
    )
)
def test_any_json_is_survived(value):
    """Spans are hostile input; a strange message must not cost its span."""
    assert messages_of(value) is None or all(isinstance(message, dict) for message in messages_of(value))
    system_message(value)
