"""Definitions of tools in the shape that OpenInference uses: the function under the key `function`.

Source: OpenInference `llm.tools.<i>.tool.json_schema`; OpenAI and Anthropic API references; recorded spans.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sessioneval.model import columns as c
from sessioneval.semconv.json_text import json_text, parsed

_SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema", "schema")


def tool_definitions(value: Any) -> list[dict[str, str]] | None:
    """Return the tools of a list of definitions, or of JSON text of one; None if it is none or empty.

    Read are OpenAI's two shapes, Anthropic's (`input_schema`), Datadog's (`schema`) and a bare name with schema.

    Example:
        >>> tool_definitions([{"name": "f", "input_schema": {"type": "object"}}])
        [{'tool.json_schema': '{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}'}]
    """
    items = parsed(value)
    if not isinstance(items, list | tuple):
        return None
    return _written(item for item in items if isinstance(item, dict)) or None


def _written(tools: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    return [{c.TOOL_JSON_SCHEMA: json_text(_definition(tool))} for tool in tools]


def _definition(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if "function" in tool or "name" not in tool:
        return tool
    schema = next((tool[key] for key in _SCHEMA_KEYS if tool.get(key) is not None), None)
    function = {key: value for key, value in tool.items() if key not in ("type", *_SCHEMA_KEYS)}
    parameters = {} if schema is None else {"parameters": parsed(schema) or schema}
    return {"type": tool.get("type", "function"), "function": {**function, **parameters}}
