"""LangSmith's own tracing exported over OTel: input and output of a run as one JSON text each.

A model run has LangChain's serialised messages and ``{"generations": [[...]]}``, or the request and response of a
wrapped client; a tool run has its arguments and ``{"output": {...}}``; a chain run has the state of the graph.

Source: LangSmith documentation, "Trace with OpenTelemetry"; langsmith-sdk, ``_otel_exporter.py``; recorded spans.
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.chat_bodies import request_messages, response_messages
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, read_fields, text
from sessioneval.semconv.function_values import arguments_text, input_text, output_text, result_of

KIND = "langsmith.span.kind"
INPUT = "gen_ai.prompt"
OUTPUT = "gen_ai.completion"
_SCOPE = "langsmith"

KINDS = {
    "llm": "LLM",
    "tool": "TOOL",
    "retriever": "RETRIEVER",
    "embedding": "EMBEDDING",
    "prompt": "PROMPT",
    "chain": "CHAIN",
    "parser": "CHAIN",
}
"""`langsmith.span.kind` to OpenInference kind."""

FIELDS = (
    Field(c.AGENT_NAME, ("langsmith.metadata.lc_agent_name", "langsmith.metadata.ls_agent_name"), text),
    Field(c.AGENT_VERSION, ("langsmith.metadata.revision_id",), text),
    Field(c.MODEL_NAME, ("langsmith.metadata.ls_model_name",), text),
)


def _recognises(span: RawSpan) -> bool:
    return KIND in span.attributes or span.scope_name == _SCOPE


def _columns(span: RawSpan) -> dict[str, Any]:
    named = span.attributes.get(KIND)
    kind = KINDS.get(named) if isinstance(named, str) else None
    sent, given = span.attributes.get(INPUT), span.attributes.get(OUTPUT)
    found = {
        c.SPAN_KIND: kind,
        **read_fields(span.attributes, FIELDS),
        **_READERS.get(kind or "", _chain)(sent, given),
    }
    if kind == "TOOL":
        found[c.TOOL_NAME] = span.name
    return {column: value for column, value in found.items() if value is not None}


def _model(sent: Any, given: Any) -> dict[str, Any]:
    return {c.INPUT_MESSAGES: request_messages(sent), c.OUTPUT_MESSAGES: response_messages(given)}


def _tool(sent: Any, given: Any) -> dict[str, Any]:
    result, call_id = result_of(given)
    return {c.INPUT_VALUE: arguments_text(sent), c.OUTPUT_VALUE: result, c.TOOL_CALL_ID: call_id}


def _chain(sent: Any, given: Any) -> dict[str, Any]:
    return {c.INPUT_VALUE: input_text(sent), c.OUTPUT_VALUE: output_text(given)}


_READERS = {"LLM": _model, "TOOL": _tool}

LANGSMITH = Dialect(name="langsmith", recognises=_recognises, columns=_columns)
