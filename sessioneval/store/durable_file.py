"""Small files of which the newest version is always whole and on the disk."""

import os
import uuid
from pathlib import Path

from sessioneval.store.publication import sync_directory


def replace_file(path: Path, data: bytes) -> None:
    """Put `data` in the place of what `path` held; after a crash it holds either, never a part.

    Raises:
        OSError: The disk is full, the directory is missing, and the like; the old file stands.
    """
    hidden = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        with hidden.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        hidden.rename(path)
    except BaseException:
        hidden.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
