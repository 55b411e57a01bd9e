"""OpenInference: the vocabulary of the store's own columns, so every span is read for it.

Source: OpenInference semantic conventions, spec/semantic_conventions.md.
"""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, json_or_text, read_fields, text, texts
from sessioneval.semconv.flattening import Unflattened, unflatten

UNKNOWN_KIND = "UNKNOWN"
_MODEL_KINDS = ("LLM", "EMBEDDING", "RERANKER", "RETRIEVER", "TOOL", "PROMPT")
_FLOW_KINDS = ("AGENT", "CHAIN", "DECISION", "GUARDRAIL", "EVALUATOR")
KINDS = frozenset([*_MODEL_KINDS, *_FLOW_KINDS])
"""Values of `openinference.span.kind` that say something."""

FIELDS = (
    Field(c.OPENINFERENCE_KIND, ("openinference.span.kind",), text),
    Field(c.SOURCE, ("session.source",), text),
    Field(c.AGENT_VERSION, ("agent.version",), text),
    Field(c.SESSION_STATUS, ("session_status",), text),
    Field(c.METADATA, ("metadata",), json_or_text),
    Field(c.TAGS, ("tag.tags",), texts),
    Field(c.AGENT_NAME, ("agent.name",), text),
    Field(c.INPUT_VALUE, ("input.value",), json_or_text),
    Field(c.INPUT_MIME_TYPE, ("input.mime_type",), text),
    Field(c.OUTPUT_VALUE, ("output.value",), json_or_text),
    Field(c.OUTPUT_MIME_TYPE, ("output.mime_type",), text),
    Field(c.MODEL_NAME, ("llm.model_name", "llm.response.model_name", "llm.request.model_name"), text),
    Field(c.PROVIDER, ("llm.provider",), text),
    Field(c.INVOCATION_PARAMETERS, ("llm.invocation_parameters",), json_or_text),
    Field(c.PROMPT_TOKENS, ("llm.token_count.prompt",), int64),
    Field(c.COMPLETION_TOKENS, ("llm.token_count.completion",), int64),
    Field(c.TOTAL_TOKENS, ("llm.token_count.total",), int64),
    Field(c.RESPONSE_ID, ("llm.response.id",), text),
    Field(c.TOOL_NAME, ("tool.name",), text),
    Field(c.TOOL_DESCRIPTION, ("tool.description",), text),
    Field(c.TOOL_PARAMETERS, ("tool.parameters",), json_or_text),
    Field(c.TOOL_CALL_ID, ("tool.id", "tool_call.id"), text),
)

_NAMESAKES = {field.keys[0]: field for field in FIELDS}


def openinference_columns(unflattened: Unflattened) -> dict[str, Any]:
    """Return the columns of a span whose messages have been made of its flattened attributes."""
    lists, rest = unflattened
    found = {**lists, **read_fields(rest, FIELDS)}
    kind = found.get(c.OPENINFERENCE_KIND, "").upper()
    if kind in KINDS:
        found[c.SPAN_KIND] = kind
    found[c.ATTRIBUTES] = {key: value for key, value in rest.items() if not _is_held(found, key, value)}
    return found


def _columns(span: RawSpan) -> dict[str, Any]:
    return openinference_columns(unflatten(span.attributes))


def _is_held(found: dict[str, Any], key: str, value: Any) -> bool:
    """Return whether the column named like the attribute says exactly what its value says."""
    field = _NAMESAKES.get(key)
    held = found.get(field.column) if field else None
    if field is None or held is None or field.read(value) != held:
        return False
    return isinstance(value, list | tuple | dict) or bool(held == value)


def _is_any(_: RawSpan) -> bool:
    return True


OPENINFERENCE = Dialect(name="openinference", recognises=_is_any, columns=_columns)
