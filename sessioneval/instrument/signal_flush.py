"""Exports the queued spans when the process is asked to end by SIGTERM."""

import logging
import os
import signal
import threading
from types import FrameType

from opentelemetry.sdk.trace import TracerProvider

from sessioneval.errors import InputError

_logger = logging.getLogger(__name__)


def flush_on_sigterm(tracer_provider: TracerProvider, *, timeout_seconds: float = 10.0) -> None:
    """Install a SIGTERM handler that exports the queued spans before SIGTERM does what it did before.

    Without it SIGTERM ends Python at once and loses what is queued. The flush runs beside the main thread, which may
    itself be inside an export; then the signal is sent again and does what it would have done: the handler
    installed before is called, or the process dies by SIGTERM (a parent sees -15). A second SIGTERM during the flush
    is ignored. A handler installed later replaces this one: with ``loop.add_signal_handler`` or a server that has its
    own, call ``tracer_provider.force_flush()`` there.

    Args:
        tracer_provider: Whose spans to export. It is also shut down, unless an earlier handler goes on: the app may
            then still end spans on its way out, and the interpreter's exit shuts it down.
        timeout_seconds: After that the process goes on to end, even with spans left.

    Raises:
        InputError: `timeout_seconds` is not positive.
    """
    if timeout_seconds <= 0:
        raise InputError(f"timeout_seconds is {timeout_seconds!r}; it must be positive, such as 10")
    if threading.current_thread() is not threading.main_thread():
        _logger.warning("no flush on SIGTERM: signal handlers can only be installed in the main thread; call it there")
        return
    handler = _SigtermFlush(tracer_provider, timeout_seconds, signal.getsignal(signal.SIGTERM))
    signal.signal(signal.SIGTERM, handler)


class _SigtermFlush:
    """The handler: the first SIGTERM starts the flush, which sends the second one when it is done."""

    def __init__(self, tracer_provider: TracerProvider, timeout_seconds: float, previous: object) -> None:
        self._tracer_provider = tracer_provider
        self._timeout_seconds = timeout_seconds
        self._previous = previous
        self._app_goes_on = callable(previous) or previous == signal.SIG_IGN
        # Process ids, not booleans: a child forked in between inherits this object but not the flushing thread.
        self._flushing_in: int | None = None
        self._flushed_in: int | None = None

    def __call__(self, signal_number: int, frame: FrameType | None) -> None:
        process = os.getpid()
        if self._flushed_in == process:
            self._pass_on(signal_number, frame)
        elif self._flushing_in != process:
            self._flushing_in = process
            self._start_flush(signal_number, frame)

    def _start_flush(self, signal_number: int, frame: FrameType | None) -> None:
        try:
            threading.Thread(target=self._flush_and_signal, name="sessioneval-sigterm-flush", daemon=True).start()
        except RuntimeError as error:  # no thread can be started: the system's limit, or the interpreter is ending
            _logger.warning("no flush on SIGTERM: %s; queued spans are lost", error)
            self._pass_on(signal_number, frame)

    def _flush_and_signal(self) -> None:
        flush = threading.Thread(target=self._flush, name="sessioneval-flush", daemon=True)
        flush.start()
        flush.join(self._timeout_seconds)
        if flush.is_alive():
            _logger.warning("flush on SIGTERM not done after %s seconds; spans are lost", self._timeout_seconds)
        self._flushed_in = os.getpid()
        os.kill(os.getpid(), signal.SIGTERM)

    def _flush(self) -> None:
        try:
            self._tracer_provider.force_flush()
            if not self._app_goes_on:
                self._tracer_provider.shutdown()
        except Exception:
            _logger.exception("flush on SIGTERM failed")

    def _pass_on(self, signal_number: int, frame: FrameType | None) -> None:
        if not self._app_goes_on:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        self._flushing_in = self._flushed_in = None  # the app may be asked again
        if callable(self._previous):
            self._previous(signal_number, frame)
