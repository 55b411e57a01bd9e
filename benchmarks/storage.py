"""Bytes on disk against bytes of raw text, before and after compaction, for both chat profiles.

Raw text is the text of all messages of all spans, repeated histories included. Before compaction there is one file for
each batch of the exporter (4,096 spans). The texts of the generator are cut from one long text, which flatters
compression beyond level 1; with `--random-words` each word is drawn by itself, which is harder than any language.

Run `python -m benchmarks.storage --spans 100000`.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.generator import Texts, raw_text_bytes, tables
from sessioneval.instrument.batch_queue import MAX_EXPORT_BATCH_SIZE
from sessioneval.store.compaction import compact
from sessioneval.store.layout import SPANS
from sessioneval.store.publication import publish
from sessioneval.store.store import Store

_WORDS = 20_000
_LONGEST_WORD_BYTES = 11


class RandomWords(Texts):
    """Texts of words drawn one by one with the frequencies of a language (Zipf), so that no phrase repeats."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        letters = rng.integers(97, 123, (_WORDS, _LONGEST_WORD_BYTES - 1), dtype=np.uint8)
        lengths = rng.integers(2, _LONGEST_WORD_BYTES, _WORDS)
        self._words = [bytes(row[:length]) for row, length in zip(letters, lengths, strict=True)]
        weights = 1 / np.arange(1, _WORDS + 1)
        self._borders = np.cumsum(weights / weights.sum())

    def take(self, lengths: np.ndarray) -> pa.Array:
        """Return one text for each length (bytes)."""
        mean = sum(map(len, self._words)) / _WORDS
        drawn = np.searchsorted(self._borders, self._rng.random(int(lengths.sum() / mean * 2) + 100))
        text = b" ".join([self._words[number] for number in np.minimum(drawn, _WORDS - 1).tolist()])
        ends = np.cumsum(lengths).tolist()
        return pa.array([text[end - length : end].decode() for end, length in zip(ends, lengths.tolist(), strict=True)])


def write(store: Path, n_spans: int, profile: str, texts: type[Texts]) -> int:
    """Write a store as exporters do, a file a batch, and return the bytes of its raw text."""
    raw = 0
    for table in tables(n_spans, "chat", profile, spans_a_table=MAX_EXPORT_BATCH_SIZE, texts=texts):
        raw += raw_text_bytes(table)
        publish(table, store / SPANS / "date=2025-10-09")
    return raw


def stored_bytes(store: Path) -> int:
    """Return the size of all span files."""
    return sum(path.stat().st_size for path in store.glob("spans/*/*.parquet"))


def line(n_spans: int, profile: str, texts: type[Texts]) -> str:
    """Write, compact, and return the figures of a profile."""
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary)
        raw = write(store, n_spans, profile, texts)
        before = stored_bytes(store)
        start = time.perf_counter()
        compact(Store(store))
        seconds = time.perf_counter() - start
        after = stored_bytes(store)
    return (
        f"{profile:5} raw text {raw / n_spans:.0f} B a span; stored {before / n_spans:.0f}, 1/{raw / before:.1f}; "
        f"compacted {after / n_spans:.0f}, 1/{raw / after:.1f}, in {seconds * 1e6 / n_spans:.0f} us a span"
    )


def main() -> None:
    """Print one line a profile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=100_000)
    parser.add_argument("--random-words", action="store_true")
    options = parser.parse_args()
    texts = RandomWords if options.random_words else Texts
    for profile in ("small", "big"):
        sys.stdout.write(line(options.spans, profile, texts) + "\n")


if __name__ == "__main__":
    main()
