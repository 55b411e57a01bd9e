"""OpenInference attributes fill the columns that carry their names."""

import pytest

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.openinference import FIELDS, KINDS, OPENINFERENCE


def columns(attributes):
    return OPENINFERENCE.columns(RawSpan("", "", None, "", 0, 0, attributes))


def test_every_span_is_read():
    """The store's columns are OpenInference, so its keys count whatever else wrote the span."""
    assert OPENINFERENCE.recognises(RawSpan("", "", None, "", 0, 0, {}))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_kinds_are_upper_case(kind):
    """Hand-made spans write them in any case."""
    assert columns({"openinference.span.kind": kind.lower()})[c.SPAN_KIND] == kind


@pytest.mark.parametrize("kind", ["UNKNOWN", "nonsense", 5, "x" * 10_000])
def test_a_kind_that_says_nothing_leaves_the_column_to_other_dialects(kind):
    """First come is first served, so a kind that is none must not be served."""
    assert c.SPAN_KIND not in columns({"openinference.span.kind": kind})


def test_values_held_exactly_are_no_longer_attributes():
    """Each text would otherwise be stored twice."""
    attributes = {
        "agent.name": "nova",
        "input.value": "hi",
        "metadata": {"plan": "free"},
        "tag.tags": ("a", "b"),
        "llm.token_count.prompt": 7.0,
    }
    found = columns(attributes)
    assert found[c.METADATA] == '{"plan":"free"}'
    assert found[c.TAGS] == ["a", "b"]
    assert found[c.PROMPT_TOKENS] == 7
    assert found[c.ATTRIBUTES] == {}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("agent.name", 5),
        ("tool.name", {"a": 1}),
        ("tag.tags", ["a", 1]),
        ("llm.token_count.prompt", 2**70),
        ("llm.token_count.prompt", True),
        ("input.value", 5),
        ("output.value", b"x"),
        ("llm.response.model_name", "m-1"),
        ("tool_call.id", "call-1"),
    ],
)
def test_values_not_held_exactly_stay_attributes(key, value):
    """A column with a changed value, or under another key, is no place to find it again."""
    assert columns({key: value})[c.ATTRIBUTES] == {key: value}


def test_a_fallback_key_does_not_take_the_place_of_the_main_one():
    """An unusable main value must be kept although another key filled the column."""
    found = columns({"llm.model_name": {"odd": 1}, "llm.response.model_name": "m-1"})
    assert found[c.MODEL_NAME] == "m-1"
    assert found[c.ATTRIBUTES] == {"llm.model_name": {"odd": 1}, "llm.response.model_name": "m-1"}


def test_columns_are_named_like_their_attributes():
    """The rule by which an exactly held value is recognised."""
    assert all(field.column == f"attributes.{field.keys[0]}" for field in FIELDS)
