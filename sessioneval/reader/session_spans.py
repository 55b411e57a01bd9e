"""More columns of the spans of some sessions, session after session."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model.arrays import Ints, arrow_ints, codes_of, offsets_of
from sessioneval.model.words import arrow_uint64
from sessioneval.reader.listing import Listing
from sessioneval.store.reading import TableRead, keys_of


def session_spans(listing: Listing, rows: Sequence[Ints], columns: Iterable[str]) -> Iterator[pa.Table]:
    """Yield the spans of each session, all read at once.

    A file may have been removed or damaged since the listing, so fewer rows than listed may come back.

    Args:
        listing: The listing.
        rows: Rows of each session in the listing's index.
        columns: The columns to read.
    """
    keys = listing.index.table.take(arrow_ints(np.concatenate([np.zeros(0, dtype=np.int64), *rows])))
    wanted = TableRead(table=keys, files=listing.index.files, unreadable=())
    loaded = listing.store.load_spans(wanted, columns)
    place = codes_of(pc.index_in(arrow_uint64(keys_of(loaded)), value_set=arrow_uint64(keys_of(keys))))
    order = np.argsort(place, kind="stable")
    ends = offsets_of(np.array([len(each) for each in rows], dtype=np.int64))
    for start, end in pairwise(np.searchsorted(place[order], ends).tolist()):
        yield loaded.take(arrow_ints(order[start:end]))
