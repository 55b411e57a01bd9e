"""Spans of the real SDK become raw spans, and nothing on them raises."""

from ingest.spans_made import MESSAGE, sdk_spans
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from sessioneval.ingest.sdk_spans import raw_span
from sessioneval.ingest.span_table import SpanTableBuilder


def test_a_span_of_the_sdk_is_taken_over_whole():
    """The exporter stores what the app recorded."""
    chat, root = sdk_spans(1)
    span = raw_span(chat)
    assert span.trace_id == f"{chat.get_span_context().trace_id:032x}"
    assert span.parent_id == raw_span(root).span_id
    assert raw_span(root).parent_id is None
    assert (span.kind, span.status_code, span.status_message) == ("CLIENT", "ERROR", "cut off")
    assert (span.start_ns, span.end_ns) == (chat.start_time, chat.end_time)
    assert span.attributes["llm.token_count.prompt"] == MESSAGE["llm.token_count.prompt"]
    assert span.events[0].name == "first token"
    assert span.links[0]["attributes"] == {"why": "test"}
    assert span.links[0]["span_id"] == raw_span(root).span_id
    assert span.resource["service.name"] == "shop"
    assert (span.scope_name, span.scope_version) == ("tests", "1.2")


def test_trace_state_is_kept():
    """Samplers and vendors keep facts there."""
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("k", "v")]))
    assert raw_span(ReadableSpan("x", context)).trace_state == "k=v"


def test_an_empty_span_does_not_raise():
    """Spans of other SDK parts may lack anything; they are refused later, by name."""
    span = raw_span(ReadableSpan("x"))
    assert (span.trace_id, span.span_id, span.start_ns) == ("", "", 0)


def test_strange_values_reach_the_table():
    """The SDK lets through bytes, None, nested and huge values, lone surrogates and keys that are no text."""
    attributes = {"a": b"x", "b": None, "c": {"d": [1, {"e": 2**70}]}, "f": "\ud800", 5: "g", "h": object()}
    span = ReadableSpan(
        "x",
        SpanContext(1, 2, is_remote=False),
        attributes=attributes,
        events=[Event("e", attributes, timestamp=5)],
        start_time=5,
        end_time=6,
    )
    builder = SpanTableBuilder()
    builder.add(raw_span(span))
    assert len(builder.table()) == 1
