"""A run through the Batch API that is killed in its middle: complete, and nothing paid for twice?

Run `python -m benchmarks.batch_runs --sessions 2500`. Four judges a session go through the stand-in's Batch API in many
files. The run is killed (-9) between two looks at the provider, one batch expires, and one loses a part of its requests.
The counts are the server's own.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sessioneval.runs.batch.mode import BatchMode, BatchProgress
from sessioneval.runs.batch.request_files import FileLimits
from sessioneval.runs.evaluating import evaluate
from sessioneval.store.store import Store
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.server import StandIn

JUDGES = ("coherence", "correctness", "frustration", "goal_completion")
_FILE = FileLimits(n_requests=400)
_TRANSCRIPT_CHARS = 4_000


def judge(store: str, base_url: str, n_looks: int) -> None:
    """Judge a store through batches; with `n_looks` above 0, be killed at that look."""
    looks: list[BatchProgress] = []

    def look(progress: BatchProgress) -> None:
        looks.append(progress)
        if len(looks) == n_looks:
            os.kill(os.getpid(), signal.SIGKILL)

    mode = BatchMode(poll=timedelta(0), limits=_FILE, on_progress=look)
    progress = evaluate(store, JUDGES, model="stand-in", base_url=base_url, batch=mode).progress
    counts = {"evaluated": progress.evaluated, "reused": progress.reused, "failed": progress.failed}
    print(json.dumps({**counts, "peak_mb": round(_peak_mb())}), flush=True)


def _peak_mb() -> float:
    """Return the peak of this program's resident memory; `getrusage` would count the parent's at the fork (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1_024


def run(store: Path, base_url: str, n_looks: int) -> tuple[float, int]:
    """Judge in a process of its own; return its seconds and exit code."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.batch_runs", "--judge", str(store), base_url, str(n_looks)]
    code = subprocess.run(command, check=False).returncode
    return time.perf_counter() - started, code


def measure(folder: Path, n_sessions: int) -> None:
    """Print what a killed and restarted run did."""
    from benchmarks import billing  # the child needs none of it

    store = folder / "traces"
    billing.write(store, n_sessions, _TRANSCRIPT_CHARS)
    script = BatchScript(polls=6, expires={3: _FILE.n_requests // 2}, fails={5: _FILE.n_requests // 4})
    with StandIn(batches=script, answerer="first-label") as server:
        killed_seconds, code = run(store, server.base_url, 3)
        print(f"killed at look 3: exit code {code} after {killed_seconds:.1f} s")
        seconds, code = run(store, server.base_url, 0)
        answers = server.evaluations
    rows = Counter(Store(store).evaluations().column("status").to_pylist())
    n_due = n_sessions * len(JUDGES)
    n_twice = sum(count - 1 for count in answers.values())
    print(f"restarted: exit code {code} after {seconds:.1f} s; rows {dict(rows)}")
    print(f"{n_due} due, {len(answers)} answered by the server, {n_twice} answered twice")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=2_500)
    parser.add_argument("--judge", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.judge:
        judge(options.judge[0], options.judge[1], int(options.judge[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.sessions)


if __name__ == "__main__":
    main()
