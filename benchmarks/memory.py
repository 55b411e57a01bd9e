"""Peak memory and cost per span as a store grows, and what is read of it when few sessions are chosen.

Run `python -m benchmarks.memory --spans 100000 1000000 10000000 --memory 512`. Ten million spans take 8 GB of disk.
With `--share 0.01` it prints which part of the bytes is read for 1 % of the sessions.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.generator import SHAPES, write
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import transcript_tables
from sessioneval.sessions.due import DueRule
from sessioneval.store.store import Store


def peak_and_seconds(task: str, store: Path, memory_bytes: int) -> tuple[float, float]:
    """Return the peak of resident memory in MB and the wall time of a task's process."""
    begun = time.perf_counter()
    command = [sys.executable, "-m", "benchmarks.peers", task, str(store), str(memory_bytes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1]), time.perf_counter() - begun


def _bytes_read() -> int:
    """Return what this process has read from files so far (Linux)."""
    return int(Path("/proc/self/io").read_text().split()[1])


def read_for(store: Path, share: float, *, scattered: bool) -> tuple[int, int]:
    """Return the bytes read for the transcripts of a share of the sessions, and for those of all.

    Args:
        store: The store.
        share: Of its sessions.
        scattered: Chosen by the hash that `--sample` uses; else adjacent in time.
    """
    listing = list_sessions(Store(store))
    rule = DueRule(sample=share)
    few = [each for each in listing.sessions if rule.reason_to_skip(each.session, datetime.now(UTC)) != "not_sampled"]
    chosen = few if scattered else listing.sessions[: max(1, int(len(listing.sessions) * share))]
    counts = []
    for sessions in (chosen, listing.sessions):
        before = _bytes_read()
        sum(table.num_rows for table in transcript_tables(listing, sessions))
        counts.append(_bytes_read() - before)
    return counts[0], counts[1]


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
    parser.add_argument("--share", type=float, help="measure bytes read for this share of the sessions instead")
    options = parser.parse_args()
    for n_spans in options.spans:
        with tempfile.TemporaryDirectory() as temporary:
            store = options.store or Path(temporary)
            if options.store is None:
                write(store, n_spans, options.kind, options.profile, compacted=options.compacted)
            if options.share:
                for scattered in (False, True):
                    few, everything = read_for(store, options.share, scattered=scattered)
                    how = "scattered" if scattered else "adjacent"
                    sys.stdout.write(f"{n_spans:>12,} spans  {how}: {few / everything:.3f} of the bytes are read\n")
                continue
            peak, spent = peak_and_seconds(options.task, store, options.memory << 20)
        sys.stdout.write(f"{n_spans:>12,} spans  {peak:8.0f} MB peak  {spent * 1e6 / n_spans:8.2f} us a span\n")


if __name__ == "__main__":
    main()
