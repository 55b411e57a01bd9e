"""Appends a session at a time to a store, and compacts now and then."""

import sys

from span_factory import table, turns

from sessioneval.store.compaction import compact
from sessioneval.store.store import Store

if __name__ == "__main__":
    directory, name, n_rounds, compact_every = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    store = Store(directory)
    for number in range(n_rounds):
        first = 1000 * number + (500_000 if name == "b" else 0)
        store.append_spans(table(*turns(3, session=f"{name}-{number:03}", first=first)))
        if compact_every and number % compact_every == compact_every - 1:
            compact(store)
