"""The shape that `sessioneval transcripts` writes for a message."""

from sessioneval.model.message import Message, ToolCall


def test_absent_optional_keys_are_left_out():
    """The documented shape marks them optional; null would be a third state."""
    assert set(Message(role="user", content="hi").to_dict()) == {"role", "content", "span_id", "turn"}


def test_all_keys_in_the_documented_order():
    """Other tools read this line; arguments stay an object, and call errors stay out."""
    full = Message(
        role="assistant",
        content="",
        turn=2,
        name="n",
        tool_calls=(ToolCall(id="c1", name="f", arguments={"a": [1]}, is_error=True),),
        tool_call_id="c0",
        span_id="0" * 16,
        agent="boss",
    )
    assert full.to_dict() == {
        "role": "assistant",
        "content": "",
        "name": "n",
        "tool_calls": [{"id": "c1", "name": "f", "arguments": {"a": [1]}}],
        "tool_call_id": "c0",
        "span_id": "0" * 16,
        "turn": 2,
        "agent": "boss",
    }
    assert list(full.to_dict()) == ["role", "content", "name", "tool_calls", "tool_call_id", "span_id", "turn", "agent"]
