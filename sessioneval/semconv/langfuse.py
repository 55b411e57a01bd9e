"""Langfuse SDK: one JSON value for the input of an observation and one for its output.

A generation has the messages of a model call, with tools as ``{"tools", "messages"}``; an ``@observe`` function has
``{"args", "kwargs"}`` and its result.

Source: langfuse-python, langfuse/_client/attributes.py; langfuse, OtelIngestionProcessor.ts; recorded spans.
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.chat_bodies import answer_messages, request_messages
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, json_or_text, read_fields, text, texts
from sessioneval.semconv.function_values import function_columns, input_text, tool_columns
from sessioneval.semconv.json_text import json_text, parsed
from sessioneval.semconv.tool_definitions import tool_definitions

TYPE = "langfuse.observation.type"
INPUT = "langfuse.observation.input"
OUTPUT = "langfuse.observation.output"
_USAGE = "langfuse.observation.usage_details"
_METADATA_PREFIX = "langfuse.trace.metadata."

KINDS = {
    "span": "CHAIN",
    "chain": "CHAIN",
    "generation": "LLM",
    "agent": "AGENT",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "evaluator": "EVALUATOR",
    "guardrail": "GUARDRAIL",
    "embedding": "EMBEDDING",
}
"""`langfuse.observation.type` to OpenInference kind."""

FIELDS = (
    Field(c.MODEL_NAME, ("langfuse.observation.model.name",), text),
    Field(c.INVOCATION_PARAMETERS, ("langfuse.observation.model.parameters",), json_or_text),
    Field(c.TAGS, ("langfuse.trace.tags",), texts),
    Field(c.AGENT_VERSION, ("langfuse.version", "langfuse.release"), text),
)

_USAGE_FIELDS = (
    Field(c.PROMPT_TOKENS, ("prompt_tokens", "input_tokens", "input"), int64),
    Field(c.COMPLETION_TOKENS, ("completion_tokens", "output_tokens", "output"), int64),
    Field(c.TOTAL_TOKENS, ("total_tokens", "total"), int64),
)


def _recognises(span: RawSpan) -> bool:
    return any(key in span.attributes for key in (TYPE, INPUT, OUTPUT))


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    usage = parsed(attributes.get(_USAGE))
    kind = _kind(attributes)
    found = {
        c.SPAN_KIND: kind,
        c.METADATA: _metadata(attributes),
        **read_fields(attributes, FIELDS),
        **read_fields(usage if isinstance(usage, dict) else {}, _USAGE_FIELDS),
        **_READERS.get(kind or "", _function)(span),
    }
    return {column: value for column, value in found.items() if value is not None}


def _kind(attributes: Mapping[str, Any]) -> str | None:
    """Return the kind; a span without a type is one that the SDK calls ``span``."""
    kind = attributes.get(TYPE, "span")
    return KINDS.get(kind) if isinstance(kind, str) else None


def _metadata(attributes: Mapping[str, Any]) -> str | None:
    found = {key.removeprefix(_METADATA_PREFIX): value for key, value in attributes.items() if _is_metadata(key)}
    return json_text({key: parsed(value) or value for key, value in found.items()}) if found else None


def _is_metadata(key: str) -> bool:
    return key.startswith(_METADATA_PREFIX)


def _generation(span: RawSpan) -> dict[str, Any]:
    sent = span.attributes.get(INPUT)
    body = parsed(sent)
    return {
        c.INPUT_MESSAGES: request_messages(sent) or request_messages({"input": input_text(sent)}),
        c.OUTPUT_MESSAGES: answer_messages(span.attributes.get(OUTPUT)),
        c.TOOLS: tool_definitions(body.get("tools") or body.get("functions")) if isinstance(body, dict) else None,
    }


def _tool(span: RawSpan) -> dict[str, Any]:
    return tool_columns(span.name, span.attributes.get(INPUT), span.attributes.get(OUTPUT))


def _agent(span: RawSpan) -> dict[str, Any]:
    return {c.AGENT_NAME: span.name, **_function(span)}


def _function(span: RawSpan) -> dict[str, Any]:
    return function_columns(span.attributes.get(INPUT), span.attributes.get(OUTPUT))


_READERS = {"LLM": _generation, "TOOL": _tool, "AGENT": _agent}

LANGFUSE = Dialect(name="langfuse", recognises=_recognises, columns=_columns)
