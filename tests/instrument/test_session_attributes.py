"""What an app may hand to `session()` and what becomes of it."""

import json

from hypothesis import given
from hypothesis import strategies as st

from sessioneval.instrument.session_attributes import session_attributes

_NONE = dict.fromkeys(("user_id", "source", "agent_version", "metadata", "tags"))


def attributes(session_id="s", **given_values):
    return session_attributes(session_id, **(_NONE | given_values))


def test_empty_values_are_left_out():
    """An attribute with nothing in it says nothing and would overwrite an inherited one."""
    assert attributes(user_id="", source="", metadata={}, tags=[]) == {"session.id": "s"}


def test_a_single_string_is_one_tag():
    """`tags="beta"` is an easy slip; four one-letter tags help nobody."""
    assert attributes(tags="beta")["tag.tags"] == ["beta"]


def test_metadata_is_strict_json_whatever_it_holds():
    """NaN and objects must not make the column unreadable for DuckDB and JavaScript."""
    loop = {}
    loop["self"] = loop
    text = attributes(metadata={"n": float("nan"), 1: {2}, "o": object, "deep": loop})["metadata"]
    value = json.loads(text, parse_constant=lambda name: (_ for _ in ()).throw(ValueError(name)))
    assert value["n"] == "nan"
    assert value["1"] == [2]
    assert value["o"] == "<class 'object'>"


def test_lone_surrogates_are_escaped_and_stay_distinct():
    """They cannot be encoded as UTF-8 by any exporter; two such ids must not become one."""
    assert attributes("a\udc80")["session.id"] == "a\\udc80"
    assert attributes("a\udc81")["session.id"] == "a\\udc81"


def test_a_replaced_id_is_warned_about_once(caplog):
    """The app's log says that sessions are split, without one line a request."""
    for _ in range(3):
        attributes("")
    assert len([record for record in caplog.records if "session_id is empty" in record.message]) <= 1


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_is_kept_as_it_is(text):
    """Session ids are hostile input and must come out as they went in."""
    assert attributes(text)["session.id"] == text


_anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.characters(categories=["Cs"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@given(_anything, _anything, _anything, _anything)
def test_anything_becomes_encodable_attributes(session_id, user_id, metadata, tags):
    """Whatever is given: no exception, an id, and only values that every exporter can encode."""
    result = attributes(session_id, user_id=user_id, metadata=metadata, tags=tags)
    assert result["session.id"]
    for value in result.values():
        for text in [value] if isinstance(value, str) else value:
            text.encode()
    if "metadata" in result:
        assert isinstance(json.loads(result["metadata"]), dict)
