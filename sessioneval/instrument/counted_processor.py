"""A batch processor that knows how many spans it dropped."""

import itertools
import logging
import os
import weakref
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from sessioneval.instrument.batch_queue import BatchQueue
from sessioneval.instrument.exporter import ParquetSpanExporter
from sessioneval.instrument.throttled_log import ThrottledLog

# Threads that end a span in one moment may each be let in as the last one.
_SLACK = 1_024
_log = ThrottledLog(logging.getLogger(__name__))


class CountedBatchProcessor(BatchSpanProcessor):
    """The SDK's batch processor, with every span that it does not hand on counted by the exporter and logged.

    The SDK's own queue drops the oldest span when it is full and tells nobody how many. This one refuses the newest
    before the SDK's queue is full, as the SDKs for Java and Go do, so `ParquetSpanExporter.counts` adds up: after
    `force_flush`, each span that ended is exported, failed, rejected, dropped, or came after the shutdown.

    Args:
        exporter: Where spans go, and where the lost ones are counted.
        queue: Sizes and delay.
    """

    def __init__(self, exporter: ParquetSpanExporter, queue: BatchQueue) -> None:
        self._taking = _Taking(exporter)
        super().__init__(
            self._taking,
            schedule_delay_millis=queue.schedule_delay_millis,
            max_queue_size=queue.max_queue_size + _SLACK,
            max_export_batch_size=queue.max_export_batch_size,
        )
        self._exporter = exporter
        self._most_waiting = queue.max_queue_size
        self._is_shut_down = False
        self._start_counting()
        _guard_forks(self)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span, or count it as dropped."""
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._is_shut_down:
            self._exporter.count_lost(after_shutdown=1)
            return
        # `next` of a count is atomic; an addition is not.
        n_given = next(self._given)
        if n_given - self._n_dropped - self._taking.n_taken >= self._most_waiting:
            self._drop(1)
        else:
            super().on_end(span)

    def shutdown(self) -> None:
        """Export what waits, for at most 30 seconds, and count what could not be exported in that time."""
        if self._is_shut_down:
            return
        self._is_shut_down = True
        super().shutdown()  # type: ignore[no-untyped-call] # the SDK leaves it without a type
        n_waiting = next(self._given) - self._n_dropped - self._taking.n_taken
        if n_waiting > 0:
            self._drop(n_waiting)

    def _drop(self, n_spans: int) -> None:
        self._n_dropped += n_spans
        self._exporter.count_lost(dropped=n_spans)
        _log.warning(
            "spans dropped (%d so far): more than %d wait for their export",
            self._exporter.counts.dropped,
            self._most_waiting,
        )

    def _start_counting(self) -> None:
        self._given = itertools.count()
        self._n_dropped = 0
        self._taking.n_taken = 0


class _Taking(SpanExporter):
    """Hands batches on and counts the spans in them; the SDK calls it from one thread at a time."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.n_taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.n_taken += len(spans)
        return self._exporter.export(spans)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        self._exporter.shutdown()


def _guard_forks(processor: CountedBatchProcessor) -> None:
    """Count from zero in a child, where the SDK empties the queue: its spans are the parent's."""
    if not hasattr(os, "register_at_fork"):  # pragma: no cover - Windows has no fork
        return
    reference = weakref.ref(processor)  # hooks cannot be removed again; they must not keep the processor alive

    def after_in_child() -> None:
        if alive := reference():
            alive._start_counting()  # noqa: SLF001 - this module's own class

    os.register_at_fork(after_in_child=after_in_child)
