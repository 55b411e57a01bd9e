"""From spans of the OpenTelemetry SDK for Python to raw spans.

It runs inside the instrumented app, so whatever a span holds, nothing may raise.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Link, SpanContext

from sessioneval.model.raw_span import RawEvent, RawSpan


class _Resources:
    """Remembers the attributes of the last resource as a dict: nearly all spans of a process have one resource."""

    def __init__(self) -> None:
        self._last: tuple[Resource | None, dict[str, Any]] = (None, {})

    def attributes(self, resource: Resource | None) -> dict[str, Any]:
        """Return the attributes; the same dict as long as the resource is the same."""
        last, attributes = self._last
        if resource is not last:
            attributes = _attributes(resource.attributes) if resource else {}
            self._last = (resource, attributes)
        return attributes


_RESOURCES = _Resources()


def raw_span(span: ReadableSpan) -> RawSpan:
    """Return `span` with hexadecimal ids and its attributes as they are."""
    context = span.get_span_context()
    scope = span.instrumentation_scope
    return RawSpan(
        trace_id=_trace_id(context),
        span_id=_span_id(context),
        parent_id=_span_id(span.parent) or None,
        name=str(span.name),
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        attributes=_attributes(span.attributes),
        kind=span.kind.name,
        status_code=span.status.status_code.name,
        status_message=span.status.description or "",
        events=[_event(event) for event in span.events],
        links=[_link(link) for link in span.links],
        resource=_RESOURCES.attributes(span.resource),
        scope_name=scope.name if scope else "",
        scope_version=(scope.version or "") if scope else "",
        trace_state=context.trace_state.to_header() if context and context.trace_state else "",
        dropped_attributes=span.dropped_attributes,
    )


def _trace_id(context: SpanContext | None) -> str:
    return f"{context.trace_id:032x}" if context else ""


def _span_id(context: SpanContext | None) -> str:
    return f"{context.span_id:016x}" if context else ""


def _attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    if not attributes:
        return {}
    # The SDK's mapping takes a lock and a call for each key; its own copy is that of a dict.
    copied: Mapping[str, Any] = attributes.copy() if hasattr(attributes, "copy") else attributes
    if type(copied) is dict and set(map(type, copied)) == {str}:
        return copied
    return {str(key): value for key, value in copied.items()}


def _event(event: Event) -> RawEvent:
    return RawEvent(name=str(event.name), time_ns=event.timestamp or 0, attributes=_attributes(event.attributes))


def _link(link: Link) -> dict[str, Any]:
    return {
        "trace_id": _trace_id(link.context),
        "span_id": _span_id(link.context),
        "attributes": _attributes(link.attributes),
    }
