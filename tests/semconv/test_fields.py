"""Columns take only values of their type."""

import pytest

from sessioneval.semconv.fields import Field, int64, json_or_text, read_fields, text, texts


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.0, 7),
        (7.5, None),
        (True, None),
        ("7", None),
        (2**63, None),
        (-(2**63), -(2**63)),
        (float("nan"), None),
    ],
)
def test_counts_are_whole_numbers_of_64_bits(value, number):
    """DataFrames carry counts as floats; anything else would change the number or break the column."""
    assert int64(value) == number


@pytest.mark.parametrize(
    ("value", "tags"), [(["a"], ["a"]), (("a", "b"), ["a", "b"]), ('["a"]', ["a"]), ("a", None), (["a", 1], None)]
)
def test_tags_are_lists_of_text(value, tags):
    """A list with anything else in it stays among the other attributes."""
    assert texts(value) == tags


def test_the_first_key_that_can_be_held_fills_the_column():
    """Instrumentors write several keys for one fact, in an order of trust."""
    field = Field("model", ("response", "request"), text)
    assert read_fields({"request": "b", "response": "a"}, [field]) == {"model": "a"}
    assert read_fields({"request": "b", "response": 3}, [field]) == {"model": "b"}
    assert read_fields({}, [field]) == {}


def test_bytes_are_neither_text_nor_json():
    """They stay among the other attributes, where they are base64."""
    assert json_or_text(b"x") is None
    assert json_or_text({"a": 1}) == '{"a":1}'
