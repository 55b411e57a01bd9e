"""OpenLLMetry (Traceloop): messages of releases up to 0.4x as indexed attributes, and the spans of its decorators.

Current releases write messages as GenAI attributes; their workflow, task, agent and tool spans are read here.

Source: opentelemetry-semantic-conventions-ai; traceloop-sdk, decorators; recorded spans of 0.40 and 0.62.
"""

import re
from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, read_fields, text
from sessioneval.semconv.function_values import arguments_text, input_text, output_text, result_of
from sessioneval.semconv.genai import KINDS as GENAI_KINDS
from sessioneval.semconv.json_text import parsed
from sessioneval.semconv.openai_messages import chat_messages
from sessioneval.semconv.tool_definitions import tool_definitions

SPAN_KIND = "traceloop.span.kind"
NAME = "traceloop.entity.name"
INPUT = "traceloop.entity.input"
OUTPUT = "traceloop.entity.output"
REQUEST_TYPE = "llm.request.type"

KINDS = {"workflow": "CHAIN", "task": "CHAIN", "agent": "AGENT", "tool": "TOOL"}
"""`traceloop.span.kind` to OpenInference kind."""

REQUEST_KINDS = {"chat": "LLM", "completion": "LLM", "embedding": "EMBEDDING", "rerank": "RERANKER"}
"""`llm.request.type` to OpenInference kind."""

FIELDS = (Field(c.TOTAL_TOKENS, ("llm.usage.total_tokens",), int64),)

# No leading zeros: "00" and "0" would be one index, and one of two values would be lost.
_INDEX = r"(0|[1-9][0-9]{0,8})"
_MESSAGE = re.compile(rf"gen_ai\.(prompt|completion)\.{_INDEX}\.(?:message\.)?(.+)", re.DOTALL)
_CALL = re.compile(rf"tool_calls\.{_INDEX}\.(id|name|arguments)")
_FUNCTION = re.compile(rf"llm\.request\.functions\.{_INDEX}\.(name|description|parameters)")
_PREFIXES = ("traceloop.", "llm.request.", "gen_ai.prompt.", "gen_ai.completion.")


def _recognises(span: RawSpan) -> bool:
    return any(key.startswith(_PREFIXES) for key in span.attributes)


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    lists = _indexed(attributes)
    kind = _kind(attributes, lists)
    found = {
        c.SPAN_KIND: kind,
        c.INPUT_MESSAGES: _messages(lists["prompt"], None if span.dropped_attributes else "user"),
        c.OUTPUT_MESSAGES: _messages(lists["completion"], "assistant"),
        c.TOOLS: tool_definitions(_functions(attributes)),
        **read_fields(attributes, FIELDS),
        **_entity(attributes, kind),
    }
    return {column: value for column, value in found.items() if value is not None}


def _kind(attributes: Mapping[str, Any], lists: Mapping[str, Any]) -> str | None:
    """Return the kind; a span that lost its first attributes to a limit is known by its messages."""
    if str(attributes.get(a.GEN_AI_OPERATION_NAME)) in GENAI_KINDS:
        return None
    named = KINDS.get(str(attributes.get(SPAN_KIND))) or REQUEST_KINDS.get(str(attributes.get(REQUEST_TYPE)))
    return named or ("LLM" if lists["prompt"] or lists["completion"] else None)


def _indexed(attributes: Mapping[str, Any]) -> dict[str, dict[int, dict[str, Any]]]:
    """Return the messages of prompt and completion by index, tool calls by index inside them."""
    lists: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    for key, value in attributes.items():
        match = _MESSAGE.fullmatch(key)
        if match is None:
            continue
        message = lists[match[1]].setdefault(int(match[2]), {})
        call = _CALL.fullmatch(match[3])
        if call is None:
            message[match[3]] = value
        else:
            message.setdefault("calls", {}).setdefault(int(call[1]), {})[call[2]] = value
    return lists


def _messages(indexed: Mapping[int, Mapping[str, Any]], role: str | None) -> list[dict[str, Any]] | None:
    """Return messages in the order of their indexes.

    Args:
        indexed: Leaves of each message.
        role: That of a message without one; None drops such messages, since a limit on attributes cut them.
    """
    return chat_messages([_message(indexed[index], role) for index in sorted(indexed)])


def _message(leaves: Mapping[str, Any], role: str | None) -> dict[str, Any]:
    calls = leaves.get("calls", {})
    return {
        **{key: value for key, value in leaves.items() if key != "calls"},
        "role": leaves.get("role") or role,
        "content": _content(leaves.get("content")),
        "tool_calls": [calls[index] for index in sorted(calls)],
    }


def _content(content: Any) -> Any:
    """Return content; content of several parts was written as JSON."""
    parts = parsed(content) if isinstance(content, str) and content.startswith("[") else None
    is_parts = isinstance(parts, list) and parts and all(isinstance(part, dict) and "type" in part for part in parts)
    return parts if is_parts else content


def _functions(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    functions: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if match := _FUNCTION.fullmatch(key):
            functions.setdefault(int(match[1]), {})[match[2]] = value
    return [functions[index] for index in sorted(functions)]


def _entity(attributes: Mapping[str, Any], kind: str | None) -> dict[str, Any]:
    """Return what the span of a decorated function says; `kind` is None where a GenAI attribute tells it."""
    if SPAN_KIND not in attributes:
        return {}
    sent, given = attributes.get(INPUT), attributes.get(OUTPUT)
    if KINDS.get(str(attributes[SPAN_KIND])) == "TOOL":
        result, call_id = result_of(given)
        return {
            c.TOOL_NAME: text(attributes.get(NAME)),
            c.TOOL_CALL_ID: call_id,
            c.INPUT_VALUE: arguments_text(sent),
            c.OUTPUT_VALUE: result,
        }
    values = {c.INPUT_VALUE: input_text(sent), c.OUTPUT_VALUE: output_text(given)}
    return {c.AGENT_NAME: text(attributes.get(NAME)), **values} if kind == "AGENT" else values


OPENLLMETRY = Dialect(name="openllmetry", recognises=_recognises, columns=_columns)
