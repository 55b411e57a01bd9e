"""OTLP/JSON is decoded as the specification says, and leniently where real clients differ."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest.spans_made import json_request, sdk_spans

from sessioneval.errors import SourceError
from sessioneval.ingest import otlp_json
from sessioneval.ingest.sdk_spans import raw_span
from sessioneval.ingest.span_table import SpanTableBuilder


def only(span):
    [decoded] = otlp_json.spans({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    return decoded


def table_of(spans):
    builder = SpanTableBuilder()
    for span in spans:
        builder.add(span)
    return builder.table()


def test_the_real_encoding_comes_back_as_the_sdk_had_it():
    """Both ways into the store must give one row."""
    spans = sdk_spans(3, {"session.id": "from the resource"})
    decoded = otlp_json.spans(json.loads(json.dumps(json_request(spans))))
    assert table_of(decoded) == table_of([raw_span(span) for span in spans])


@pytest.mark.parametrize("number", ["1700000000000000001", 1700000000000000001])
def test_integers_are_text_or_numbers(number):
    """JavaScript exporters send numbers."""
    span = only({"startTimeUnixNano": number, "attributes": [{"key": "n", "value": {"intValue": number}}]})
    assert span.start_ns == 1700000000000000001
    assert span.attributes == {"n": 1700000000000000001}


@pytest.mark.parametrize("bad", ["", "x", None, [], {}, True, 1.5, "1" * 5000])
def test_what_is_no_integer_is_absent(bad):
    """A span without a start is then refused by name; others lose only the value."""
    span = only({"startTimeUnixNano": bad, "droppedAttributesCount": bad})
    assert (span.start_ns, span.dropped_attributes) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "name"),
    [(3, "CLIENT"), ("SPAN_KIND_CLIENT", "CLIENT"), ("3", "CLIENT"), (99, "UNSPECIFIED"), (None, "UNSPECIFIED")],
)
def test_enums_are_integers_and_names_are_accepted(kind, name):
    """The specification wants integers; some clients send names; unknown ones must not cost the span."""
    assert only({"kind": kind}).kind == name


def test_status_codes_are_named():
    """As for kinds."""
    assert only({"status": {"code": 2, "message": "m"}}).status_code == "ERROR"
    assert only({"status": {"code": "STATUS_CODE_OK"}}).status_code == "OK"
    assert only({"status": {}}).status_code == "UNSET"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"stringValue": ""}, ""),
        ({"boolValue": False}, False),
        ({"intValue": "-5"}, -5),
        ({"intValue": "no"}, "no"),
        ({"doubleValue": 1}, 1.0),
        ({"doubleValue": "NaN"}, "NaN"),
        ({"doubleValue": "x"}, "x"),
        ({"bytesValue": "AAE="}, b"\x00\x01"),
        ({"bytesValue": "not base64"}, "not base64"),
        ({"arrayValue": {"values": [{"intValue": 1}, {}, {"stringValue": "a"}]}}, [1, None, "a"]),
        ({"arrayValue": {}}, []),
        ({"kvlistValue": {"values": [{"key": "", "value": {"intValue": 1}}, {"key": "b"}]}}, {"": 1, "b": None}),
        ({}, None),
        (None, None),
        ("x", None),
        ({"futureValue": 1}, None),
    ],
)
def test_any_value_is_decoded(value, expected):
    """Since OTLP 1.9 any attribute may hold empty, mixed and nested values."""
    decoded = otlp_json.value_of(value)
    assert decoded == expected or (expected == "NaN" and decoded != decoded)  # noqa: PLR0124 - NaN is not itself


def test_deep_values_stay_json_text():
    """A value of thousands of levels must neither overflow the stack nor be lost."""
    value = {"stringValue": "x"}
    for _ in range(200):
        value = {"arrayValue": {"values": [value]}}
    decoded, depth = otlp_json.value_of(value), 0
    while isinstance(decoded, list):
        [decoded], depth = decoded, depth + 1
    assert depth == otlp_json.MAX_VALUE_DEPTH
    assert json.loads(decoded)["arrayValue"]


def test_ids_may_be_absent_or_of_any_case():
    """Root spans have an empty parent id or none."""
    assert only({"traceId": "AB", "parentSpanId": ""}).parent_id is None
    assert only({}).trace_id == ""
    assert only({"traceId": 5}).trace_id == ""


def test_unknown_names_and_snake_case_are_ignored():
    """The specification says so; snake case must not be mis-read."""
    assert only({"trace_id": "ab", "newField": {"x": 1}}).trace_id == ""
    assert list(otlp_json.spans({"resource_spans": [{"scopeSpans": []}]})) == []


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"resourceSpans": None},
        {"resourceSpans": {}},
        {"resourceSpans": [None, 5, {"scopeSpans": None}, {"scopeSpans": [{"spans": [None, "x"]}]}]},
        [],
        "x",
        None,
    ],
)
def test_documents_without_spans_have_none(document):
    """MLflow answers some of these with an error 500."""
    assert list(otlp_json.spans(document)) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a": NaN}', b'{"a": Infinity}', b"\xff"])
def test_what_is_no_json_is_refused(body):
    """NaN is no JSON, whatever Python's parser thinks."""
    with pytest.raises(SourceError):
        otlp_json.parse(body)


def test_invalid_utf8_costs_only_the_character():
    """One bad byte must not cost the request of hundreds of spans."""
    assert otlp_json.parse(b'{"a": "x\xffy"}') == {"a": "x\ufffdy"}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceSpans",
                    "scopeSpans",
                    "spans",
                    "resource",
                    "scope",
                    "attributes",
                    "key",
                    "value",
                    "traceId",
                    "spanId",
                    "startTimeUnixNano",
                    "kind",
                    "status",
                    "code",
                    "events",
                    "links",
                    "stringValue",
                    "intValue",
                    "bytesValue",
                    "arrayValue",
                    "kvlistValue",
                    "values",
                    "doubleValue",
                    "name",
                    "droppedAttributesCount",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=40,
)


@given(JSON_VALUES)
def test_any_document_is_survived(document):
    """A wrong type anywhere counts as absent."""
    for span in otlp_json.spans({"resourceSpans": [{"scopeSpans": [{"spans": [document]}, document]}, document]}):
        assert isinstance(span.start_ns, int)
        assert isinstance(span.name, str)
