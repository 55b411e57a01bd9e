"""One run of the engine over a store: evaluations a second, CPU an evaluation, first evaluation, peak memory.

Run `python -m benchmarks.engine_run STORE --url http://127.0.0.1:8000/v1 --concurrency 100`. Prints one JSON object.
"""

import argparse
import json
import os
import resource
import time
from pathlib import Path

JUDGES = ("coherence", "frustration", "correctness", "goal_completion")


def _process_started() -> float:
    """Return the moment at which this process began, in seconds since the epoch (Linux)."""
    ticks = float(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


class Watch:
    """Notes when the first evaluation ended."""

    def __init__(self) -> None:
        self.first_at = 0.0

    def __call__(self, progress: object) -> None:
        if not self.first_at and progress.done:  # type: ignore[attr-defined]
            self.first_at = time.time()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("--url", required=True)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--judges", type=int, default=len(JUDGES))
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for one attempt")
    parser.add_argument("--first-only", action="store_true", help="stop after the first evaluation")
    options = parser.parse_args()

    from datetime import timedelta

    from sessioneval.evaluators.judge import Judge
    from sessioneval.runs.evaluating import evaluate
    from sessioneval.runs.stopping import Stop

    watch, stop = Watch(), Stop()

    def seen(progress: object) -> None:
        watch(progress)
        if options.first_only and watch.first_at:
            stop.request()

    judges = [
        Judge(name, model="stand-in", base_url=options.url, timeout=timedelta(seconds=options.timeout))
        for name in JUDGES[: options.judges]
    ]
    began = resource.getrusage(resource.RUSAGE_SELF)
    result = evaluate(options.store, judges, concurrency=options.concurrency, on_progress=seen, stop=stop)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime - began.ru_utime - began.ru_stime
    progress = result.progress
    seconds = (result.ended_at - result.started_at).total_seconds()
    print(
        json.dumps(
            {
                "done": progress.done,
                "failed": progress.failed,
                "per_second": progress.done / max(seconds, 1e-9),
                "cpu_ms": 1_000 * cpu / max(progress.done, 1),
                "first_seconds": watch.first_at - _process_started(),
                "peak_mb": used.ru_maxrss / 1_024,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
