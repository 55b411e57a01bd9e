"""The processor that copies the session onto spans."""

import pytest
from openinference.instrumentation import using_attributes
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.session_processor import SessionSpanProcessor, equip


@pytest.fixture
def equipped(recorder):
    recorder.provider.add_span_processor(SessionSpanProcessor())
    return recorder


def test_openinference_using_attributes_reaches_plain_spans(equipped):
    """Apps that already use OpenInference's own context managers gain plain spans too."""
    with using_attributes(session_id="s", user_id="u", metadata={"a": 1}, tags=["t"]):
        equipped.span("turn")
    assert dict(equipped.spans()["turn"].attributes) == {
        "session.id": "s",
        "user.id": "u",
        "metadata": '{"a": 1}',
        "tag.tags": ("t",),
    }


def test_attributes_of_the_span_win(equipped):
    """An instrumentor that knows the session better is not overruled."""
    with using_attributes(session_id="context", user_id="u"):
        equipped.tracer.start_span("turn", attributes={"session.id": "own"}).end()
    assert dict(equipped.spans()["turn"].attributes) == {"session.id": "own", "user.id": "u"}


def test_the_context_wins_over_baggage_and_only_ids_are_taken_from_baggage(equipped):
    """Incoming baggage is untrusted: it names the session only when nobody here does, and nothing more."""
    incoming = context.Context()
    for key in ("session.id", "user.id", "session.source", "metadata"):
        incoming = baggage.set_baggage(key, f"remote {key}", incoming)
    equipped.tracer.start_span("remote", context=incoming).end()
    equipped.tracer.start_span("local", context=context.set_value("session.id", "here", incoming)).end()
    assert dict(equipped.spans()["remote"].attributes) == {
        "session.id": "remote session.id",
        "user.id": "remote user.id",
    }
    assert equipped.spans()["local"].attributes["session.id"] == "here"


def test_the_given_parent_context_counts_not_the_current_one(equipped):
    """A consumer that starts spans for a stored context means that context."""
    stored = context.set_value("session.id", "stored")
    with using_attributes(session_id="current"):
        equipped.tracer.start_span("turn", context=stored).end()
    assert equipped.sessions() == {"turn": "stored"}


def test_strange_context_values_do_not_break_the_app(equipped):
    """Other libraries may put anything under these keys."""

    class Hostile:
        def __str__(self):
            raise RuntimeError("no")

        def __bool__(self):
            raise RuntimeError("no")

    hostile = context.set_value("session.id", Hostile(), baggage.set_baggage("user.id", Hostile()))
    equipped.tracer.start_span("turn", context=hostile).end()
    assert list(equipped.spans()) == ["turn"]


class _Counting(TracerProvider):
    """Counts its processors."""

    added = 0

    def add_span_processor(self, span_processor):
        self.added += 1
        super().add_span_processor(span_processor)


def test_a_provider_is_equipped_once():
    """`session()` asks each time it is entered."""
    provider = _Counting(shutdown_on_exit=False)
    for _ in range(3):
        equip(provider)
    assert provider.added == 1


def test_providers_without_processors_are_left_alone():
    """Without an SDK the API's no-op provider is there."""
    equip(trace.NoOpTracerProvider())
