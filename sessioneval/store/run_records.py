"""What is known of a run beside its rows: one small JSON file a run, hidden from Parquet readers."""

import json
import logging
import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from sessioneval.store.durable_file import replace_file

RunState = Literal["running", "finished", "stopped"]

_logger = logging.getLogger(__name__)
_PREFIX = ".run-"
_SUFFIX = ".json"
_RUN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What a run set out to do and how it ended.

    Attributes:
        run_id: Names the run in the rows of its evaluations.
        state: As it was when the record was written; a run that says ``running`` may have been killed since.
        started_at: UTC.
        ended_at: UTC; None while it runs.
        evaluators: Their names.
        models: Of the judges.
        n_sessions: Sessions that the selection admitted.
        n_planned: Evaluations to make.
        n_reused: Evaluations that stood from earlier runs.
    """

    run_id: str
    state: RunState
    started_at: datetime
    ended_at: datetime | None = None
    evaluators: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    n_sessions: int = 0
    n_planned: int = 0
    n_reused: int = 0


def write_record(directory: Path, record: RunRecord) -> None:
    """Write or replace the record of a run in the store's directory of evaluations.

    Raises:
        OSError: It cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(record), default=datetime.isoformat)
    replace_file(directory / f"{_PREFIX}{record.run_id}{_SUFFIX}", text.encode())


def read_records(directory: Path) -> list[RunRecord]:
    """Return the records in a directory, the earliest first; one that cannot be read is passed over."""
    found = [_read(path) for path in directory.glob(f"{_PREFIX}*{_SUFFIX}")]
    return sorted((record for record in found if record is not None), key=lambda record: record.started_at)


def _read(path: Path) -> RunRecord | None:
    try:
        return _parsed(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        _logger.warning("the record of a run is passed over: %s: %s", path, error)
        return None


def _parsed(values: dict[str, Any]) -> RunRecord:
    """Return a record.

    Raises:
        ValueError, TypeError, KeyError: The values are those of no record.
    """
    if values["state"] not in get_args(RunState) or not _RUN_ID.fullmatch(values["run_id"]):
        raise ValueError(f"state {values['state']!r} or id {values['run_id']!r} is not allowed")
    return RunRecord(
        run_id=values["run_id"],
        state=values["state"],
        started_at=_moment(values["started_at"]),
        ended_at=_moment(values["ended_at"]) if values["ended_at"] else None,
        evaluators=tuple(map(str, values["evaluators"])),
        models=tuple(map(str, values["models"])),
        n_sessions=int(values["n_sessions"]),
        n_planned=int(values["n_planned"]),
        n_reused=int(values["n_reused"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
