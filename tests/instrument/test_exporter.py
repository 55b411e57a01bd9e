"""The exporter's contract, on real spans and real files."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pandas as pd
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext

from sessioneval.instrument.exporter import ExportCounts, ParquetSpanExporter

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


@pytest.fixture
def exporter(tmp_path):
    return ParquetSpanExporter(tmp_path / "traces")


@pytest.fixture
def span(recorder):
    """Make one finished span."""

    def make(name="turn", **attributes):
        span = recorder.tracer.start_span(name, attributes=attributes)
        span.end()
        return span

    return make


def test_success_means_the_spans_are_in_a_published_file(exporter, span, tmp_path, rows):
    """Readable the moment export returns, with nothing hidden left over."""
    assert exporter.export([span("a"), span("b")]) is SUCCESS
    assert [row["name"] for row in rows(tmp_path / "traces")] == ["a", "b"]
    files = [path for path in (tmp_path / "traces").rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".parquet"]
    assert exporter.counts == ExportCounts(exported=2)


def test_pandas_and_duckdb_read_the_files_without_help(exporter, span, tmp_path):
    """Plain Parquet for any tool."""
    exporter.export([span(**{"session.id": "chat", "llm.model_name": "m"})])
    frame = pd.read_parquet(tmp_path / "traces" / "spans")
    assert frame["attributes.session.id"].tolist() == ["chat"]
    query = f"""SELECT "attributes.llm.model_name" FROM '{tmp_path}/traces/spans/**/*.parquet'"""
    assert duckdb.sql(query).fetchall() == [("m",)]


@pytest.mark.parametrize(
    "value",
    [
        b"\xff\x00",
        2**70,
        -(2**70),
        float("nan"),
        float("-inf"),
        "lone \udc80 surrogate",
        "nul \x00 inside",
        {"nested": {"deep": [1, None, b"x", 2**80, "\ud800"]}},
        [1, "mixed", None, 2.5],
        None,
        object(),
        "x" * 5_000_000,
    ],
    ids=lambda value: f"{type(value).__name__} {str(value)[:12]!a}",
)
def test_no_attribute_value_costs_its_span_or_its_batch(exporter, span, tmp_path, rows, value):
    """The SDK lets all of these through, in typed attributes as in free ones."""
    keys = ("session.id", "input.value", "llm.token_count.prompt", "tag.tags", "llm.input_messages", "own.key")
    batch = [span("good"), span("odd", **dict.fromkeys(keys, value)), span("good too")]
    assert exporter.export(batch) is SUCCESS
    assert [row["name"] for row in rows(tmp_path / "traces")].count("odd") == 1
    assert len(rows(tmp_path / "traces")) == 3


class _Poison(ReadableSpan):
    """A span that cannot even be looked at."""

    @property
    def attributes(self):
        raise RuntimeError("poison")


def test_a_span_that_cannot_be_stored_is_counted_by_reason_and_the_rest_is_stored(exporter, span, tmp_path, rows):
    """FAILURE, because not every span is in a file; but no good span is lost."""
    context = span().get_span_context()
    nameless = SpanContext(trace_id=0, span_id=context.span_id, is_remote=False)
    batch = [
        span("first"),
        ReadableSpan("no trace id", context=nameless, start_time=1, end_time=2),
        ReadableSpan("no start", context=context),
        _Poison("poison", context=context, start_time=1, end_time=2),
        span("last"),
    ]
    assert exporter.export(batch) is FAILURE
    assert sorted(row["name"] for row in rows(tmp_path / "traces")) == ["first", "last"]
    assert exporter.counts == ExportCounts(
        exported=2, rejected={"bad trace id": 1, "no start time": 1, "unencodable: RuntimeError": 1}
    )


def test_a_batch_of_nothing_but_rejects_writes_no_file(exporter, tmp_path):
    """An empty file would only slow readers down."""
    assert exporter.export([ReadableSpan("nothing")]) is FAILURE
    assert exporter.export([]) is SUCCESS
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_directory_that_cannot_be_written_is_a_counted_failure_and_one_warning(tmp_path, span, caplog):
    """The app runs on; the log does not fill up."""
    (tmp_path / "traces").write_text("a file, not a directory")
    exporter = ParquetSpanExporter(tmp_path / "traces")
    assert [exporter.export([span()]) for _ in range(5)] == [FAILURE] * 5
    assert exporter.counts == ExportCounts(failed=5)
    assert len(caplog.records) <= 1


def test_a_removed_directory_comes_back(exporter, span, tmp_path, rows):
    """Clean-up jobs remove directories under running apps."""
    exporter.export([span("gone")])
    (tmp_path / "traces").rename(tmp_path / "removed")
    assert exporter.export([span("here")]) is SUCCESS
    assert [row["name"] for row in rows(tmp_path / "traces")] == ["here"]


def test_after_shutdown_spans_are_refused_and_counted(exporter, span, tmp_path):
    """The exporter contract: export after shutdown returns FAILURE."""
    exporter.export([span()])
    exporter.shutdown()
    assert exporter.export([span(), span()]) is FAILURE
    assert exporter.counts == ExportCounts(exported=1, after_shutdown=2)
    assert len(list(tmp_path.rglob("*.parquet"))) == 1


def test_force_flush_has_nothing_to_do(exporter):
    """Nothing is kept between calls."""
    assert exporter.force_flush(1) is True


def test_many_threads_may_export_at_once(exporter, span, tmp_path, rows):
    """SimpleSpanProcessor calls export from every thread of the app."""
    barrier = threading.Barrier(8)

    def export(number):
        barrier.wait()
        return [exporter.export([span(f"{number}.{n}")]) for n in range(5)]

    with ThreadPoolExecutor(8) as pool:
        results = [result for each in pool.map(export, range(8)) for result in each]
    assert results == [SUCCESS] * 40
    assert len({row["name"] for row in rows(tmp_path / "traces")}) == 40
    assert exporter.counts == ExportCounts(exported=40)


def test_without_arguments_the_environment_names_the_store(tmp_path, monkeypatch):
    """Auto-instrumentation constructs exporters with no arguments."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SESSIONEVAL_STORE", raising=False)
    assert ParquetSpanExporter().directory == str(tmp_path / "traces")
    monkeypatch.setenv("SESSIONEVAL_STORE", "elsewhere")
    assert ParquetSpanExporter().directory == str(tmp_path / "elsewhere")


def test_a_relative_directory_stays_where_it_was(tmp_path, monkeypatch, span, rows):
    """Daemons change their directory after the set-up."""
    monkeypatch.chdir(tmp_path)
    exporter = ParquetSpanExporter("traces")
    monkeypatch.chdir("/")
    assert exporter.export([span()]) is SUCCESS
    assert len(rows(tmp_path / "traces")) == 1


def test_a_vanished_current_directory_does_not_break_the_set_up(tmp_path, monkeypatch, span):
    """The export reports it; constructing does not raise."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    exporter = ParquetSpanExporter(Path("traces"))
    assert exporter.export([span()]) is FAILURE
