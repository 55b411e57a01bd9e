"""The scripted tools as OpenAI function definitions."""

import inspect
from typing import Any

from script import TOOLS

_TYPES = {str: "string", float: "number"}


def schema(name: str) -> dict[str, Any]:
    """Return name, description and parameters of a tool."""
    if name.startswith("transfer_to_"):
        return {
            "name": name,
            "description": "Hand the conversation over.",
            "parameters": {"type": "object", "properties": {}},
        }
    if name == "ask_researcher":
        properties: dict[str, Any] = {"question": {"type": "string"}}
        description = "Ask the researcher a question."
    else:
        parameters = inspect.signature(TOOLS[name]).parameters.values()
        properties = {parameter.name: {"type": _TYPES[parameter.annotation]} for parameter in parameters}
        description = inspect.getdoc(TOOLS[name]) or ""
    return {
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": properties, "required": list(properties)},
    }
