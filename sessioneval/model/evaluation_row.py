"""An evaluation as one flat row of the evaluations table, and back."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sessioneval.model.evaluation import Evaluation, Usage

_TEXT_OR_NULL = ("label", "explanation", "reason", "error", "model")
_TEXT = (
    "evaluation_id",
    "session_id",
    "name",
    "status",
    "annotator_kind",
    "identifier",
    "anchor_span_id",
    "transcript_digest",
    "spans_digest",
    "run_id",
)
_TIMES = ("judged_until", "created_at")
_TOKENS = ("calls", "input_tokens", "cached_tokens", "output_tokens")


def to_row(evaluation: Evaluation) -> dict[str, Any]:
    """Return the columns of `model.schemas.EVALUATIONS`; times stay datetimes, metadata becomes JSON text.

    Example:
        >>> row = to_row(Evaluation(name="turn_count", score=3.0, usage=Usage(calls=1)))
        >>> row["score"], row["calls"], row["metadata"]
        (3.0, 1, '{}')
    """
    flat = {key: getattr(evaluation, key) for key in (*_TEXT, *_TEXT_OR_NULL, *_TIMES)}
    return {
        **flat,
        "score": evaluation.score,
        "n_messages": evaluation.n_messages,
        "duration_seconds": evaluation.duration_seconds,
        "metadata": json.dumps(evaluation.metadata, default=str),
        **{key: getattr(evaluation.usage, key) for key in _TOKENS},
    }


def from_row(row: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation that `to_row` flattened.

    Args:
        row: Values by column name. Times are datetimes (also pandas Timestamps) or ISO 8601 texts,
            without a zone they are UTC; a missing or null column gives the field's default.
    """
    text = {key: row[key] for key in (*_TEXT, *_TEXT_OR_NULL) if row.get(key) is not None}
    return Evaluation(
        **text,
        judged_until=_utc(row.get("judged_until")),
        created_at=_utc(row.get("created_at")),
        score=row.get("score"),
        n_messages=int(row.get("n_messages") or 0),
        duration_seconds=float(row.get("duration_seconds") or 0.0),
        metadata=json.loads(row.get("metadata") or "{}"),
        usage=Usage(**{key: int(row.get(key) or 0) for key in _TOKENS}),
    )


def row_to_json_line(row: Mapping[str, Any]) -> bytes:
    """Return a row of `to_row` as one line of JSON, with its line end; times are ISO 8601 texts."""
    return json.dumps(row, default=_iso).encode() + b"\n"


def row_from_json_line(line: bytes) -> dict[str, Any]:
    """Return the row that `row_to_json_line` wrote, times as datetimes again.

    Raises:
        ValueError: The line is no such row.
    """
    try:
        return to_row(from_row(json.loads(line)))
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{line[:80]!r} is no evaluation: {error}") from error


def _iso(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _utc(value: datetime | str | None) -> datetime | None:
    """Return a plain datetime in UTC; a pandas Timestamp loses its nanoseconds."""
    if value is None:
        return None
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return datetime.combine(aware.date(), aware.time(), UTC)
