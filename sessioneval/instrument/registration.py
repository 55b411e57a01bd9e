"""`register()`: a tracer provider that writes to a store."""

import os
import weakref
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from opentelemetry import trace
from opentelemetry.sdk.environment_variables import (
    OTEL_ATTRIBUTE_COUNT_LIMIT,
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT,
)
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.util.types import AttributeValue

from sessioneval.errors import InputError
from sessioneval.instrument.batch_queue import BatchQueue, batch_queue
from sessioneval.instrument.counted_processor import CountedBatchProcessor
from sessioneval.instrument.exporter import ParquetSpanExporter
from sessioneval.instrument.session_processor import equip
from sessioneval.instrument.signal_flush import flush_on_sigterm as install_flush_on_sigterm

MAX_SPAN_ATTRIBUTES = 10_000

_TRACES_PATH = "/v1/traces"
_exporters: "weakref.WeakKeyDictionary[TracerProvider, ParquetSpanExporter]" = weakref.WeakKeyDictionary()


def register(
    directory: str | os.PathLike[str] = "traces/",
    *,
    service_name: str | None = None,
    resource_attributes: Mapping[str, AttributeValue] | None = None,
    otlp_endpoint: str | None = None,
    otlp_headers: Mapping[str, str] | None = None,
    set_global: bool = True,
    batch: bool = True,
    schedule_delay_millis: int | None = None,
    max_queue_size: int | None = None,
    max_export_batch_size: int | None = None,
    flush_on_sigterm: bool = False,
) -> TracerProvider:
    """Return a tracer provider whose spans are appended to the store in `directory`.

    Each span carries the session it was started in (`session()`), and keeps 10,000 attributes: the SDK's 128 evict
    the oldest, so a chat of 80 flattened messages would lose its ``session.id``. Spans are exported in batches by a
    background thread and at the normal end of the process; call ``force_flush()`` before ``os._exit``.

    Calling it again makes another provider; OTel keeps the first one global and says so in its log.

    Args:
        directory: The store, made with the first batch.
        service_name: ``service.name`` of the resource; by default that of ``OTEL_SERVICE_NAME``.
        resource_attributes: More resource attributes; they win over ``OTEL_RESOURCE_ATTRIBUTES``.
        otlp_endpoint: Also send spans by OTLP (http/protobuf) to this address, as it is if its path ends in
            ``/v1/traces``, else with that path appended.
        otlp_headers: Headers of those requests.
        set_global: Whether tracers of the whole process use the provider.
        batch: False writes one file per span before the span's ``end()`` returns: for debugging and tests.
        schedule_delay_millis: Longest time a span waits in the queue; by default ``OTEL_BSP_SCHEDULE_DELAY``, else
            5,000.
        max_queue_size: Spans that may wait; beyond that spans are dropped, logged, and counted
            (`ParquetSpanExporter.counts`). By default ``OTEL_BSP_MAX_QUEUE_SIZE``, else 131,072.
        max_export_batch_size: Most spans in one batch; by default ``OTEL_BSP_MAX_EXPORT_BATCH_SIZE``, else 4,096 or
            the queue's size if that is less.
        flush_on_sigterm: Also export what is queued when SIGTERM comes (see `signal_flush`).

    Raises:
        InputError: A size or delay that is not positive, or a batch larger than the queue.

    Example:
        >>> import tempfile
        >>> provider = register(tempfile.mkdtemp(), service_name="tutor", set_global=False)
        >>> with provider.get_tracer("app").start_as_current_span("turn"):
        ...     pass
        >>> provider.force_flush(), exporter_of(provider).counts.exported
        (True, 1)
        >>> provider.shutdown()
    """
    queue = batch_queue(schedule_delay_millis, max_queue_size, max_export_batch_size) if batch else None
    # The SDK's own provider: OpenInference's adds masking and decorators to manual tracers, which its instrumentors
    # bring by themselves, for 130 ms and pydantic at the app's start.
    provider = TracerProvider(resource=_resource(service_name, resource_attributes), span_limits=_span_limits())
    equip(provider)
    exporter = ParquetSpanExporter(directory)
    _exporters[provider] = exporter
    provider.add_span_processor(CountedBatchProcessor(exporter, queue) if queue else SimpleSpanProcessor(exporter))
    if otlp_endpoint:
        provider.add_span_processor(_processor(_otlp_exporter(otlp_endpoint, otlp_headers), queue))
    if set_global:
        trace.set_tracer_provider(provider)
    if flush_on_sigterm:
        install_flush_on_sigterm(provider)
    return provider


def exporter_of(tracer_provider: TracerProvider) -> ParquetSpanExporter:
    """Return the exporter that `register` gave to a provider; its `counts` tell what was stored and lost.

    Raises:
        InputError: The provider was not made by `register`.
    """
    try:
        return _exporters[tracer_provider]
    except KeyError:
        raise InputError(f"{tracer_provider!r} was not made by register(); pass the provider it returned") from None


def _resource(service_name: str | None, attributes: Mapping[str, AttributeValue] | None) -> Resource:
    given = dict(attributes or {})
    if service_name:
        given[SERVICE_NAME] = service_name
    return Resource.create(given)


def _span_limits() -> SpanLimits:
    if os.environ.get(OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT) or os.environ.get(OTEL_ATTRIBUTE_COUNT_LIMIT):
        return SpanLimits()  # it reads both
    return SpanLimits(max_span_attributes=MAX_SPAN_ATTRIBUTES)


def _processor(exporter: SpanExporter, queue: BatchQueue | None) -> SpanProcessor:
    if queue is None:
        return SimpleSpanProcessor(exporter)
    return BatchSpanProcessor(
        exporter,
        schedule_delay_millis=queue.schedule_delay_millis,
        max_queue_size=queue.max_queue_size,
        max_export_batch_size=queue.max_export_batch_size,
    )


def _otlp_exporter(endpoint: str, headers: Mapping[str, str] | None) -> SpanExporter:
    # Deferred: 100 ms that only apps with an endpoint should pay.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=_traces_url(endpoint), headers=dict(headers or {}))


def _traces_url(endpoint: str) -> str:
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=path if path.endswith(_TRACES_PATH) else path + _TRACES_PATH))
