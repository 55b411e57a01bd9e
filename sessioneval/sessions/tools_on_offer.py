"""Definitions of tools as they stand on spans, read into one form.

Source: OpenInference `llm.tools.<i>.tool.json_schema`, which holds what the provider's API takes: both shapes of
OpenAI, Anthropic's, Gemini's (`function_declarations`) and Bedrock's (`toolSpec`).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.context import ToolDefinition
from sessioneval.semconv.tool_definitions import tool_definitions
from sessioneval.sessions.utterances import parsed_arguments

_LISTS = ("function_declarations", "functionDeclarations")
_LONGEST_NAME_CHARS = 1_000
# Tools that a provider runs itself are named by their type: {"type": "web_search"}. Some instrumentors write a
# bare schema, which has a type too.
_NO_NAMES = frozenset({"", "function", "custom", "object", "array", "string", "number", "integer", "boolean", "null"})


def tools_of(text: str | None) -> Iterator[ToolDefinition]:
    """Yield the tools that a JSON text defines: one, several where the API bundles them, none where it is no JSON.

    Example:
        >>> [tool.name for tool in tools_of('{"name": "f", "input_schema": {"type": "object"}}')]
        ['f']
    """
    value = parsed_arguments(text)
    if not isinstance(value, dict):
        return
    for item in _unbundled(value):
        function = _function(item)
        name = function.get("name") or item.get("type")
        if isinstance(name, str) and name not in _NO_NAMES and 0 < len(name) <= _LONGEST_NAME_CHARS:
            yield ToolDefinition(name=name, description=_text(function), parameters=_parameters(function))


def _unbundled(tool: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    bundled = next((tool[key] for key in _LISTS if isinstance(tool.get(key), list)), None)
    items = [tool.get("toolSpec", tool)] if bundled is None else bundled
    return [item for item in items if isinstance(item, dict)]


def _function(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    written = tool_definitions([tool]) or []
    shaped = parsed_arguments(written[0][c.TOOL_JSON_SCHEMA]) if written else None
    function = shaped.get("function") if isinstance(shaped, dict) else None
    return function if isinstance(function, dict) else {}


def _text(function: Mapping[str, Any]) -> str:
    description = function.get("description")
    return description if isinstance(description, str) else ""


def _parameters(function: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the JSON schema of the arguments; Bedrock wraps it in ``json``, others write it as text."""
    schema = function.get("parameters")
    schema = parsed_arguments(schema) if isinstance(schema, str) and schema else schema
    if isinstance(schema, dict) and set(schema) == {"json"}:
        schema = schema["json"]
    return schema if isinstance(schema, dict) and schema else None
