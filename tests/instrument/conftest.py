"""Real providers and stores for the tests of the app's side."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.instrument.registration import register

APPS = Path(__file__).parent / "apps"


class Recorder:
    """A real SDK provider that keeps its finished spans in memory."""

    def __init__(self) -> None:
        self.provider = TracerProvider(shutdown_on_exit=False)
        self.exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("plain")

    def span(self, name: str) -> None:
        self.tracer.start_span(name).end()

    def spans(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self.exporter.get_finished_spans()}

    def sessions(self) -> dict[str, Any]:
        return {name: (span.attributes or {}).get("session.id") for name, span in self.spans().items()}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.provider.shutdown()


def read_rows(store: Path) -> list[dict[str, Any]]:
    """All rows of a store, each file opened by itself, so that one bad file fails the test."""
    files = sorted((store / "spans").glob("date=*/*.parquet"))
    return [row for file in files for row in pq.ParquetFile(file).read().to_pylist()]


@pytest.fixture
def rows() -> Callable[[Path], list[dict[str, Any]]]:
    return read_rows


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[TracerProvider]:
    """A registered provider that writes to `tmp_path / "traces"`."""
    provider = register(tmp_path / "traces", service_name="test-app", set_global=False)
    yield provider
    provider.shutdown()


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of the scripts in `apps/` with arguments; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        app = subprocess.Popen(
            [sys.executable, str(APPS / name), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **environment},
        )
        started.append(app)
        return app

    yield start
    for app in started:
        app.kill()
        app.communicate()
