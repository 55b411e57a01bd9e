"""`ParquetSpanExporter`: spans of an OTel SDK into a store, under the exporter contract."""

import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from sessioneval.instrument.throttled_log import ThrottledLog

STORE_VARIABLE = "SESSIONEVAL_STORE"
DEFAULT_DIRECTORY = "traces"

_MAX_FORK_WAIT_SECONDS = 5.0
_log = ThrottledLog(logging.getLogger(__name__))


@dataclass(frozen=True, kw_only=True)
class ExportCounts:
    """What became of the spans given to one exporter in this process.

    Attributes:
        exported: Spans in published, fsynced files.
        failed: Spans of batches that could not be written.
        rejected: Spans that cannot be stored, by reason; the rest of their batch was.
        after_shutdown: Spans given after `ParquetSpanExporter.shutdown`.
        dropped: Spans that the queue of `register()` had no room for.
    """

    exported: int = 0
    failed: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    after_shutdown: int = 0
    dropped: int = 0


class ParquetSpanExporter(SpanExporter):
    """Appends each batch of spans to a store (a directory of Parquet files).

    The contract:

    - `export` returns SUCCESS only when every span of the batch is in published, fsynced files, else FAILURE; the
      good spans of a batch with rejected ones are stored nevertheless. It never raises, and what is lost is counted
      in `counts` and logged (each message at most once in 20 seconds).
    - Nothing is kept between calls, because the SDK's processors never call `force_flush` of an exporter, and
      nothing is retried later, because they never call `export` again for a batch: a write is repeated at once, at
      most twice, if a system call was only interrupted (EINTR, EAGAIN); a full disk or a missing right is a FAILURE.
    - It may be called by several threads. A fork waits for a running export (at most 5 seconds), so the child never
      inherits a lock or a half-done import; the child's counts start at zero.

    `BatchSpanProcessor` ignores results: its `force_flush` returns True even if the disk is full, so look at
    `counts`. `register()` counts what its queue drops. In a set-up of your own, the SDK's processor drops the oldest
    spans when its queue is full (2,048 by default), before they come here: they are in no count of ours (the SDK
    logs "Queue full", and counts them with ``OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED=true``).

    Args:
        directory: The store; by default that of the environment variable ``SESSIONEVAL_STORE``, else "traces".
            A relative path counts from the current directory of now, even if the app changes it later.

    Example:
        >>> import tempfile
        >>> exporter = ParquetSpanExporter(tempfile.mkdtemp())
        >>> exporter.counts
        ExportCounts(exported=0, failed=0, rejected={}, after_shutdown=0, dropped=0)

    Source: https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-exporter
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._directory = _absolute(directory or os.environ.get(STORE_VARIABLE) or DEFAULT_DIRECTORY)
        self._counts = ExportCounts()
        self._is_shut_down = False
        # Reentrant: the thread that forks may be inside an export.
        self._lock = threading.RLock()
        # Of its own: a thread of the app that counts a span must not wait for an export.
        self._counting = threading.Lock()
        self._is_held_for_fork = False
        _guard_forks(self)

    @property
    def counts(self) -> ExportCounts:
        """What became of the spans given so far; a snapshot that does not change."""
        return self._counts

    @property
    def directory(self) -> str:
        """The store's directory, absolute."""
        return self._directory

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Publish `spans`; SUCCESS means that all of them are in published, fsynced files."""
        with self._lock:
            if self._is_shut_down:
                self._count(after_shutdown=len(spans))
                _log.warning("spans given to an exporter after its shutdown are dropped")
                return SpanExportResult.FAILURE
            try:
                return self._export(spans)
            except Exception as error:  # noqa: BLE001 - the contract: no exception reaches the app
                self._count(failed=len(spans))
                _log.warning("spans lost (%d so far): store %r: %r", self._counts.failed, self._directory, error)
                return SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the interface's argument
        """Return True: `export` keeps nothing back."""
        return True

    def shutdown(self) -> None:
        """Refuse later batches; a running export ends as usual."""
        self._is_shut_down = True

    def count_lost(self, *, dropped: int = 0, after_shutdown: int = 0) -> None:
        """Count spans that a processor could not hand on."""
        self._count(dropped=dropped, after_shutdown=after_shutdown)

    def _export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        # Deferred: pyarrow (and pandas, which pyarrow imports) would cost the app a second at its start.
        from sessioneval.instrument.span_batch import publish_batch

        rejected = publish_batch(spans, self._directory)
        self._count(exported=len(spans) - rejected.total(), rejected=rejected)
        if rejected:
            _log.warning("spans rejected: %s", dict(rejected))
            return SpanExportResult.FAILURE
        return SpanExportResult.SUCCESS

    def _count(self, *, rejected: Mapping[str, int] | None = None, **more: int) -> None:
        with self._counting:
            counts = self._counts
            added = {name: getattr(counts, name) + n for name, n in more.items()}
            self._counts = replace(counts, rejected=dict(Counter(counts.rejected) + Counter(rejected or {})), **added)

    def _before_fork(self) -> None:
        # Bounded: a hanging disk must not stop the app from forking.
        self._is_held_for_fork = self._lock.acquire(timeout=_MAX_FORK_WAIT_SECONDS)

    def _after_fork_in_parent(self) -> None:
        if self._is_held_for_fork:
            self._is_held_for_fork = False
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        self._lock, self._counting = threading.RLock(), threading.Lock()
        self._is_held_for_fork = False
        self._counts = ExportCounts()


def _absolute(directory: str | os.PathLike[str]) -> str:
    try:
        return os.path.abspath(directory)  # noqa: PTH100 - Path.resolve would follow links that may change later
    except OSError:  # the current directory is gone: the export will say so
        return os.fspath(directory)


def _guard_forks(exporter: ParquetSpanExporter) -> None:
    if not hasattr(os, "register_at_fork"):  # pragma: no cover - Windows has no fork
        return
    reference = weakref.ref(exporter)  # hooks cannot be removed again; they must not keep the exporter alive

    def before() -> None:
        if alive := reference():
            alive._before_fork()  # noqa: SLF001 - this module's own class

    def after_in_parent() -> None:
        if alive := reference():
            alive._after_fork_in_parent()  # noqa: SLF001

    def after_in_child() -> None:
        if alive := reference():
            alive._after_fork_in_child()  # noqa: SLF001

    os.register_at_fork(before=before, after_in_parent=after_in_parent, after_in_child=after_in_child)
