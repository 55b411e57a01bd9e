"""Every span that ends under `register()` is in a file or in the counts."""

import os
import threading

import pytest
from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.batch_queue import batch_queue
from sessioneval.instrument.counted_processor import CountedBatchProcessor
from sessioneval.instrument.exporter import ExportCounts, ParquetSpanExporter
from sessioneval.instrument.registration import exporter_of, register


class HeldExporter(ParquetSpanExporter):
    """An exporter on a disk that hangs until it is released."""

    def __init__(self, directory):
        super().__init__(directory)
        self.is_exporting, self.release = threading.Event(), threading.Event()

    def export(self, spans):
        self.is_exporting.set()
        self.release.wait(30)
        return super().export(spans)


@pytest.fixture
def held(tmp_path):
    return HeldExporter(tmp_path)


@pytest.fixture
def slow_provider(held):
    """A queue of 100 spans in front of a hanging disk."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(CountedBatchProcessor(held, batch_queue(60_000, 100, 10)))
    yield provider
    held.release.set()
    provider.shutdown()


def end_spans(provider, n, start=0):
    tracer = provider.get_tracer("app")
    for number in range(start, start + n):
        tracer.start_span(str(number)).end()


def test_spans_beyond_the_queue_are_counted_and_logged_once(held, slow_provider, tmp_path, rows, caplog):
    """The SDK drops silently; here 350 of 460 are missing, and the counts say so to the span."""
    end_spans(slow_provider, 10)
    assert held.is_exporting.wait(30)
    end_spans(slow_provider, 450, start=10)
    held.release.set()
    slow_provider.force_flush()
    assert held.counts == ExportCounts(exported=110, dropped=350)
    # The oldest are kept: they are in the queue already.
    assert sorted(int(row["name"]) for row in rows(tmp_path)) == list(range(110))
    assert len([record for record in caplog.records if "spans dropped" in record.getMessage()]) == 1


def test_a_queue_that_has_been_emptied_takes_spans_again(held, slow_provider):
    """A disk that hung for a minute must not end the tracing."""
    end_spans(slow_provider, 300)
    held.release.set()
    slow_provider.force_flush()
    n_dropped = held.counts.dropped
    assert n_dropped + held.counts.exported == 300
    end_spans(slow_provider, 100)
    slow_provider.force_flush()
    assert held.counts == ExportCounts(exported=400 - n_dropped, dropped=n_dropped)


def test_counts_add_up_over_many_threads(held, slow_provider):
    """Web servers end spans in all their threads; no span may fall between two counts."""
    threads = [threading.Thread(target=end_spans, args=(slow_provider, 500)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    held.release.set()
    slow_provider.force_flush()
    counts = held.counts
    assert counts.exported + counts.dropped == 4_000
    assert counts.dropped >= 4_000 - 100 - 10 - 8


def test_spans_after_the_shutdown_are_counted(tmp_path):
    """The SDK ignores them with a log line at level INFO."""
    provider = register(tmp_path, set_global=False)
    end_spans(provider, 3)
    span = provider.get_tracer("app").start_span("late")
    provider.shutdown()
    span.end()
    assert exporter_of(provider).counts == ExportCounts(exported=3, after_shutdown=1)


def test_a_burst_of_a_hundred_thousand_spans_loses_none(tmp_path):
    """The default queue holds it, whatever the disk does meanwhile."""
    held = HeldExporter(tmp_path)
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(CountedBatchProcessor(held, batch_queue(None, None, None)))
    end_spans(provider, 100_000)
    held.release.set()
    provider.force_flush()
    provider.shutdown()
    assert held.counts == ExportCounts(exported=100_000)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_counts_from_zero_and_loses_nothing(held, slow_provider):
    """The parent's waiting spans are the parent's; they must not fill the child's queue."""
    end_spans(slow_provider, 100)
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        status = 1
        try:
            held.release = threading.Event()
            held.release.set()
            end_spans(slow_provider, 100)
            slow_provider.force_flush()
            status = int(held.counts != ExportCounts(exported=100))
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
