"""What one span costs the exporter thread: `ParquetSpanExporter.export` against the OTLP protobuf encoding of the same batch.

Both in this process, on the same spans, in turn; the ratio is of medians. The OTLP figure is the encoding alone, without
compression and network; ours is everything up to the fsynced file.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import numpy as np
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.instrument.exporter import ParquetSpanExporter

CALLS_A_SESSION = 10
CHARS = {
    "small": {"system": 1500, "user": 220, "assistant": 700},
    "big": dict.fromkeys(("system", "user", "assistant"), 2500),
}


def chat_spans(n_spans: int, profile: str) -> list[ReadableSpan]:
    """Return finished LLM spans as an OpenInference instrumentor writes them: flattened, history repeated."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(span_limits=SpanLimits(max_span_attributes=10_000))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("benchmark")
    rng = np.random.default_rng(7)
    for session in range(-(-n_spans // CALLS_A_SESSION)):
        history = [("system", _text(rng, CHARS[profile]["system"]))]
        for _ in range(CALLS_A_SESSION):
            history.append(("user", _text(rng, CHARS[profile]["user"])))
            answer = _text(rng, CHARS[profile]["assistant"])
            with tracer.start_as_current_span("chat") as span:
                span.set_attributes(_attributes(session, history, answer))
            history.append(("assistant", answer))
    return list(memory.get_finished_spans())[:n_spans]


def _attributes(session: int, history: list[tuple[str, str]], answer: str) -> dict[str, str | int]:
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


def _encode(batch: list[ReadableSpan]) -> bytes:
    return encode_spans(batch).SerializeToString()


def seconds(work: Callable[[list[ReadableSpan]], object], batch: list[ReadableSpan]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work(batch)
    return time.perf_counter() - start


def main() -> None:
    """Print the cost a span and the ratio for each profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=4096)
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    for profile in CHARS:
        batch = chat_spans(options.spans, profile)
        with tempfile.TemporaryDirectory() as directory:
            exporter = ParquetSpanExporter(directory)
            exporter.export(batch)  # imports and caches
            pairs = [(seconds(exporter.export, batch), seconds(_encode, batch)) for _ in range(options.runs)]
        ours, theirs = (statistics.median(column) * 1e6 / len(batch) for column in zip(*pairs, strict=True))
        print(f"{profile}: export {ours:.0f} us a span, OTLP encode {theirs:.0f} us a span, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
