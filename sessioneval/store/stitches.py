"""The sessions that were found for traces without a session id: rows beside the spans, which stay as they came."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from sessioneval.model.schemas import STITCHES as SCHEMA
from sessioneval.store.layout import table_files
from sessioneval.store.publication import publish
from sessioneval.store.reading import read_files

STITCHES = "stitches"


def append_stitches(root: Path, found: dict[str, tuple[str, float]]) -> Path:
    """Publish the session and its confidence for each trace id.

    Raises:
        OSError: The disk refuses it; nothing of it is visible then.
    """
    now = datetime.now(UTC)
    rows = [
        {"trace_id": trace_id, "session_id": session_id, "confidence": confidence, "created_at": now}
        for trace_id, (session_id, confidence) in found.items()
    ]
    return publish(pa.Table.from_pylist(rows, schema=SCHEMA), root / STITCHES)


def read_stitches(root: Path) -> dict[str, tuple[str, float]]:
    """Return session id and confidence by trace id; of several rows about a trace the newest counts."""
    files = table_files(root, STITCHES)
    if not files:
        return {}
    rows = read_files(files, SCHEMA).table.sort_by("created_at").to_pylist()
    return {row["trace_id"]: (row["session_id"], row["confidence"]) for row in rows}
