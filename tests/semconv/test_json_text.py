"""Attribute values become JSON text that any reader can hold, and never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.semconv.json_text import json_text, parsed, text_of, utf8_text

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
ANY_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(st.characters()) | st.integers(), inner),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_json_comes_back_as_it_was(value):
    """What JSON can say must not be changed on the way into the store."""
    assert json.loads(json_text(value)) == value


@given(ANY_VALUES)
def test_any_value_becomes_json_that_utf8_holds(value):
    """One strange value would otherwise cost its whole batch."""
    text = json_text(value)
    json.loads(text)
    text.encode()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\x00\xff", '"AP8="'),
        (float("nan"), '"NaN"'),
        (float("inf"), '"Infinity"'),
        (float("-inf"), '"-Infinity"'),
        ({1: {2}}, '{"1":[2]}'),
        (2**70, str(2**70)),
        ("a\ud800b", '"a\ufffdb"'),
        ("\ud83d\ude00", '"\U0001f600"'),
        ({"when": object}, '{"when":"<class \'object\'>"}'),
    ],
)
def test_what_json_cannot_say_becomes_text(value, text):
    """The rules are fixed, because readers of the JSON column rely on them."""
    assert json_text(value) == text


def test_numbers_too_long_to_print_become_hexadecimal_text():
    """CPython refuses to print integers of more than 4300 digits."""
    assert json_text([10**5000]) == f'["{hex(10**5000)}"]'


def test_a_foreign_text_method_that_raises_is_contained():
    """Attribute values may be objects of the app; their bugs are not ours to pass on."""

    class Broken:
        def __str__(self):
            raise RuntimeError("no")

    assert json_text({"a": Broken()}) == '{"a":"(Broken)"}'


def test_cycles_and_deep_nesting_are_cut():
    """Hostile nesting must neither hang nor overflow the stack."""
    cycle = []
    cycle.extend([cycle, cycle])
    deep = []
    for _ in range(10_000):
        deep = [deep]
    assert json_text(cycle) == '["(nested too deep)","(nested too deep)"]'
    assert "(nested too deep)" in json_text(deep)


def test_text_stays_and_other_values_become_json():
    """Message contents are text; only structured contents are written as JSON."""
    assert (text_of("[1]"), text_of([1]), text_of(None)) == ("[1]", "[1]", None)


@pytest.mark.parametrize("text", ["[1", "", "[" * 100_000, '"\\ud800', 5, None])
def test_what_is_no_json_is_parsed_as_none(text):
    """Cut or hostile JSON attributes occur in every real corpus."""
    assert parsed(text) is None


@given(st.text(st.characters()))
def test_repaired_text_is_utf8_and_good_text_is_untouched(text):
    """Only what UTF-8 cannot hold may change."""
    repaired = utf8_text(text)
    repaired.encode()
    assert repaired == text or any("\ud800" <= char <= "\udfff" for char in text)
