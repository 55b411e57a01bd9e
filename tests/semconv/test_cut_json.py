"""A length limit cuts JSON wherever it stands; what is before the cut is read, and nothing is invented."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.semconv.cut_json import CUT, recovered

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
LISTS = st.lists(VALUES, min_size=1, max_size=3)


def is_beginning(part, whole):
    """Return whether `part` is `whole` without what a cut took: members at the end, and the end of the last text."""
    if isinstance(part, str) and isinstance(whole, str):
        return part == whole or (part.endswith(CUT) and whole.startswith(part.removesuffix(CUT)))
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(is_beginning, part, whole))
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and all(is_beginning(part[key], whole[key]) for key in part)
    return part == whole


@given(LISTS, st.data(), st.booleans())
def test_what_is_recovered_is_the_beginning_of_what_was_said(value, data, ascii_only):
    """Wherever the cut falls: in a text, an escape, a key, a number or between members."""
    text = json.dumps(value, ensure_ascii=ascii_only)
    found, is_cut = recovered(text[: data.draw(st.integers(0, len(text) - 1))])
    assert found is None or (is_cut and is_beginning(found, value))


@given(LISTS)
def test_whole_json_is_read_as_it_is(value):
    """Nothing is marked as cut that is not."""
    assert recovered(json.dumps(value)) == (value, False)


@pytest.mark.parametrize("text", ["[1, 2}", "[1]]", "[1] x", "{]", "no json", "", "[", "[{", "12", None, 5])
def test_what_is_not_the_beginning_of_json_is_nothing(text):
    """A broken value is not a cut one."""
    assert recovered(text).is_cut is False


def test_hostile_text_is_read_in_one_pass():
    """Attributes come from anywhere; a megabyte of brackets or backslashes is no reason to stop."""
    for text in ("[" * 200_000, '["' + "\\" * 1_000_001, '{"a":' * 50_000, "[1," * 100_000):
        recovered(text)
