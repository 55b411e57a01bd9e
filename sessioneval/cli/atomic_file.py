"""Writing a file so that it is whole or not there."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sessioneval.store.publication import sync_directory


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open a file to write that takes the place of `path` at the end; nothing changes if the block fails.

    A link is followed. What is no regular file (a pipe, ``/dev/null``) is written directly.

    Raises:
        OSError: The directory does not exist, the disk is full, and the like.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    final = path.resolve()
    hidden = final.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with _named(path, hidden) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        hidden.replace(final)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    sync_directory(final.parent)


def _named(path: Path, hidden: Path) -> BinaryIO:
    """Open the hidden file; an error names the path that the caller gave."""
    try:
        return hidden.open("xb")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from error
