"""Model calls whose messages stand only in `input.value` and `output.value`, as request and response bodies.

Source: recorded spans of openinference-instrumentation-openai-agents 2.6 (streamed chat completions).
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.chat_bodies import response_messages
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.json_text import parsed
from sessioneval.semconv.openai_messages import chat_messages

_KIND = "openinference.span.kind"


def _recognises(span: RawSpan) -> bool:
    return span.attributes.get(_KIND) == "LLM"


def _columns(span: RawSpan) -> dict[str, Any]:
    response = _body(span.attributes.get("output.value"))
    found = {
        c.INPUT_MESSAGES: _sent(_body(span.attributes.get("input.value"))),
        c.OUTPUT_MESSAGES: None if response is None else response_messages(response),
    }
    return {column: messages for column, messages in found.items() if messages}


def _sent(request: Any) -> list[dict[str, Any]] | None:
    """Return the messages of a request; LlamaIndex lists them as texts, which tell no roles."""
    items = request.get("messages") or request.get("input") if isinstance(request, dict) else request
    return chat_messages(items) if isinstance(items, list) else None


def _body(value: Any) -> Any:
    """Return a body; a plain text is none, and a list of one response stands for it."""
    body = parsed(value) if isinstance(value, str) and value[:1] in ("{", "[") else None
    if isinstance(body, list) and len(body) == 1 and isinstance(body[0], dict) and "role" not in body[0]:
        return body[0]
    return body if isinstance(body, dict | list) else None


VALUE_BODIES = Dialect(name="value_bodies", recognises=_recognises, columns=_columns)
