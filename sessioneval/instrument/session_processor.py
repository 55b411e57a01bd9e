"""Copies the current session onto every span that starts."""

import logging
import weakref
from collections.abc import Iterator

from opentelemetry import baggage, trace
from opentelemetry.context import Context, get_current, get_value
from opentelemetry.sdk.trace import Span, SpanProcessor
from opentelemetry.util.types import AttributeValue

from sessioneval.instrument.session_keys import BAGGAGE_KEYS, SESSION_KEYS
from sessioneval.instrument.throttled_log import ThrottledLog

_log = ThrottledLog(logging.getLogger(__name__))
_equipped: "weakref.WeakSet[object]" = weakref.WeakSet()


class SessionSpanProcessor(SpanProcessor):
    """Sets the session's attributes on every span, OpenInference or plain OTel, when it starts.

    OpenInference tracers read the session from the OTel context by themselves, plain tracers do not. Values
    come from the span's parent context: the keys set by `session()` or OpenInference's ``using_*``, else the
    W3C baggage members ``session.id`` and ``user.id`` of an incoming request. An attribute that the span
    already has is kept. It never raises.
    """

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Copy the session of `parent_context` (by default the current context) onto `span`."""
        try:
            present = span.attributes or {}
            for key, value in _session_of(get_current() if parent_context is None else parent_context):
                if key not in present:
                    span.set_attribute(key, value)
        except Exception as error:  # noqa: BLE001 - a context set by others may hold anything; the app must go on
            _log.warning("session attributes not set on a span: %r", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface's argument
        """Return True, since nothing waits here; older SDKs take the default's None for a failed flush."""
        return True


def _session_of(context: Context) -> Iterator[tuple[str, AttributeValue]]:
    for key in SESSION_KEYS:
        value = get_value(key, context)
        if value is None and key in BAGGAGE_KEYS:
            member = baggage.get_baggage(key, context)
            value = str(member) if member else None
        if value is not None:
            yield key, value  # type: ignore[misc] # the context's values are objects; the SDK cleans what is set


def equip(tracer_provider: trace.TracerProvider | None = None) -> None:
    """Add a `SessionSpanProcessor` to a tracer provider (by default the global one) unless it was done before.

    So `session()` reaches plain spans under any SDK set-up, such as ``opentelemetry-instrument``, and not only
    after `register()`. A provider that takes no processors (the API's no-op and proxy) is left alone.
    """
    try:
        provider = tracer_provider or trace.get_tracer_provider()
        add_span_processor = getattr(provider, "add_span_processor", None)
        if add_span_processor is not None and provider not in _equipped:
            _equipped.add(provider)
            add_span_processor(SessionSpanProcessor())
    except Exception as error:  # noqa: BLE001 - a foreign provider may raise anything; spans then inherit on reading
        _log.warning("no session processor added to the tracer provider: %r", error)
