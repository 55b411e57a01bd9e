"""What instrumentation costs an app: the exporter's thread, the app's own thread, and spans lost in a burst.

Prints, a line each:

1. for both chat profiles, `ParquetSpanExporter.export` of a batch (to the fsynced file) against the OTLP protobuf encoding of
   the same batch, without compression and network. Both in this process, in turn, on the same spans; the ratio is of medians;
2. for both profiles, the CPU time that one span costs the app's thread (start, attributes, end) under `register()` against the
   same provider with an exporter that does nothing;
3. what became of a burst of spans through `register()` with its defaults, by the exporter's counts.

Run `python -m benchmarks.exporter`.
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.instrument.batch_queue import batch_queue
from sessioneval.instrument.exporter import ParquetSpanExporter
from sessioneval.instrument.registration import MAX_SPAN_ATTRIBUTES, exporter_of, register
from sessioneval.instrument.session_processor import equip

CALLS_A_SESSION = 10
CHARS = {
    "small": {"system": 1500, "user": 220, "assistant": 700},
    "big": dict.fromkeys(("system", "user", "assistant"), 2500),
}
_Attributes = dict[str, str | int]


class NoExporter(SpanExporter):
    """Does nothing with spans."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002 - the interface's argument
        return SpanExportResult.SUCCESS


def chat_attributes(n_spans: int, profile: str) -> Iterator[_Attributes]:
    """Yield attributes of LLM spans as an OpenInference instrumentor writes them: flattened, history repeated."""
    rng = np.random.default_rng(7)
    for session in range(-(-n_spans // CALLS_A_SESSION)):
        history = [("system", _text(rng, CHARS[profile]["system"]))]
        for _ in range(min(CALLS_A_SESSION, n_spans - session * CALLS_A_SESSION)):
            history.append(("user", _text(rng, CHARS[profile]["user"])))
            answer = _text(rng, CHARS[profile]["assistant"])
            yield _attributes(session, history, answer)
            history.append(("assistant", answer))


def _attributes(session: int, history: list[tuple[str, str]], answer: str) -> _Attributes:
    sent = {
        f"llm.input_messages.{index}.message.{key}": value
        for index, (role, text) in enumerate(history)
        for key, value in (("role", role), ("content", text))
    }
    return {
        "openinference.span.kind": "LLM",
        "session.id": f"session-{session}",
        "llm.model_name": "model",
        "llm.token_count.prompt": 100,
        "llm.token_count.completion": 50,
        **sent,
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": answer,
    }


def _text(rng: np.random.Generator, n_chars: int) -> str:
    return rng.integers(97, 123, n_chars, dtype=np.uint8).tobytes().decode()


def make_spans(provider: TracerProvider, attributes: Sequence[_Attributes]) -> None:
    """Start, fill and end a span for each of `attributes`."""
    tracer = provider.get_tracer("benchmark")
    for each in attributes:
        with tracer.start_as_current_span("chat") as span:
            span.set_attributes(each)


def chat_spans(n_spans: int, profile: str) -> list[ReadableSpan]:
    """Return finished spans."""
    memory = InMemorySpanExporter()
    provider = _provider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    make_spans(provider, list(chat_attributes(n_spans, profile)))
    return list(memory.get_finished_spans())


def _provider() -> TracerProvider:
    return TracerProvider(span_limits=SpanLimits(max_span_attributes=MAX_SPAN_ATTRIBUTES))


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long one call takes."""
    start = clock()
    work()
    return clock() - start


def exporter_line(profile: str, n_spans: int, runs: int) -> str:
    """Measure the exporter's thread."""
    batch = chat_spans(n_spans, profile)
    with tempfile.TemporaryDirectory() as directory:
        exporter = ParquetSpanExporter(directory)
        exporter.export(batch)  # imports and caches
        pairs = [
            (seconds(lambda: exporter.export(batch)), seconds(lambda: encode_spans(batch).SerializeToString()))
            for _ in range(runs)
        ]
    ours, theirs = (statistics.median(column) * 1e6 / len(batch) for column in zip(*pairs, strict=True))
    return f"{profile:5} export {ours:.0f} us a span, OTLP encode {theirs:.0f} us a span, ratio {ours / theirs:.2f}"


def app_line(profile: str, n_spans: int, runs: int) -> str:
    """Measure the app's thread while spans are exported beside it."""
    attributes = list(chat_attributes(n_spans, profile))
    with tempfile.TemporaryDirectory() as directory:
        ours, nothing = register(directory, set_global=False), _no_op_provider()
        for provider in (ours, nothing):
            make_spans(provider, attributes)
            provider.force_flush()
        pairs = [(_app_seconds(ours, attributes), _app_seconds(nothing, attributes)) for _ in range(runs)]
        ours.shutdown()
        nothing.shutdown()
    with_ours, with_none = (statistics.median(column) * 1e6 / n_spans for column in zip(*pairs, strict=True))
    return (
        f"{profile:5} app thread {with_ours:.1f} us a span, with an exporter that does nothing {with_none:.1f} us, "
        f"ratio {with_ours / with_none:.2f}"
    )


def _no_op_provider() -> TracerProvider:
    """Return a provider like that of `register()`, whose spans go nowhere."""
    provider, queue = _provider(), batch_queue(None, None, None)
    equip(provider)
    provider.add_span_processor(
        BatchSpanProcessor(
            NoExporter(),
            max_queue_size=queue.max_queue_size,
            max_export_batch_size=queue.max_export_batch_size,
            schedule_delay_millis=queue.schedule_delay_millis,
        )
    )
    return provider


def _app_seconds(provider: TracerProvider, attributes: Sequence[_Attributes]) -> float:
    gc.collect()  # else a run pays for what the one before it left
    used = seconds(lambda: make_spans(provider, attributes), clock=time.thread_time)
    provider.force_flush()
    return used


def burst_line(n_spans: int) -> str:
    """Count what a burst loses."""
    with tempfile.TemporaryDirectory() as directory:
        provider = register(directory, set_global=False)
        make_spans(provider, [{"session.id": "burst"}] * n_spans)
        provider.force_flush()
        counts = exporter_of(provider).counts
        provider.shutdown()
    return f"burst of {n_spans:,} spans: {counts}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--burst", type=int, default=100_000)
    options = parser.parse_args()
    for measure in (exporter_line, app_line):
        for profile in CHARS:
            sys.stdout.write(measure(profile, options.spans, options.runs) + "\n")
    sys.stdout.write(burst_line(options.burst) + "\n")


if __name__ == "__main__":
    main()
