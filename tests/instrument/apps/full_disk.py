"""Exports while files may not grow (as on a full disk), then again when they may; prints results and counts."""

import json
import logging
import resource
import sys
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.instrument.exporter import ParquetSpanExporter


def main() -> None:
    logging.basicConfig()
    store = Path(sys.argv[1])
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    provider.get_tracer("app").start_span("turn").end()
    exporter = ParquetSpanExporter(store)

    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    results = [exporter.export(memory.get_finished_spans()).name for _ in range(3)]
    left = [path.name for path in store.rglob("*") if path.is_file()]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    results.append(exporter.export(memory.get_finished_spans()).name)
    counts = exporter.counts
    outcome = {"results": results, "left": left, "exported": counts.exported, "failed": counts.failed}
    sys.stdout.write(json.dumps(outcome))


if __name__ == "__main__":
    main()
