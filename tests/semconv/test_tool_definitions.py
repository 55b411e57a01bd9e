"""Tools of every API are written in one shape."""

import json

import pytest

from sessioneval.model import columns as c
from sessioneval.semconv.tool_definitions import tool_definitions

SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}}
EXPECTED = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}


@pytest.mark.parametrize(
    "tool",
    [
        EXPECTED,
        {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA},
        {"name": "f", "description": "d", "parameters": json.dumps(SCHEMA)},
        {"name": "f", "description": "d", "input_schema": SCHEMA},
        {"name": "f", "description": "d", "schema": SCHEMA},
    ],
)
def test_every_shape_is_one_definition(tool):
    """Judges of tool use read one shape."""
    [definition] = tool_definitions(json.dumps([tool]))
    assert json.loads(definition[c.TOOL_JSON_SCHEMA]) == EXPECTED


@pytest.mark.parametrize("value", [None, "", "[]", [], {}, [1], "tools"])
def test_no_tools_are_none(value):
    """The column stays empty."""
    assert tool_definitions(value) is None
