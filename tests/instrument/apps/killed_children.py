"""Forks children that export and acknowledge in a loop; each is killed with -9 at a random instant.

Prints the ids of all acknowledged spans, one JSON list. Imports are paid once, before the first fork.
"""

import json
import os
import random
import signal
import sys

from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.registration import register
from sessioneval.instrument.session_scope import session


def export_until_killed(provider: TracerProvider, acknowledgements: int, seed: int) -> None:
    tracer = provider.get_tracer("app")
    random_size = random.Random(seed)
    with session(f"chat-{seed}", tracer_provider=provider):
        while True:
            spans = [tracer.start_span(f"turn {n}") for n in range(random_size.randint(1, 30))]
            for span in spans:
                span.end()
            provider.force_flush()
            ids = [f"{span.get_span_context().span_id:016x}" for span in spans]
            os.write(acknowledgements, (json.dumps(ids) + "\n").encode())  # less than PIPE_BUF: whole or not at all


def kill_one_child(provider: TracerProvider, seed: int) -> list[str]:
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        export_until_killed(provider, sending, seed)
    os.close(sending)
    lines_before_kill = random.Random(seed).randint(1, 3)
    with os.fdopen(receiving) as stream:
        lines = [stream.readline() for _ in range(lines_before_kill)]
        os.kill(child, signal.SIGKILL)
        lines += stream.readlines()
    os.waitpid(child, 0)
    return [span_id for line in lines for span_id in json.loads(line)]


def main() -> None:
    store, kills = sys.argv[1], int(sys.argv[2])
    provider = register(store, set_global=False, schedule_delay_millis=2)
    with provider.get_tracer("app").start_as_current_span("warm-up") as warm_up:
        acknowledged = [f"{warm_up.get_span_context().span_id:016x}"]
    provider.force_flush()
    for seed in range(kills):
        acknowledged += kill_one_child(provider, seed)
    sys.stdout.write(json.dumps(acknowledged))


if __name__ == "__main__":
    main()
