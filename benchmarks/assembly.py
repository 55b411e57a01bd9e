"""Transcript assembly against pandas and against bare scans: whole processes on the same files, in turns.

Run `python -m benchmarks.assembly --spans 100000 --runs 3`. Quote the ratios, not the times.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generator import SHAPES, write

_PEERS = ("cookbook", "scan_text", "scan_codes", "scan_duckdb", "listing", "objects")


def seconds(task: str, store: Path) -> tuple[float, float]:
    """Return the wall time of a task's process, start of the interpreter included, and its peak memory in MB."""
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers", task, str(store)], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - begun, float(done.stdout.split()[-1])


def stores(folder: Path, n_spans: int, profile: str) -> dict[str, Path]:
    """Write a store of each kind and return them."""
    made = {kind: folder / f"{kind}-{profile}-{n_spans}" for kind in SHAPES}
    for kind, path in made.items():
        if not path.exists():
            write(path, n_spans, kind, profile)
    return made


def measure(jobs: dict[str, tuple[str, Path]], n_runs: int) -> dict[str, float]:
    """Return the median seconds of each job; jobs take turns, so that a busy machine slows all alike."""
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    peaks: dict[str, float] = {}
    for _ in range(n_runs):
        for name, (task, store) in jobs.items():
            spent, peaks[name] = seconds(task, store)
            taken[name].append(spent)
    for name, times in taken.items():
        sys.stdout.write(f"  {name:14} {statistics.median(times):8.2f} s  {peaks[name]:8.0f} MB\n")
    return {name: statistics.median(times) for name, times in taken.items()}


def main() -> None:
    """Measure and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--profile", choices=["small", "big"], default="small")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peers", nargs="*", default=_PEERS, choices=_PEERS)
    parser.add_argument("--folder", type=Path, help="where stores are kept; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        made = stores(options.folder or Path(temporary), options.spans, options.profile)
        jobs = {kind: ("ours", path) for kind, path in made.items()}
        jobs |= {peer: (peer, made["chat"]) for peer in options.peers}
        took = measure(jobs, options.runs)
    for peer in options.peers:
        sys.stdout.write(f"{peer} / ours = {took[peer] / took['chat']:.2f}\n")
    for kind in (kind for kind in SHAPES if kind != "chat"):
        sys.stdout.write(f"rate of {kind} sessions / rate of chats = {took['chat'] / took[kind]:.2f}\n")


if __name__ == "__main__":
    main()
