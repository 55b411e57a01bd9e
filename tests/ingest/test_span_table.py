"""A span is refused only for unusable ids and times; everything else is made safe value by value."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.ingest.span_table import RejectedSpan, SpanTableBuilder
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.model.schemas import SPANS

GOOD = RawSpan("ab" * 16, "cd" * 8, None, "chat", 10, 20, {})
MAX_INT64 = 2**63 - 1


def row_of(span):
    builder = SpanTableBuilder()
    builder.add(span)
    table = builder.table()
    assert table.schema == SPANS
    table.validate(full=True)
    ns = {name: table[name].cast("int64")[0].as_py() for name in (c.START_TIME, c.END_TIME)}
    return {**{name: table[name][0].as_py() for name in SPANS.names if name not in ns}, **ns}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"trace_id": ""}, "missing trace id"),
        ({"trace_id": "ab"}, "bad trace id"),
        ({"trace_id": "0" * 32}, "bad trace id"),
        ({"trace_id": "zz" * 16}, "bad trace id"),
        ({"trace_id": "ab" * 16 + "\n"}, "bad trace id"),
        ({"trace_id": "\u0661" * 32}, "bad trace id"),
        ({"span_id": ""}, "missing span id"),
        ({"span_id": "cd" * 16}, "bad span id"),
        ({"span_id": "0" * 16}, "bad span id"),
        ({"start_ns": 0}, "no start time"),
        ({"start_ns": -5}, "start time out of range"),
        ({"start_ns": 2**63}, "start time out of range"),
    ],
)
def test_a_span_that_cannot_be_stored_is_refused_by_name(change, reason):
    """The reasons are counted and shown, so they come from a closed list."""
    builder = SpanTableBuilder()
    with pytest.raises(RejectedSpan) as refused:
        builder.add(GOOD._replace(**change))
    assert refused.value.reason == reason
    assert len(builder) == 0


def test_a_refusal_survives_pickling():
    """Imports may run in process pools."""
    copy = pickle.loads(pickle.dumps(RejectedSpan("no start time")))
    assert copy.reason == "no start time"


def test_ids_are_lower_case():
    """Upper and lower case name one span; without this it would be stored twice."""
    row = row_of(GOOD._replace(trace_id="AB" * 16, span_id="CD" * 8, parent_id="EF" * 8))
    assert (row[c.TRACE_ID], row[c.SPAN_ID], row[c.PARENT_ID]) == ("ab" * 16, "cd" * 8, "ef" * 8)


@pytest.mark.parametrize("parent", [None, "", "0" * 16, "xyz", "ab" * 16])
def test_a_bad_parent_id_makes_a_root(parent):
    """The span itself is good."""
    assert row_of(GOOD._replace(parent_id=parent))[c.PARENT_ID] is None


@pytest.mark.parametrize("end", [0, -1, 2**64 - 1, 2**63])
def test_an_end_that_is_no_time_is_the_start(end):
    """Spans that were never ended say 0 or 2^64-1; they happened all the same."""
    assert row_of(GOOD._replace(end_ns=end))[c.END_TIME] == GOOD.start_ns


def test_reversed_times_stay():
    """Clock skew is a fact, which the loss report counts."""
    assert row_of(GOOD._replace(start_ns=MAX_INT64, end_ns=5))[c.END_TIME] == 5


def test_every_column_of_a_span_is_kept():
    """One span with everything on it."""
    span = GOOD._replace(
        kind="CLIENT",
        status_code="ERROR",
        status_message="bad",
        events=[RawEvent("e", 15, {"a": 1}), RawEvent("late", 2**64, {})],
        links=[{"trace_id": "x", "attributes": {"b": b"\x00"}}],
        resource={"service.name": "shop", "session.id": "s-1"},
        scope_name="scope",
        scope_version="1",
        trace_state="k=v",
        dropped_attributes=2**70,
    )
    row = row_of(span)
    assert row[c.SESSION_ID] == "s-1"
    assert row[c.OTEL_KIND] == "CLIENT"
    assert (row[c.STATUS_CODE], row[c.STATUS_MESSAGE]) == ("ERROR", "bad")
    assert [(e["name"], e["attributes"], e["timestamp"] is None) for e in row[c.EVENTS]] == [
        ("e", '{"a":1}', False),
        ("late", None, True),
    ]
    assert json.loads(row[c.LINKS]) == [{"trace_id": "x", "attributes": {"b": "AA=="}}]
    assert json.loads(row[c.RESOURCE]) == {"service.name": "shop", "session.id": "s-1"}
    assert (row[c.SCOPE_NAME], row[c.SCOPE_VERSION], row[c.TRACE_STATE]) == ("scope", "1", "k=v")
    assert row[c.DROPPED_ATTRIBUTES] == MAX_INT64


def test_an_absent_resource_and_links_are_null():
    """Null says that there was nothing; an empty object would say that there was an empty one."""
    row = row_of(GOOD)
    assert row[c.RESOURCE] is None
    assert row[c.LINKS] is None
    assert row[c.ATTRIBUTES] == "{}"


def test_spans_of_two_resources_keep_their_own():
    """The text of the last resource is remembered; it must not leak to the next one."""
    builder = SpanTableBuilder()
    for number, resource in enumerate([{"r": 1}, {"r": 2}, {}, {"r": 1}], start=1):
        builder.add(GOOD._replace(span_id=f"{number:016x}", resource=resource))
    assert builder.table()[c.RESOURCE].to_pylist() == ['{"r":1}', '{"r":2}', None, '{"r":1}']


def test_values_that_arrow_cannot_hold_cost_neither_span_nor_batch():
    """Lone surrogates, bytes, NaN and huge numbers occur in real apps."""
    bad = {
        "session.id": "s\ud800",
        "input.value": "\udfff",
        "llm.input_messages.0.message.content": "a\ud800",
        "llm.token_count.prompt": 2**70,
        "nan": float("nan"),
        "bytes": b"\xff",
        "\ud800key": 1,
        "nested": {"a": [b"x", float("inf")]},
    }
    builder = SpanTableBuilder()
    builder.add(GOOD._replace(attributes=bad, name="n\ud800", events=[RawEvent("e\ud800", 5, {})]))
    builder.add(GOOD._replace(attributes={"session.id": "good"}))
    table = builder.table()
    table.validate(full=True)
    assert table[c.SESSION_ID].to_pylist() == ["s\ufffd", "good"]
    assert table[c.NAME].to_pylist() == ["n\ufffd", "chat"]
    assert table[c.INPUT_MESSAGES][0].as_py()[0][c.MESSAGE_CONTENT] == "a\ufffd"
    assert table[c.PROMPT_TOKENS].to_pylist() == [None, None]
    assert json.loads(table[c.ATTRIBUTES][0].as_py()) == {
        "llm.token_count.prompt": 2**70,
        "nan": "NaN",
        "bytes": "/w==",
        "\ufffdkey": 1,
        "nested": {"a": ["eA==", "Infinity"]},
    }


def test_a_large_attribute_is_kept_whole():
    """50 MB in one attribute is slow, but no reason to lose it."""
    assert len(row_of(GOOD._replace(attributes={"input.value": "x" * 50_000_000}))[c.INPUT_VALUE]) == 50_000_000


TEXT = st.text(st.characters(), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary(max_size=4) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = TEXT | st.sampled_from(
    [
        "session.id",
        "metadata",
        "tag.tags",
        "llm.tools",
        "llm.input_messages",
        "gen_ai.input.messages",
        "input.value",
        "llm.input_messages.0.message.role",
        "llm.output_messages.1.message.contents.0.message_content.type",
    ]
)
SPANS_OF_ANY_KIND = st.builds(
    RawSpan,
    trace_id=st.just("1" * 32),
    span_id=st.just("2" * 16),
    parent_id=st.none() | TEXT,
    name=TEXT,
    start_ns=st.integers(1, MAX_INT64),
    end_ns=st.integers(),
    attributes=st.dictionaries(KEYS, VALUES, max_size=6),
    status_message=TEXT,
    events=st.lists(st.builds(RawEvent, TEXT, st.integers(), st.dictionaries(TEXT, VALUES, max_size=2)), max_size=2),
    links=st.lists(st.dictionaries(TEXT, VALUES, max_size=2), max_size=2),
    resource=st.dictionaries(TEXT, VALUES, max_size=2),
    dropped_attributes=st.integers(0),
)


@given(st.lists(SPANS_OF_ANY_KIND, max_size=3))
def test_any_span_with_good_ids_becomes_a_row(spans):
    """No value on any span may cost the batch."""
    builder = SpanTableBuilder()
    for span in spans:
        builder.add(span)
    table = builder.table()
    table.validate(full=True)
    assert len(table) == len(spans)
    for text in table[c.ATTRIBUTES].to_pylist():
        json.loads(text)
