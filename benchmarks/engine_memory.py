"""Peak memory of a run as the store grows; one judge, so that the largest size ends in minutes.

Run `python -m benchmarks.engine_memory --sessions 1000 10000 100000`.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.engine import endpoint, run_of
from benchmarks.engine_store import write


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--concurrency", type=int, default=256)
    options = parser.parse_args()
    peaks = []
    with endpoint() as url:
        for n_sessions in options.sessions:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), n_sessions)
                made = run_of(Path(folder), url, options.concurrency, "--judges", "1")
            peaks.append(made["peak_mb"])
            print(f"{n_sessions:>9,} sessions: peak {made['peak_mb']:.0f} MB, {made['per_second']:.0f}/s", flush=True)
    print(f"largest minus smallest: {max(peaks) - min(peaks):.0f} MB")


if __name__ == "__main__":
    main()
