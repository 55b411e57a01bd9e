"""Arguments and results of traced functions, taken out of what the SDKs wrap around them.

Decorators write the arguments of a function as ``{"args": [...], "kwargs": {...}}``, LangChain's callbacks as
``{"inputs": ..., "tags": ..., "metadata": ...}`` and a result as ``{"output": ...}``, and a result that is JSON
text is encoded again.

Source: spans recorded from Langfuse, OpenLLMetry, LangSmith and MLflow.
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.semconv.json_text import parsed, text_of
from sessioneval.semconv.openai_messages import chat_messages, last_text

_MAX_ENCODINGS = 4
_CALLBACK_KEYS = ("inputs", "outputs", "output")


def decoded(value: Any) -> Any:
    r"""Return text that was encoded as a JSON string, once or more often, as itself; anything else as it is.

    JSON's null is None.

    Example:
        >>> decoded('"{\\"a\\": 1}"'), decoded('{"a": 1}'), decoded('say "x"')
        ('{"a": 1}', '{"a": 1}', 'say "x"')
    """
    for _ in range(_MAX_ENCODINGS):
        inner = parsed(value) if isinstance(value, str) and value.lstrip().startswith('"') else None
        if not isinstance(inner, str):
            break
        value = inner
    return None if value == "null" else value


def arguments_text(value: Any) -> str | None:
    """Return the arguments of a tool as JSON text.

    Example:
        >>> arguments_text('{"args": [], "kwargs": {"order_id": "A-1"}}')
        '{"order_id":"A-1"}'
    """
    arguments = _arguments(value)
    return text_of(decoded(value) if arguments is None else arguments)


def input_text(value: Any) -> str | None:
    """Return what was put into an agent or a chain: its one text, the user's last message, or the arguments.

    Example:
        >>> input_text('{"args": ["Where is it?"], "kwargs": {}}'), input_text('{"message": "Hi"}')
        ('Where is it?', 'Hi')
    """
    structured = parsed(decoded(value))
    call = structured if isinstance(structured, dict) else {}
    if (said := last_text(_state_messages(call), "user")) is not None:
        return said
    values = [*_list(call.get("args")), *_dict(call.get("kwargs")).values()] if _is_call(call) else [*call.values()]
    return values[0] if len(values) == 1 and isinstance(values[0], str) else text_of(decoded(value))


def output_text(value: Any) -> str | None:
    """Return what an agent or a chain gave back: its text, the model's last message, or the result itself."""
    text = decoded(value)
    structured = parsed(text)
    if not isinstance(structured, dict):
        return text_of(text)
    return last_text(_state_messages(structured), "assistant") or text_of(text)


def result_of(value: Any) -> tuple[str | None, str | None]:
    """Return (text, call id) of a tool's result; the call id is None where the result does not name it.

    Example:
        >>> result_of('{"output": {"type": "tool", "content": "ok", "tool_call_id": "c1"}}')
        ('ok', 'c1')
    """
    text = decoded(value)
    structured = parsed(text)
    held = structured.get("output") if isinstance(structured, dict) and _is_callback(structured, "output") else None
    messages = chat_messages(held if isinstance(held, dict) else structured)
    if messages and len(messages) == 1 and messages[0].get(c.MESSAGE_ROLE) == "tool":
        return messages[0].get(c.MESSAGE_CONTENT), messages[0].get(c.MESSAGE_TOOL_CALL_ID)
    return text_of(decoded(held)) if held is not None else text_of(text), None


def _arguments(value: Any) -> Any:
    """Return the arguments inside the wrapper; None if there is no wrapper."""
    call = parsed(decoded(value))
    if not isinstance(call, dict):
        return None
    if _is_call(call):
        return call["kwargs"] if not call.get("args") else None
    if "input_str" in call:
        return call["inputs"] if isinstance(call.get("inputs"), dict) else text_of(call["input_str"])
    return call["input"] if set(call) == {"input"} and isinstance(call["input"], str | dict) else None


def _is_call(call: dict[str, Any]) -> bool:
    return set(call) == {"args", "kwargs"}


def _is_callback(call: dict[str, Any], key: str) -> bool:
    return key in call and set(call) <= {key, "kwargs", "tags", "metadata"}


def _state_messages(call: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Return the messages of a LangGraph state, plain or inside a callback's wrapper."""
    inner = next((call[key] for key in _CALLBACK_KEYS if isinstance(call.get(key), dict)), call)
    return chat_messages(inner.get("messages"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def tool_columns(name: str, arguments: Any, output: Any) -> dict[str, Any]:
    """Return the columns of a traced function that is a tool."""
    result, call_id = result_of(output)
    return {
        c.TOOL_NAME: name,
        c.TOOL_CALL_ID: call_id,
        c.INPUT_VALUE: arguments_text(arguments),
        c.OUTPUT_VALUE: result,
    }


def function_columns(arguments: Any, output: Any) -> dict[str, Any]:
    """Return the columns of a traced function that wraps others."""
    return {c.INPUT_VALUE: input_text(arguments), c.OUTPUT_VALUE: output_text(output)}
