"""MLflow tracing over OTLP: every attribute value is JSON, inputs and outputs are whole request and response bodies.

With ``MLFLOW_ENABLE_OTEL_GENAI_SEMCONV=true`` MLflow writes GenAI attributes instead; then only the doubly encoded
tool results are read here.

Source: mlflow, mlflow/tracing/constant.py and mlflow/entities/span.py; recorded spans.
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.chat_bodies import answer_messages, request_messages, response_messages
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, read_fields, text
from sessioneval.semconv.function_values import decoded, function_columns, result_of, tool_columns
from sessioneval.semconv.json_text import parsed
from sessioneval.semconv.tool_definitions import tool_definitions

TYPE = "mlflow.spanType"
INPUT = "mlflow.spanInputs"
OUTPUT = "mlflow.spanOutputs"
_USAGE = "mlflow.chat.tokenUsage"
_TOOL_RESULT = "gen_ai.tool.call.result"
_SCOPE_PREFIX = "mlflow"

KINDS = {
    "LLM": "LLM",
    "CHAT_MODEL": "LLM",
    "AGENT": "AGENT",
    "TOOL": "TOOL",
    "CHAIN": "CHAIN",
    "WORKFLOW": "CHAIN",
    "TASK": "CHAIN",
    "PARSER": "CHAIN",
    "MEMORY": "CHAIN",
    "RETRIEVER": "RETRIEVER",
    "RERANKER": "RERANKER",
    "EMBEDDING": "EMBEDDING",
    "GUARDRAIL": "GUARDRAIL",
    "EVALUATOR": "EVALUATOR",
}
"""`mlflow.spanType` to OpenInference kind."""


def _decoded_text(value: Any) -> str | None:
    return text(decoded(value))


FIELDS = (
    Field(c.MODEL_NAME, ("mlflow.llm.model",), _decoded_text),
    Field(c.PROVIDER, ("mlflow.llm.provider",), _decoded_text),
    Field(c.TOOLS, ("mlflow.chat.tools",), tool_definitions),
)

_USAGE_FIELDS = (
    Field(c.PROMPT_TOKENS, ("input_tokens",), int64),
    Field(c.COMPLETION_TOKENS, ("output_tokens",), int64),
    Field(c.TOTAL_TOKENS, ("total_tokens",), int64),
)


def _recognises(span: RawSpan) -> bool:
    return TYPE in span.attributes or span.scope_name.startswith(_SCOPE_PREFIX)


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    usage = parsed(attributes.get(_USAGE))
    kind = KINDS.get(str(decoded(attributes.get(TYPE))))
    found = {
        c.SPAN_KIND: kind,
        c.OUTPUT_VALUE: _genai_result(attributes),
        **read_fields(attributes, FIELDS),
        **read_fields(usage if isinstance(usage, dict) else {}, _USAGE_FIELDS),
        **(_READERS.get(kind or "", _function)(span) if TYPE in attributes else {}),
    }
    return {column: value for column, value in found.items() if value is not None}


def _genai_result(attributes: Mapping[str, Any]) -> str | None:
    return result_of(attributes[_TOOL_RESULT])[0] if _TOOL_RESULT in attributes else None


def _model(span: RawSpan) -> dict[str, Any]:
    sent, given = span.attributes.get(INPUT), span.attributes.get(OUTPUT)
    body = parsed(given)
    identifier = body.get("id") if isinstance(body, dict) else None
    return {
        c.INPUT_MESSAGES: request_messages(sent),
        c.OUTPUT_MESSAGES: answer_messages(body) if isinstance(body, str) else response_messages(given),
        c.RESPONSE_ID: text(identifier),
    }


def _tool(span: RawSpan) -> dict[str, Any]:
    return tool_columns(span.name, span.attributes.get(INPUT), span.attributes.get(OUTPUT))


def _agent(span: RawSpan) -> dict[str, Any]:
    return {c.AGENT_NAME: span.name, **_function(span)}


def _function(span: RawSpan) -> dict[str, Any]:
    return function_columns(span.attributes.get(INPUT), span.attributes.get(OUTPUT))


_READERS = {"LLM": _model, "TOOL": _tool, "AGENT": _agent}

MLFLOW = Dialect(name="mlflow", recognises=_recognises, columns=_columns)
