"""The sessions that a command is about, with what is wrong in their store said on stderr."""

from pathlib import Path

from sessioneval.cli.output import warn
from sessioneval.reader.listing import Listing, list_sessions
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION
from sessioneval.store.store import Store

# A store may hold thousands of broken files; so many are named.
_NAMED_FILES = 10


def listed(store: Path, selection: Selection | None, completion: tuple[str, str] = DEFAULT_COMPLETION) -> Listing:
    """List the sessions of a store, and warn of files that cannot be read and of spans without a session.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    listing = list_sessions(Store.existing(store), selection, completion)
    for bad in listing.unreadable[:_NAMED_FILES]:
        warn(f"{str(bad.path)!r} cannot be read and is passed over: {bad.error}")
    if len(listing.unreadable) > _NAMED_FILES:
        warn(f"{len(listing.unreadable) - _NAMED_FILES} more files of the store cannot be read and are passed over")
    if listing.n_spans_without_session:
        warn(
            f"{listing.n_spans_without_session} spans of the store belong to no session and are passed over; "
            "`sessioneval stitch` can find sessions by the history that traces repeat"
        )
    return listing
