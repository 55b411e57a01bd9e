"""OpenTelemetry GenAI semantic conventions, current form: messages as JSON attributes of parts.

Source: open-telemetry/semantic-conventions-genai, docs/gen-ai/gen-ai-spans.md and gen-ai-agent-spans.md.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, json_or_text, read_fields, text
from sessioneval.semconv.genai_messages import messages_of, system_message
from sessioneval.semconv.json_text import json_text, parsed

KINDS = {
    "chat": "LLM",
    "generate_content": "LLM",
    "text_completion": "LLM",
    "invoke_agent": "AGENT",
    "create_agent": "AGENT",
    "execute_tool": "TOOL",
    "embeddings": "EMBEDDING",
    "retrieval": "RETRIEVER",
    "invoke_workflow": "CHAIN",
}
"""`gen_ai.operation.name` to OpenInference kind."""

FIELDS = (
    Field(c.AGENT_VERSION, ("gen_ai.agent.version",), text),
    Field(c.AGENT_NAME, ("gen_ai.agent.name",), text),
    Field(c.INPUT_VALUE, ("gen_ai.tool.call.arguments",), json_or_text),
    Field(c.OUTPUT_VALUE, ("gen_ai.tool.call.result",), json_or_text),
    Field(c.MODEL_NAME, ("gen_ai.response.model", "gen_ai.request.model"), text),
    Field(c.PROVIDER, ("gen_ai.provider.name", "gen_ai.system"), text),
    Field(c.PROMPT_TOKENS, ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"), int64),
    Field(c.COMPLETION_TOKENS, ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"), int64),
    Field(c.TOTAL_TOKENS, ("gen_ai.usage.total_tokens",), int64),
    Field(c.RESPONSE_ID, ("gen_ai.response.id",), text),
    Field(c.TOOL_NAME, ("gen_ai.tool.name",), text),
    Field(c.TOOL_DESCRIPTION, ("gen_ai.tool.description",), text),
    Field(c.TOOL_CALL_ID, ("gen_ai.tool.call.id",), text),
)


def _recognises(span: RawSpan) -> bool:
    return any(key.startswith(a.GEN_AI_PREFIX) for key in span.attributes)


def _columns(span: RawSpan) -> dict[str, Any]:
    attributes = span.attributes
    found = {
        c.SPAN_KIND: _kind(attributes.get(a.GEN_AI_OPERATION_NAME)),
        c.INPUT_MESSAGES: input_messages(attributes),
        c.OUTPUT_MESSAGES: messages_of(attributes.get(a.GEN_AI_OUTPUT_MESSAGES)),
        c.TOOLS: _tools(attributes.get(a.GEN_AI_TOOL_DEFINITIONS)),
        **read_fields(attributes, FIELDS),
    }
    return {column: value for column, value in found.items() if value is not None}


def _kind(operation: Any) -> str | None:
    return KINDS.get(operation) if isinstance(operation, str) else None


def input_messages(
    attributes: Mapping[str, Any], standard: Callable[[dict[str, Any]], dict[str, Any]] | None = None
) -> list[dict[str, Any]] | None:
    """Return the input messages, led by the instructions that the API takes apart from them.

    Args:
        attributes: Those of a span, or of an event that stands in for it.
        standard: Turns a message of another dialect into one of GenAI.
    """
    messages = messages_of(attributes.get(a.GEN_AI_INPUT_MESSAGES), standard)
    system = system_message(attributes.get(a.GEN_AI_SYSTEM_INSTRUCTIONS))
    if not messages or system is None or system.items() <= messages[0].items():
        return messages
    return [system, *messages]


def _tools(definitions: Any) -> list[dict[str, str]] | None:
    tools = parsed(definitions)
    if not isinstance(tools, list | tuple):
        return None
    return [{c.TOOL_JSON_SCHEMA: _tool_schema(tool)} for tool in tools]


def _tool_schema(tool: Any) -> str:
    """Return a definition in the shape that OpenInference uses: the function under the key `function`."""
    if isinstance(tool, str):
        return tool
    if not isinstance(tool, dict) or "function" in tool or "name" not in tool:
        return json_text(tool)
    function = {key: value for key, value in tool.items() if key != "type"}
    return json_text({"type": tool.get("type", "function"), "function": function})


GENAI = Dialect(name="genai", recognises=_recognises, columns=_columns)
