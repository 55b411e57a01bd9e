"""An evaluation as one flat row of the evaluations table, and back."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sessioneval.model.evaluation import Evaluation, Evidence, Finding, Usage

_TEXT_OR_NULL = ("label", "explanation", "reason", "error", "model", "vote_of")
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
_TOKENS = tuple(Usage.__dataclass_fields__)
_NUMBERS_OR_NULL = ("score", "confidence", "cost_usd")
_COUNTS = ("n_messages", "n_windows", "n_chars_cut")
_FLAGS = ("is_unsupported", "is_flagged", "is_injection_suspected")
_OBJECTS = ("fields", "metadata")


def to_row(evaluation: Evaluation) -> dict[str, Any]:
    """Return the columns of `model.schemas.EVALUATIONS`; times stay datetimes, fields and metadata become JSON text.

    Example:
        >>> row = to_row(Evaluation(name="turn_count", score=3.0, usage=Usage(calls=1)))
        >>> row["score"], row["calls"], row["metadata"]
        (3.0, 1, '{}')
    """
    flat = (*_TEXT, *_TEXT_OR_NULL, *_TIMES, *_NUMBERS_OR_NULL, *_COUNTS, *_FLAGS)
    return {
        **{key: getattr(evaluation, key) for key in flat},
        "evidence": [dict(vars(evidence)) for evidence in evaluation.evidence],
        "findings": [dict(vars(finding)) for finding in evaluation.findings],
        "sample_rate": evaluation.sample_rate,
        "duration_seconds": evaluation.duration_seconds,
        **{key: json.dumps(getattr(evaluation, key), default=str) for key in _OBJECTS},
        **{key: getattr(evaluation.usage, key) for key in _TOKENS},
    }


def from_row(row: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation that `to_row` flattened.

    Args:
        row: Values by column name. Times are datetimes (also pandas Timestamps) or ISO 8601 texts,
            without a zone they are UTC; a missing or null column gives the field's default.
    """
    values: dict[str, Any] = {
        **{key: row[key] for key in (*_TEXT, *_TEXT_OR_NULL, "sample_rate") if row.get(key) is not None},
        **{key: _utc(row.get(key)) for key in _TIMES},
        **{key: row.get(key) for key in _NUMBERS_OR_NULL},
        **{key: int(row.get(key) or 0) for key in _COUNTS},
        **{key: bool(row.get(key)) for key in _FLAGS},
        **{key: json.loads(row.get(key) or "{}") for key in _OBJECTS},
    }
    return Evaluation(
        **values,
        evidence=tuple(Evidence(**evidence) for evidence in _structs(row.get("evidence"))),
        findings=tuple(Finding(**finding) for finding in _structs(row.get("findings"))),
        duration_seconds=float(row.get("duration_seconds") or 0.0),
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


def _structs(values: Iterable[dict[str, Any]] | None) -> Iterable[dict[str, Any]]:
    """Return the structs of a list column; pandas hands them over as a numpy array, which has no truth value."""
    return () if values is None else values
