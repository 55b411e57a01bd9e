"""Kill -9 at random instants of a run, and go on each time: how many finished evaluations are asked again?

Run `python -m benchmarks.engine_kills --kills 50`. The stand-in counts by (session, evaluator); only what was in flight
at a kill may be asked twice.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.engine_run import JUDGES
from benchmarks.engine_store import write
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=2_000)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        StandIn(Faults(latency_seconds=0.1), answerer="first-label") as server,
    ):
        store = Path(folder)
        write(store, options.sessions)
        command = [sys.executable, "-m", "benchmarks.engine_run", str(store), "--url", server.base_url]
        command += ["--concurrency", str(options.concurrency)]
        for _ in range(options.kills):
            before = server.stats["requests"]
            run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while server.stats["requests"] == before and run.poll() is None:
                time.sleep(0.01)
            time.sleep(chance.uniform(0.0, 1.5))
            run.kill()
            run.wait()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        rows = Store(store).evaluations()
        pairs = set(zip(rows["session_id"].to_pylist(), rows["name"].to_pylist(), strict=True))
        counted = server.stats["evaluations"]
    print(
        f"{options.kills} kills, {len(pairs)} of {options.sessions * len(JUDGES)} pairs decided, {rows.num_rows} rows"
    )
    print(
        f"finished evaluations asked again: {counted['asked_again']}, at most {options.kills * options.concurrency} allowed"
    )


if __name__ == "__main__":
    main()
