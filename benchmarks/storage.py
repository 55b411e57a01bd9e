"""Bytes on disk against bytes of raw text, before and after compaction, for both chat profiles.

Run `python -m benchmarks.storage --spans 100000`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.generator import write
from sessioneval.store.compaction import compact
from sessioneval.store.store import Store


def stored_bytes(store: Path) -> int:
    """Return the size of all span files."""
    return sum(path.stat().st_size for path in store.glob("spans/*/*.parquet"))


def main() -> None:
    """Write, compact and print one line a profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    options = parser.parse_args()
    for profile in ("small", "big"):
        with tempfile.TemporaryDirectory() as temporary:
            store = Path(temporary)
            raw = write(store, options.spans, "chat", profile)
            before = stored_bytes(store)
            compact(Store(store))
            after = stored_bytes(store)
        sys.stdout.write(
            f"{profile:6} raw text {raw / options.spans:8.0f} B a span, stored {before / options.spans:7.0f}, "
            f"compacted {after / options.spans:7.0f}: 1/{raw / after:.1f} of the raw text\n"
        )


if __name__ == "__main__":
    main()
