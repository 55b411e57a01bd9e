"""Tool calls against JSON schemas: every kind of violation, every draft, and schemas that strangers wrote."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessioneval.evaluators.bounded_schema import Budget, Unusable
from sessioneval.evaluators.tool_schemas import checked_calls, violations_of
from sessioneval.model.context import ModelCall, SessionContext, ToolDefinition
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.transcript import Transcript

DRAFT_4 = "http://json-schema.org/draft-04/schema#"
DRAFT_7 = "http://json-schema.org/draft-07/schema#"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"
# A second is far above what any of these takes and far below what an unbounded check would.
PATIENCE_SECONDS = 5


def kinds(schema, arguments):
    return [violation.kind for violation in violations_of(schema, arguments)]


def about(argument, *, required=()):
    return {"type": "object", "properties": {"x": argument}, "required": list(required)}


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        (about({"type": "string"}), {"x": "a"}, []),
        (about({"type": "string"}), {}, []),
        (about({"type": "string"}), {"x": 1}, ["wrong_type"]),
        (about({"type": "string"}, required=["x"]), {}, ["missing"]),
        (about({"type": "string"}, required=["x"]), [], ["wrong_type"]),
        ({**about({}), "additionalProperties": False}, {"y": 1, "z": 2}, ["unexpected", "unexpected"]),
        (about({}), {"y": 1}, []),
        ({**about({}), "additionalProperties": {"type": "string"}}, {"y": 1}, ["wrong_type"]),
        (about({"enum": ["a", "b"]}), {"x": "c"}, ["not_allowed"]),
        (about({"const": 3}), {"x": 4}, ["not_allowed"]),
        (about({"type": "integer", "minimum": 1}), {"x": 0}, ["constraint"]),
        (about({"type": "integer"}), {"x": 1.0}, []),
        (about({"type": "integer"}), {"x": True}, ["wrong_type"]),
        (about({"type": ["string", "null"]}), {"x": None}, []),
        (about({"anyOf": [{"type": "string"}, {"type": "null"}]}), {"x": 3}, ["wrong_type"]),
        (about({"anyOf": [{"minimum": 5}, {"type": "null"}]}), {"x": 3}, ["constraint"]),
        (about({"type": "string", "pattern": "^[A-Z]{2}$"}), {"x": "Ab"}, ["constraint"]),
        (about({"type": "string", "pattern": "^(?!no)"}), {"x": "no"}, []),
        (about({"type": "array", "items": {"type": "integer"}}), {"x": [1, "2", 3]}, ["wrong_type"]),
        (about({"type": "array", "uniqueItems": True}), {"x": [{"a": 1}, {"a": 1}]}, ["constraint"]),
        (about({"type": "array", "uniqueItems": True}), {"x": [1, 2]}, []),
        ({"$defs": {"d": {"type": "string"}}, **about({"$ref": "#/$defs/d"})}, {"x": 1}, ["wrong_type"]),
        ({"definitions": {"d": {"type": "string"}}, **about({"$ref": "#/definitions/d"})}, {"x": 1}, ["wrong_type"]),
        ({"type": "object", "patternProperties": {"^x": {"type": "string"}}}, {"xy": 1, "y": 1}, ["wrong_type"]),
        (
            {"type": "object", "patternProperties": {"^x": {}}, "additionalProperties": False},
            {"xy": 1, "y": 1},
            ["unexpected"],
        ),
        ({}, {"anything": 1}, []),
    ],
)
def test_each_violation_has_its_kind(schema, arguments, expected):
    """People filter by kind: an argument that is missing is another fault than one that is made up."""
    assert kinds(schema, arguments) == expected


@pytest.mark.parametrize(
    ("schema", "arguments", "expected"),
    [
        ({"type": "OBJECT", "properties": {"x": {"type": "STRING"}}}, {"x": 1}, ["wrong_type"]),
        (about({"type": "string", "nullable": True}), {"x": None}, []),
        (about({"type": "string", "required": True}), {"x": "a"}, []),
        (about({"type": "any"}), {"x": 1}, []),
        ({"$schema": DRAFT_4, **about({"minimum": 1, "exclusiveMinimum": True})}, {"x": 1}, ["constraint"]),
        ({"$schema": DRAFT_7, **about({"items": [{"type": "string"}]})}, {"x": [1, 2]}, ["wrong_type"]),
        ({"$schema": DRAFT_2020, **about({"prefixItems": [{"type": "string"}]})}, {"x": [1]}, ["wrong_type"]),
        ({"$schema": "urn:unknown", **about({"type": "string"})}, {"x": 1}, ["wrong_type"]),
    ],
    ids=["gemini", "openapi", "draft-3-required", "any", "draft-4", "draft-7", "2020-12", "unknown-draft"],
)
def test_dialects_of_tool_definitions_are_understood(schema, arguments, expected):
    """Tools are defined in the words of OpenAPI, Gemini and four drafts."""
    assert kinds(schema, arguments) == expected


def test_a_violation_says_where_and_what():
    """The message goes to people and to a judge."""
    schema = about({"type": "array", "items": about({"type": "string"})})
    (found,) = violations_of(schema, {"x": [{"x": "a"}, {"x": 1}]})
    assert (found.path, found.text) == ("$.x[1].x", "1 is not of type 'string'")


def test_texts_are_short_and_violations_few():
    """Arguments may be long; a row of the table is not the place for them."""
    found = violations_of(about({"items": {"type": "integer"}}), {"x": ["y" * 1_000] * 50})
    assert len(found) == 20
    assert all(len(each.text) <= 300 and len(each.path) <= 300 for each in found)


NESTED = {
    "$defs": {
        **{f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)},
        "d40": {"type": "string"},
    },
    "$ref": "#/$defs/d0",
}
DEEP = {}
for _ in range(3_000):
    DEEP = {"properties": {"x": DEEP}}


@pytest.mark.parametrize(
    ("schema", "arguments"),
    [
        (about({"$ref": "http://127.0.0.1:9/schema.json"}), {"x": 1}),
        (about({"$ref": "file:///etc/hostname"}), {"x": 1}),
        (about({"$ref": "#/nowhere"}), {"x": 1}),
        ({"$ref": "#"}, {}),
        (NESTED, {"x": 1}),
        (NESTED, {"x": "y" * 90_000}),
        (about({"multipleOf": 0}), {"x": 1}),
        ({"type": "object", "properties": 3}, {"x": 1}),
        ({"type": "object", "$id": 3}, {"x": 1}),
        (about({}), {"x": "y" * 200_000}),
        (about({}), DEEP),
        (DEEP, {}),
    ],
    ids=[
        "http",
        "file",
        "nowhere",
        "loop",
        "bomb",
        "long-bomb",
        "zero",
        "no-schema",
        "bad-id",
        "long",
        "deep",
        "deeper",
    ],
)
def test_what_cannot_be_checked_is_said_within_bounded_time(schema, arguments):
    """Schemas come from spans: nothing is fetched, nothing runs for ever, nothing escapes."""
    started = time.perf_counter()
    with pytest.raises(Unusable):
        violations_of(schema, arguments)
    assert time.perf_counter() - started < PATIENCE_SECONDS


@pytest.mark.parametrize(
    "schema",
    [
        about({"pattern": "^(a+)+$"}),
        about({"$schema": DRAFT_7, "pattern": "^(a+)+$"}),
        {"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False, "properties": {"x": {}}},
        about({"propertyNames": {"pattern": "^(a+)+$"}}),
        {"unevaluatedProperties": False, "patternProperties": {"^(a+)+$": {}}},
        about({"uniqueItems": True}),
    ],
    ids=["pattern", "draft-inside", "pattern-properties", "property-names", "unevaluated", "unique"],
)
def test_expressions_of_a_stranger_take_linear_time(schema):
    """A backtracking engine would need longer than the universe is old for 40 letters."""
    started = time.perf_counter()
    violations_of(schema, {"x": "a" * 40 + "!", "a" * 40 + "!": 1})
    violations_of(schema, {"x": [{"a": number} for number in range(3_000)]})
    assert time.perf_counter() - started < PATIENCE_SECONDS


def test_the_budget_is_the_sessions():
    """A thousand calls of a costly tool must not cost a thousand times as much."""
    budget = Budget(100)
    assert violations_of(about({"type": "string"}), {"x": "a"}, budget) == ()
    with pytest.raises(Unusable, match="too much work"):
        [violations_of(about({"type": "string"}), {"x": "a"}, budget) for _ in range(100)]


@pytest.mark.parametrize("text", ["no json", "", "[1, 2", "7 apples"])
def test_arguments_that_are_no_json_are_a_violation(text):
    """Models write broken JSON."""
    assert kinds(about({}), text) == ["not_json"]


@pytest.mark.parametrize("text", ["[redacted]", "__REDACTED__", '{"city": "Os…'])
def test_arguments_that_nobody_can_see_are_not_checked(text):
    """The instrumentation took them away, not the model."""
    with pytest.raises(Unusable, match=r"redacted|cut"):
        violations_of(about({}), text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KEYWORDS = st.sampled_from(
    [
        "type",
        "properties",
        "required",
        "items",
        "$ref",
        "$schema",
        "$id",
        "anyOf",
        "allOf",
        "oneOf",
        "not",
        "enum",
        "const",
        "pattern",
        "minimum",
        "multipleOf",
        "additionalProperties",
        "patternProperties",
        "uniqueItems",
        "if",
        "then",
        "$defs",
        "dependentRequired",
        "contains",
    ]
)
SCHEMAS = st.recursive(JSON, lambda inner: st.dictionaries(KEYWORDS, inner | JSON, max_size=4), max_leaves=12).filter(
    lambda schema: isinstance(schema, dict)
)


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, JSON)
def test_no_schema_breaks_the_check(schema, arguments):
    """Any JSON object may stand where a schema should."""
    try:
        found = violations_of(schema, arguments)
    except Unusable as reason:
        assert str(reason)  # noqa: PT017 - both outcomes are right, an other exception is not
    else:
        assert len(found) <= 20


def session(make, *messages, tools=(), calls=()):
    made = make.transcript(*messages)
    return Transcript(
        session=made.session, messages=made.messages, context=SessionContext(tools=tools, model_calls=calls)
    )


def asking(name, arguments=None, span_id="a"):
    call = ToolCall(id="1", name=name, arguments={} if arguments is None else arguments)
    return Message(role="assistant", content="", tool_calls=(call,), span_id=span_id)


def model_call(make, span_id, *tools):
    moment = make.transcript().session.start_time
    return ModelCall(span_id=span_id, model="m", start_time=moment, end_time=moment, tools=tools)


WEATHER = ToolDefinition(name="weather", parameters=about({"type": "string"}, required=["x"]))
BARE = ToolDefinition(name="bare")


def test_calls_are_checked_by_the_span_that_made_them(make):
    """Each call stands with its message and its span, so that a judge can go on from there."""
    made = session(make, ("user", "hi"), asking("weather", {"x": 1}, "b"), asking("bare"), tools=(WEATHER, BARE))
    first, second = checked_calls(made)
    assert (first.message_index, first.position, first.span_id, first.name) == (1, 0, "b", "weather")
    assert [violation.kind for violation in first.violations] == ["wrong_type"]
    assert (second.is_checked, second.violations, second.why_unchecked) == (False, (), "the tool has no schema")


def test_a_tool_is_unknown_where_it_was_not_on_offer(make):
    """An agent hands over: what the first may call, the second may not."""
    calls = [model_call(make, "a", "weather"), model_call(make, "b", "bare"), model_call(make, "c")]
    asked = [asking("weather", {"x": "y"}, span_id) for span_id in ("a", "b", "c", None)]
    found = checked_calls(session(make, *asked, tools=(WEATHER, BARE), calls=tuple(calls)))
    assert [[violation.kind for violation in call.violations] for call in found] == [[], ["unknown_tool"], [], []]


def test_without_tool_definitions_nothing_is_checked(make):
    """Not every instrumentation records them; that is no fault of the model."""
    (call,) = checked_calls(session(make, asking("weather")))
    assert call.why_unchecked == "the spans hold no tool definitions"
