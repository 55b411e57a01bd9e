"""Peak memory and cost per span as a store grows.

Run `python -m benchmarks.memory --spans 100000 1000000 10000000 --memory 512`. Ten million spans take 8 GB of disk.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.generator import SHAPES, write


def peak_and_seconds(task: str, store: Path, memory_bytes: int) -> tuple[float, float]:
    """Return the peak of resident memory in MB and the wall time of a task's process."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.peers", task, str(store), str(memory_bytes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), time.perf_counter() - begun


def main() -> None:
    """Measure each size and print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--kind", choices=sorted(SHAPES), default="chat")
    parser.add_argument("--profile", choices=["small", "big"], default="small")
    parser.add_argument("--memory", type=int, default=512, help="budget in MiB")
    parser.add_argument("--task", choices=["ours", "objects", "listing"], default="ours")
    parser.add_argument("--compacted", action="store_true", help="one file, as after compaction")
    parser.add_argument("--store", type=Path, help="measure this store instead")
    options = parser.parse_args()
    for n_spans in options.spans:
        with tempfile.TemporaryDirectory() as temporary:
            store = options.store or Path(temporary)
            if options.store is None:
                write(store, n_spans, options.kind, options.profile, compacted=options.compacted)
            peak, spent = peak_and_seconds(options.task, store, options.memory << 20)
        sys.stdout.write(f"{n_spans:>12,} spans  {peak:8.0f} MB peak  {spent * 1e6 / n_spans:8.2f} us a span\n")


if __name__ == "__main__":
    main()
