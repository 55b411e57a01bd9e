"""A store of short chats for the engine's measurements: two turns a session, about 5 kB of text, prompts of 8 kB.

Run `python -m benchmarks.engine_store DIRECTORY --sessions 100000`.
"""

import argparse
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.store.store import Store

_CHUNK = 1_000
_SESSIONS_A_FILE = 20_000
_START = datetime(2026, 11, 1, tzinfo=UTC)
_WORDS = ["account", "balance", "please", "transfer", "the", "a", "when", "invoice", "check", "again", "thanks", "late"]


def _text(randomness: random.Random, n_chars: int) -> str:
    words = randomness.choices(_WORDS, k=n_chars // 4)
    return " ".join(words)[:n_chars]


def _rows(randomness: random.Random) -> list[dict[str, Any]]:
    """Return the spans of `_CHUNK` sessions, without ids and times."""
    rows = []
    for _ in range(_CHUNK):
        said = [{"message.role": "system", "message.content": _text(randomness, 1_200)}]
        for _turn in range(2):
            said = [*said, {"message.role": "user", "message.content": _text(randomness, 400)}]
            answer = {"message.role": "assistant", "message.content": _text(randomness, 1_500)}
            rows.append({c.INPUT_MESSAGES: said, c.OUTPUT_MESSAGES: [answer], c.SPAN_KIND: "LLM", c.NAME: "chat"})
            said = [*said, answer]
    return rows


def write(path: Path, n_sessions: int) -> None:
    """Write a store; texts repeat after a thousand sessions."""
    texts = pa.Table.from_pylist(_rows(random.Random(7)), schema=SPANS)
    store = Store(path)
    for start in range(0, n_sessions, _SESSIONS_A_FILE):
        parts = [_numbered(texts, at) for at in range(start, min(start + _SESSIONS_A_FILE, n_sessions), _CHUNK)]
        store.append_spans(pa.concat_tables(parts).slice(0, 2 * min(_SESSIONS_A_FILE, n_sessions - start)))


def _numbered(texts: pa.Table, first: int) -> pa.Table:
    numbers = [first + row // 2 for row in range(texts.num_rows)]
    starts = [_START + timedelta(seconds=20 * n + row % 2 * 5) for row, n in enumerate(numbers)]
    values = {
        c.TRACE_ID: [f"{2 * n + row % 2:032x}" for row, n in enumerate(numbers)],
        c.SPAN_ID: [f"{2 * n + row % 2 + 1:016x}" for row, n in enumerate(numbers)],
        c.SESSION_ID: [f"chat-{n:07}" for n in numbers],
        c.START_TIME: starts,
        c.END_TIME: [start + timedelta(seconds=3) for start in starts],
        c.STATUS_CODE: ["OK"] * texts.num_rows,
    }
    for name, column in values.items():
        at = texts.schema.get_field_index(name)
        texts = texts.set_column(at, texts.schema.field(at), pa.array(column, texts.schema.field(at).type))
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--sessions", type=int, default=1_000)
    options = parser.parse_args()
    write(options.directory, options.sessions)


if __name__ == "__main__":
    main()
