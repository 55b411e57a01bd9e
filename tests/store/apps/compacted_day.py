"""Write a day of chats as so many files, compact it, and print the most bytes that Arrow held meanwhile."""

import sys
from pathlib import Path

import pyarrow as pa

from sessioneval.ingest.message_lists import MessageLists
from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.store.compaction import compact
from sessioneval.store.publication import publish
from sessioneval.store.store import Store

SESSIONS, CALLS = 100, 10


def batch(number):
    """Return the spans of one batch of an exporter: each call re-sends the history."""
    lists, sessions, ids = MessageLists(), [], []
    for session in range(SESSIONS):
        # Sessions of all batches lie between each other.
        name = f"{session:03}-{number:03}"
        history = [{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: f"{name}-{turn}" * 100} for turn in range(CALLS)]
        for turn in range(CALLS):
            lists.append(history[: turn + 1])
            sessions.append(name)
            ids.append(f"{len(ids) + number * SESSIONS * CALLS:016x}")
    n = len(ids)
    columns = {
        c.TRACE_ID: pa.array([f"{number:032x}"] * n),
        c.SPAN_ID: pa.array(ids),
        c.SESSION_ID: pa.array(sessions),
        c.START_TIME: pa.array(range(n)).cast(SPANS.field(c.START_TIME).type),
        c.END_TIME: pa.array(range(n)).cast(SPANS.field(c.END_TIME).type),
        c.INPUT_MESSAGES: lists.array(),
    }
    return pa.table(columns)


def main(store, n_files, memory_bytes):
    for number in range(n_files):
        publish(batch(number), store / "spans" / "date=1970-01-01")
    pool = pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    compact(Store(store), memory_bytes=memory_bytes)
    sys.stdout.write(str(pool.max_memory()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
