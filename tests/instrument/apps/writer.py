"""Exports spans of one session in many small batches, then prints what the exporter counted."""

import sys

from sessioneval.instrument.registration import exporter_of, register
from sessioneval.instrument.session_scope import session


def main() -> None:
    store, name, batches = sys.argv[1], sys.argv[2], int(sys.argv[3])
    provider = register(store, set_global=False)
    tracer = provider.get_tracer("app")
    with session(name, tracer_provider=provider):
        for number in range(batches):
            tracer.start_span(f"{name} {number}").end()
            provider.force_flush()
    provider.shutdown()
    sys.stdout.write(str(exporter_of(provider).counts.exported))


if __name__ == "__main__":
    main()
