"""Stitching a store: sessions for traces without a session id, kept beside the spans."""

from collections import Counter
from dataclasses import dataclass
from os import PathLike

from sessioneval.errors import InputError
from sessioneval.reader.orphans import orphan_talks
from sessioneval.sessions.stitching import DEFAULT_MIN_CONFIDENCE, Stitch, stitch
from sessioneval.store.stitches import append_stitches, read_stitches
from sessioneval.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Stitching:
    """What stitching a store found.

    Attributes:
        n_traces: Traces without a session id that hold a message.
        n_new_traces: Those of them that had no session before.
        n_sessions: Sessions that they are in.
        n_joined: Sessions of more than one trace.
        min_confidence: The weakest link that was made; None without a session of several traces.
    """

    n_traces: int
    n_new_traces: int
    n_sessions: int
    n_joined: int
    min_confidence: float | None


def stitch_store(store: "str | PathLike[str] | Store", min_confidence: float = DEFAULT_MIN_CONFIDENCE) -> Stitching:
    """Find sessions for the traces of a store that carry no session id, by the history that they repeat.

    The spans stay as they came: the sessions stand in ``stitches/``, and removing that folder undoes it. A trace
    keeps the session it was given, also when earlier traces arrive, and a session id that a span carries always
    counts more.

    Args:
        store: The store, or its directory.
        min_confidence: Links below it are not made (see `Stitch`).

    Raises:
        InputError: `min_confidence` is no number from 0 to 1.
        StoreError: There is no store, or it cannot be read.
        OSError: The store cannot be written.
    """
    if not 0 <= min_confidence <= 1:
        raise InputError(f"min_confidence is {min_confidence!r}; give a number from 0 to 1")
    opened = Store.existing(store)
    known = read_stitches(opened.path)
    made = {trace_id: Stitch(session_id=session, confidence=sure) for trace_id, (session, sure) in known.items()}
    found = stitch(orphan_talks(opened), min_confidence, made)
    changed = {
        trace_id: (one.session_id, one.confidence) for trace_id, one in found.items() if made.get(trace_id) != one
    }
    if changed:
        append_stitches(opened.path, changed)
    return _summary(found, len(found.keys() - known.keys()))


def _summary(found: dict[str, Stitch], n_new_traces: int) -> Stitching:
    sizes = Counter(one.session_id for one in found.values())
    joined = [one.confidence for one in found.values() if sizes[one.session_id] > 1]
    return Stitching(
        n_traces=len(found),
        n_new_traces=n_new_traces,
        n_sessions=len(sizes),
        n_joined=sum(n > 1 for n in sizes.values()),
        min_confidence=min(joined, default=None),
    )
