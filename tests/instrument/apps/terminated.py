"""Queues a span, says "ready" and waits for SIGTERM in one of several states of the main thread."""

import os
import signal
import sys
import threading

from opentelemetry import trace

from sessioneval.instrument.registration import register


def end_gracefully(*_signal: object) -> None:
    trace.get_tracer("app").start_span("on the way out").end()
    sys.exit(7)


def go_on_in_a_child() -> None:
    """Return in a forked child; the parent passes SIGTERM on and exits with the child's signal, negated."""
    receiving, sending = os.pipe()
    if child := os.fork():
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
        os.write(sending, b"the parent passes signals on")
        sys.exit(-os.WTERMSIG(os.waitpid(child, 0)[1]) % 256)
    os.read(receiving, 1)


def main() -> None:
    store, state = sys.argv[1], sys.argv[2]
    earlier = {"handler": end_gracefully, "ignored": signal.SIG_IGN}.get(state, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, earlier)
    provider = register(store, schedule_delay_millis=3_600_000, flush_on_sigterm=True)
    if state == "forked":
        go_on_in_a_child()
    trace.get_tracer("app").start_span("queued").end()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while state == "exporting":
        provider.force_flush()
    if state == "ignored":
        sys.stdin.readline()
        trace.get_tracer("app").start_span("after the ignored signal").end()
    else:
        threading.Event().wait()


if __name__ == "__main__":
    main()
