"""Whatever convention wrote a span, its columns are the same, and nothing that was on it is lost."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.flattened_keys import COLUMNS
from sessioneval.semconv.genai import FIELDS as GENAI_FIELDS
from sessioneval.semconv.json_text import json_text
from sessioneval.semconv.normalisation import DIALECTS, columns_of
from sessioneval.semconv.openinference import FIELDS
from sessioneval.semconv.session_keys import SESSION_KEYS, USER_KEYS


def span(attributes, **more):
    return RawSpan("", "", None, "", 0, 0, attributes, **more)


def test_a_span_of_no_convention_keeps_everything():
    """Web and database spans of the same trace are part of the session too."""
    attributes = {"http.route": "/", "session.id": "s-1", "user.id": "u-1", "input.value": "hi"}
    assert columns_of(span(attributes)) == {
        c.SESSION_ID: "s-1",
        c.USER_ID: "u-1",
        c.INPUT_VALUE: "hi",
        c.SPAN_KIND: "UNKNOWN",
        c.ATTRIBUTES: {"http.route": "/"},
    }


def test_in_dual_mode_openinference_wins_column_by_column():
    """OPENINFERENCE_ENABLE_GENAI_SEMCONV writes both; messages must not be doubled."""
    found = columns_of(
        span(
            {
                "openinference.span.kind": "LLM",
                "llm.input_messages.0.message.role": "user",
                "llm.input_messages.0.message.content": "hi",
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
                "gen_ai.response.id": "r-1",
            }
        )
    )
    assert found[c.SPAN_KIND] == "LLM"
    assert found[c.INPUT_MESSAGES] == [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi"}]
    assert found[c.RESPONSE_ID] == "r-1"
    assert set(found[c.ATTRIBUTES]) == {"gen_ai.operation.name", "gen_ai.input.messages", "gen_ai.response.id"}


def test_another_session_id_than_the_one_that_won_is_kept():
    """Which id counts is a choice; the other one is still a fact."""
    found = columns_of(span({"session.id": "own", "langfuse.session.id": "theirs"}))
    assert found[c.SESSION_ID] == "theirs"
    assert found[c.ATTRIBUTES] == {"session.id": "own", "langfuse.session.id": "theirs"}


def test_the_session_of_the_resource_counts():
    """The collector moves it there; spans keep their own attributes."""
    found = columns_of(span({"x": 1}, resource={"session.id": "s-1", "user.id": "u-1"}))
    assert (found[c.SESSION_ID], found[c.USER_ID], found[c.ATTRIBUTES]) == ("s-1", "u-1", {"x": 1})


def test_dialects_have_names_of_their_own():
    """They are reported by name."""
    assert len({dialect.name for dialect in DIALECTS}) == len(DIALECTS)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=8) | st.text(max_size=12)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
INDEX = st.integers(0, 3) | st.sampled_from([10, 999_999_999])
LEAF = st.sampled_from(
    [
        c.MESSAGE_ROLE,
        c.MESSAGE_CONTENT,
        c.MESSAGE_NAME,
        c.MESSAGE_TOOL_CALL_ID,
        "message.function_call_name",
        "message.function_call_arguments_json",
        "message.other",
        "tool.json_schema",
    ]
)
INNER = st.sampled_from([c.MESSAGE_CONTENTS, c.MESSAGE_TOOL_CALLS])
INNER_LEAF = st.sampled_from(
    [c.PART_TYPE, c.PART_TEXT, c.PART_URL, c.PART_JSON, "message_content.id", c.CALL_ID, c.CALL_NAME, c.CALL_ARGUMENTS]
)
FLAT_KEYS = st.builds("{}.{}.{}".format, st.sampled_from(sorted(COLUMNS)), INDEX, LEAF) | st.builds(
    "{}.{}.{}.{}.{}".format, st.sampled_from(sorted(COLUMNS)), INDEX, INNER, INDEX, INNER_LEAF
)
KNOWN_KEYS = st.sampled_from(
    [
        *sorted({key for field in (*FIELDS, *GENAI_FIELDS) for key in field.keys} | {*SESSION_KEYS, *USER_KEYS}),
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
    ]
)
ATTRIBUTES = st.dictionaries(FLAT_KEYS | KNOWN_KEYS | st.text(max_size=10), VALUES, max_size=12)
NESTED_MESSAGES = st.lists(
    st.dictionaries(LEAF, st.text(max_size=5), min_size=1, max_size=4)
    | st.fixed_dictionaries({"message": st.dictionaries(st.sampled_from(["role", "content"]), VALUES, max_size=2)}),
    max_size=3,
)


def same(one, other):
    return json_text(one) == json_text(other)


def leaves_of(value):
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves_of(item)]
    return [leaf for item in value for leaf in leaves_of(item)] if isinstance(value, list) else [value]


def is_found(key, value, columns):
    rest = columns[c.ATTRIBUTES]
    if key in rest and same(rest[key], value):
        return True
    if key in COLUMNS:
        held = leaves_of([*rest.values(), columns.get(COLUMNS[key], [])])
        return all(any(same(leaf, other) for other in held) for leaf in leaves_of(value) if leaf is not None)
    if f"attributes.{key}" in columns:
        held = columns[f"attributes.{key}"]
        return held == value or held == json_text(value) or (isinstance(value, tuple) and held == list(value))
    held = leaves_of([columns.get(column, []) for column in COLUMNS.values()])
    in_parts = [leaf for text in held if isinstance(text, str) for leaf in decoded_leaves(text)]
    return value is None or any(same(value, leaf) or json_text(value) == leaf for leaf in [*held, *in_parts])


def decoded_leaves(text):
    try:
        decoded = json.loads(text)
    except ValueError:
        return []
    return list(decoded.values()) if isinstance(decoded, dict) else []


@settings(max_examples=400)
@given(ATTRIBUTES)
def test_every_attribute_can_be_found_again(attributes):
    """The promise of the store: nothing is dropped, whatever an app or an attacker put on a span."""
    columns = columns_of(span(attributes))
    assert [key for key, value in attributes.items() if not is_found(key, value, columns)] == []


@given(st.sampled_from(sorted(COLUMNS)), NESTED_MESSAGES, st.booleans())
def test_every_leaf_of_a_nested_list_can_be_found_again(key, messages, as_text):
    """As for flattened attributes; DataFrames nest them."""
    value = json_text(messages) if as_text else messages
    columns = columns_of(span({key: value}))
    held = leaves_of(columns[c.ATTRIBUTES]) + leaves_of(columns.get(COLUMNS[key], []))
    kept_whole = same(columns[c.ATTRIBUTES].get(key), value)
    wanted = [leaf for leaf in leaves_of(json.loads(json_text(messages))) if leaf is not None]
    assert kept_whole or all(any(same(leaf, other) for other in held) for leaf in wanted)


@given(ATTRIBUTES)
def test_flattened_messages_are_held_at_their_place(attributes):
    """Found again is not enough: the n-th message must be the one with the n-th index."""
    columns = columns_of(span(attributes))
    for key, value in attributes.items():
        parts = key.split(".")
        if isinstance(value, str) and key.startswith("llm.input_messages.") and key.endswith(".message.content"):
            indexes = sorted({int(k.split(".")[2]) for k in held_keys(attributes)})
            assert columns[c.INPUT_MESSAGES][indexes.index(int(parts[2]))][c.MESSAGE_CONTENT] == value


def held_keys(attributes):
    """Return the flattened keys of input messages that the columns hold, by a rule written independently."""
    plain = ("role", "content", "name", "tool_call_id", "function_call_name", "function_call_arguments_json")
    for key, value in attributes.items():
        parts = key.split(".", 4)
        if not key.startswith("llm.input_messages."):
            continue
        is_text = value is None or isinstance(value, str)
        is_arguments = key.endswith("function.arguments") and isinstance(value, dict | list)
        is_call = ".message.tool_calls." in key and ".tool_call." in key and (is_text or is_arguments)
        if ".message.contents." in key or is_call or (len(parts) == 5 and parts[4] in plain and is_text):
            yield key
