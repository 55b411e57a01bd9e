"""Forks while other threads export, the first time while pyarrow is still being imported.

Prints how many children ended well. A child that hangs is ended by its alarm and counts as a failure.
"""

import os
import signal
import sys
import threading

from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.registration import exporter_of, register


def export(provider: TracerProvider, name: str) -> None:
    provider.get_tracer("app").start_span(name).end()
    provider.force_flush()


def fork_child(provider: TracerProvider, name: str) -> int:
    child = os.fork()
    if child:
        return child
    signal.alarm(30)
    export(provider, name)
    counts = exporter_of(provider).counts
    os._exit(0 if (counts.exported, counts.failed) == (1, 0) else 1)


def main() -> None:
    store, forks = sys.argv[1], int(sys.argv[2])
    provider = register(store, set_global=False)
    stop, started = threading.Event(), threading.Event()

    def export_until_stopped() -> None:
        other = register(store, set_global=False, batch=False)
        while not stop.is_set():
            started.set()
            other.get_tracer("app").start_span("parent").end()
        other.shutdown()

    thread = threading.Thread(target=export_until_stopped)
    thread.start()
    started.wait()
    provider.get_tracer("app").start_span("queued before the fork").end()
    children = [fork_child(provider, f"child {number}") for number in range(forks)]
    statuses = [os.waitpid(child, 0)[1] for child in children]
    stop.set()
    thread.join()
    provider.shutdown()
    sys.stdout.write(str(sum(status == 0 for status in statuses)))


if __name__ == "__main__":
    main()
