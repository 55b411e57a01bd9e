"""From a journal to Parquet: straight from its lines to columns, since a run does it while it judges."""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from sessioneval.model.evaluation_row import to_row
from sessioneval.model.schemas import EVALUATIONS
from sessioneval.store.journal import read_journal, remove
from sessioneval.store.publication import publish

_NAMES = EVALUATIONS.names
_TIMES = tuple(field.name for field in EVALUATIONS if pa.types.is_timestamp(field.type))
# Where rows without a time lie.
_NO_DAY = "1970-01-01"


def publish_journal(path: Path) -> None:
    """Publish the evaluations of a journal that no run writes any more beside it, then remove it.

    Killed in between, the rows are there twice, which readers see once.

    Raises:
        OSError: The file could not be written; the journal is kept.
    """
    for day, table in _tables(path):
        publish(table, path.parent / f"date={day}")
    remove(path)


def _tables(path: Path) -> list[tuple[str, pa.Table]]:
    """Return the rows of each UTC date on which they were made."""
    try:
        return _by_day(map(_row, path.read_bytes().splitlines()))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, pa.ArrowException):
        # A torn or older line: read with care, one by one.
        return _by_day(map(to_row, read_journal(path)))


def _row(line: bytes) -> dict[str, Any]:
    row: dict[str, Any] = json.loads(line)
    for name in _TIMES:
        row[name] = row[name] and datetime.fromisoformat(row[name])
    return row


def _by_day(rows: Iterable[dict[str, Any]]) -> list[tuple[str, pa.Table]]:
    days: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        created_at = row["created_at"]
        days.setdefault(f"{created_at:%Y-%m-%d}" if created_at else _NO_DAY, []).append(row)
    return [(day, _table(of_day)) for day, of_day in sorted(days.items())]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    columns = [pa.array([row[name] for row in rows], EVALUATIONS.field(name).type) for name in _NAMES]
    return pa.Table.from_arrays(columns, schema=EVALUATIONS)
