"""Vercel AI SDK 4 to 6: an outer span for each call of the app, inner ones for the model's steps and the tools.

Both repeat the same text. Messages are read from the inner spans; the outer one gives its plain input and output,
for where only it was exported.

Source: AI SDK telemetry documentation (ai-sdk-core/telemetry); spans recorded from versions 4, 5 and 6.
"""

from collections.abc import Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.cut_json import recovered
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.fields import Field, int64, json_or_text, read_fields, text
from sessioneval.semconv.genai_messages import messages_of
from sessioneval.semconv.json_text import parsed, text_of
from sessioneval.semconv.tool_definitions import tool_definitions

SCOPE = "ai"
_OPERATION = "ai.operationId"
_STEPS = (".doGenerate", ".doStream")
_KINDS = {"ai.toolCall": "TOOL", "ai.embed": "CHAIN", "ai.embedMany": "CHAIN", "ai.rerank": "CHAIN"}
_INNER_KINDS = {".doGenerate": "LLM", ".doStream": "LLM", ".doEmbed": "EMBEDDING", ".doRerank": "RERANKER"}

FIELDS = (
    # The app's name for the call: the one mark that tells its side calls (a title, a guardrail) from the talk.
    Field(c.AGENT_NAME, ("ai.telemetry.functionId",), text),
    Field(c.MODEL_NAME, ("ai.response.model", "ai.model.id"), text),
    Field(c.PROVIDER, ("ai.model.provider",), text),
    Field(c.RESPONSE_ID, ("ai.response.id",), text),
    Field(c.PROMPT_TOKENS, ("ai.usage.inputTokens", "ai.usage.promptTokens"), int64),
    Field(c.COMPLETION_TOKENS, ("ai.usage.outputTokens", "ai.usage.completionTokens"), int64),
    Field(c.TOTAL_TOKENS, ("ai.usage.totalTokens",), int64),
    Field(c.TOOL_NAME, ("ai.toolCall.name",), text),
    Field(c.TOOL_CALL_ID, ("ai.toolCall.id",), text),
    Field(c.INPUT_VALUE, ("ai.toolCall.args",), json_or_text),
)


def _recognises(span: RawSpan) -> bool:
    return _OPERATION in span.attributes or (span.scope_name == SCOPE and span.name.startswith("ai."))


def _columns(span: RawSpan) -> dict[str, Any]:
    operation = str(span.attributes.get(_OPERATION) or span.name.partition(" ")[0])
    found = {
        c.SPAN_KIND: _kind(operation),
        **read_fields(span.attributes, FIELDS),
        **(_step(span.attributes) if operation.endswith(_STEPS) else _whole(span.attributes)),
    }
    return {column: value for column, value in found.items() if value is not None}


def _kind(operation: str) -> str:
    inner = next((kind for suffix, kind in _INNER_KINDS.items() if operation.endswith(suffix)), None)
    return inner or _KINDS.get(operation, "AGENT")


def _step(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model call was sent and answered."""
    tools = attributes.get("ai.prompt.tools")
    return {
        c.INPUT_MESSAGES: messages_of(attributes.get("ai.prompt.messages"), _standard),
        c.OUTPUT_MESSAGES: _answer(attributes),
        c.TOOLS: tool_definitions([parsed(tool) for tool in tools]) if isinstance(tools, list | tuple) else None,
    }


def _whole(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain input and output of a tool, or of an outer span."""
    if "ai.toolCall.result" in attributes:
        result = attributes["ai.toolCall.result"]
        decoded = parsed(result)
        return {c.OUTPUT_VALUE: decoded if isinstance(decoded, str) else text_of(result)}
    return {
        c.INPUT_VALUE: attributes.get("ai.toolCall.args") or _question(attributes.get("ai.prompt")),
        c.OUTPUT_VALUE: _reply(attributes),
    }


def _question(prompt: Any) -> str | None:
    """Return what the user said last in an `ai.prompt`."""
    asked = recovered(prompt).value
    asked = asked if isinstance(asked, dict) else {}
    if isinstance(asked.get("prompt"), str):
        return str(asked["prompt"])
    said = messages_of(asked.get("messages", asked.get("prompt")), _standard) or []
    texts = (message.get(c.MESSAGE_CONTENT) for message in reversed(said) if message.get(c.MESSAGE_ROLE) == "user")
    return next((held for held in texts if held), None)


def _reply(attributes: Mapping[str, Any]) -> str | None:
    return text_of(attributes.get("ai.response.text") or attributes.get("ai.response.object"))


def _answer(attributes: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    calls = recovered(attributes.get("ai.response.toolCalls")).value
    parts = [
        {"type": "reasoning", "content": text_of(attributes.get("ai.response.reasoning"))},
        {"type": "text", "content": _reply(attributes)},
        *(_call(call) for call in (calls if isinstance(calls, list | tuple) else ()) if isinstance(call, dict)),
    ]
    said = [part for part in parts if part["type"] == "tool_call" or part["content"]]
    return messages_of([{"role": "assistant", "parts": said}]) if said else None


def _standard(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    parts = content if isinstance(content, list | tuple) else [content]
    return {"role": message.get("role"), "parts": [_part(part) for part in parts]}


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind in ("text", "reasoning"):
        return {"type": kind, "content": part.get("text")}
    if kind == "tool-call":
        return _call(part)
    if kind == "tool-result":
        return _result(part)
    return _medium(part) if kind in ("file", "image", "media") else part


def _call(part: dict[str, Any]) -> dict[str, Any]:
    arguments = part.get("input", part.get("args"))
    return {"type": "tool_call", "id": part.get("toolCallId"), "name": part.get("toolName"), "arguments": arguments}


def _result(part: dict[str, Any]) -> dict[str, Any]:
    """Return a tool result: version 4 has the value itself, later ones an object of its type and value."""
    output = part.get("output")
    value = part.get("result") if output is None else output
    if isinstance(output, dict) and "type" in output:
        value = output.get("value", output.get("reason"))
    return {
        "type": "tool_call_response",
        "id": part.get("toolCallId"),
        "name": part.get("toolName"),
        "response": value,
    }


def _medium(part: dict[str, Any]) -> dict[str, Any]:
    data = part.get("data", part.get("image"))
    mime_type = part.get("mediaType") or part.get("mimeType")
    address = data.get("url") if isinstance(data, dict) else data
    described = {"modality": str(mime_type or part.get("type")).partition("/")[0], "mime_type": mime_type}
    if not isinstance(address, str):
        return {"type": "blob", **described}
    if address.startswith("data:"):
        head, _, address = address.partition(",")
        described["mime_type"] = mime_type or head.removeprefix("data:").partition(";")[0]
        return {"type": "blob", **described, "content": address}
    if address.startswith(("http://", "https://")):
        return {"type": "uri", **described, "uri": address}
    return {"type": "blob", **described, "content": address}


VERCEL = Dialect(name="vercel", recognises=_recognises, columns=_columns)
