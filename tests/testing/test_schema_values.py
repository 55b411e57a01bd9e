"""Filling JSON schemas: the shape that was asked for, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.testing.schema_values import empty, fill


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, ""),
        ({"type": "array"}, []),
        ({"type": "integer"}, 0),
        ({"type": "boolean"}, False),
        ({"type": ["null", "string"]}, None),
        ({"enum": ["low", "high"]}, "low"),
        ({"const": 3}, 3),
        ({"type": "integer", "default": 7}, 7),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, 0),
        ({"$ref": "#/$defs/Level"}, "low"),
        ({"type": "object", "properties": {"a": {"type": "array"}}}, {"a": []}),
        ({}, ""),
        (True, ""),
    ],
)
def test_the_emptiest_allowed_value(schema, value):
    """Each kind of property has one."""
    assert empty(schema, {"$defs": {"Level": {"enum": ["low", "high"]}}}) == value


def test_a_schema_that_holds_itself_ends():
    """Recursive schemas are cut at a depth."""
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    assert fill({"properties": {"root": {"$ref": "#/$defs/Node"}}, "$defs": {"Node": node}}, {})["root"]["next"]


def test_known_values_stand_in_the_order_of_the_schema():
    """Judges ask for the explanation first, and what has no place is left out."""
    schema = {"properties": {"explanation": {}, "label": {}}}
    assert list(fill(schema, {"label": "a", "explanation": "b", "more": "c"})) == ["explanation", "label"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "enum", "anyOf", "$ref", "$defs", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "properties", "enum", "$defs", "x"]), JSON, max_size=4))
def test_no_schema_breaks_the_filling(schema):
    """Schemas come from outside and may be nonsense."""
    assert isinstance(fill(schema, {"label": "a"}), dict)
