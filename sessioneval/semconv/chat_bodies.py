"""Bodies of model requests and responses, as SDKs copy them whole into one attribute, read into messages.

Source: OpenAI API reference (chat completions, completions, responses), Anthropic API reference (messages),
langchain-core ``LLMResult``; spans recorded from Langfuse, LangSmith and MLflow.
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.semconv.json_text import parsed
from sessioneval.semconv.openai_messages import chat_messages, text_message

_REQUEST_KEYS = ("messages", "input", "inputs", "prompts", "prompt")
_RESPONSE_KEYS = ("message", "messages", "output", "outputs", "output_text", "text", "content")
_MAX_DEPTH = 4
_NOTHING = "null"


def request_messages(value: Any) -> list[dict[str, Any]] | None:
    """Return what a request sends: its messages, led by the instructions that it gives apart; None if it has none.

    Example:
        >>> request_messages({"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        [{'message.role': 'user', 'message.content': 'hi'}]
        >>> request_messages("hi")
        [{'message.role': 'user', 'message.content': 'hi'}]
    """
    return _request(value, 0)


def response_messages(value: Any) -> list[dict[str, Any]] | None:
    """Return what a response says, one message for each choice or item; None if it says nothing.

    Example:
        >>> response_messages({"choices": [{"message": {"role": "assistant", "content": "hello"}}]})
        [{'message.role': 'assistant', 'message.content': 'hello'}]
    """
    return _response(value, 0)


def answer_messages(value: Any) -> list[dict[str, Any]] | None:
    """Return what a response says, where a text alone may stand in place of the response, even if it is JSON.

    Example:
        >>> answer_messages('{"allowed": true}')
        [{'message.role': 'assistant', 'message.content': '{"allowed": true}'}]
    """
    return response_messages(value) or _plain(value, "assistant")


def _request(value: Any, depth: int) -> list[dict[str, Any]] | None:
    body = _body(value, depth)
    if isinstance(body, list | tuple):
        return chat_messages(body) or _plain(body[0] if body else None, "user")
    if not isinstance(body, dict):
        return _plain(body, "user")
    sent = chat_messages(body) or _first_of(body, _REQUEST_KEYS, _request, depth)
    system = body.get("system") or body.get("instructions")
    instructions = chat_messages([{"role": "system", "content": system}]) if system and sent else None
    return [*(instructions or ()), *sent] if sent else None


def _response(value: Any, depth: int) -> list[dict[str, Any]] | None:
    body = _body(value, depth)
    if isinstance(body, list | tuple):
        return chat_messages(body) or _plain(body[0] if len(body) == 1 else None, "assistant")
    if not isinstance(body, dict):
        return _plain(body, "assistant")
    choices = body.get("choices") or body.get("generations")
    if isinstance(choices, list | tuple) and choices and depth < _MAX_DEPTH:
        return [message for choice in _flat(choices) for message in _response(choice, depth + 1) or ()] or None
    return chat_messages(body) or _first_of(body, _RESPONSE_KEYS, _response, depth)


def _first_of(body: Mapping[str, Any], keys: tuple[str, ...], read: Any, depth: int) -> list[dict[str, Any]] | None:
    if depth >= _MAX_DEPTH:
        return None
    found = (read(body[key], depth + 1) for key in keys if body.get(key))
    return next((messages for messages in found if messages), None)


def _flat(choices: Any) -> list[Any]:
    """Return the choices; LangChain has a list of them for each prompt of a batch."""
    return list(choices[0]) if isinstance(choices[0], list | tuple) else list(choices)


def _body(value: Any, depth: int) -> Any:
    """Return what an attribute says; texts inside of it are what was said and stay as they are."""
    if depth > 0 or not isinstance(value, str):
        return value
    if value.strip() == _NOTHING:
        return None
    structured = parsed(value)
    return structured if isinstance(structured, list | dict | str) else value


def _plain(value: Any, role: str) -> list[dict[str, Any]] | None:
    return [text_message(role, value)] if isinstance(value, str) and value else None
