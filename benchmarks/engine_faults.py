"""A run against an endpoint with all faults, beside the same run without: decisions, rows, throughput.

Run `python -m benchmarks.engine_faults --sessions 2000`.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.engine import run_of
from benchmarks.engine_run import JUDGES
from benchmarks.engine_store import write
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

_FAULTS = {
    "too_many_requests_rate": 0.10,
    "retry_after_seconds": 0.5,
    "error_rate": 0.05,
    "reset_rate": 0.02,
    "hang_rate": 0.01,
    "garble_rate": 0.02,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--timeout", type=float, default=1.0, help="seconds for one attempt; bounds a hang")
    options = parser.parse_args()
    rates = []
    for faults in ({}, _FAULTS):
        with (
            tempfile.TemporaryDirectory() as folder,
            StandIn(Faults(latency_seconds=0.2, **faults), answerer="constant") as server,
        ):
            write(Path(folder), options.sessions)
            made = run_of(Path(folder), server.base_url, options.concurrency, "--timeout", str(options.timeout))
            rows = Store(folder).evaluations()
            met = server.stats["by_fault"]
        pairs = Counter(zip(rows["session_id"].to_pylist(), rows["name"].to_pylist(), strict=True))
        rates.append(made["per_second"])
        print(
            f"faults {met}: {made['done']} decisions of {options.sessions * len(JUDGES)}, {len(pairs)} pairs, "
            f"{sum(n - 1 for n in pairs.values())} twice, {made['failed']} failed, {made['per_second']:.1f}/s",
            flush=True,
        )
    print(f"throughput with faults: {rates[1] / rates[0]:.0%} of that without")


if __name__ == "__main__":
    main()
