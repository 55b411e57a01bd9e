"""The evaluations that count now, out of the history of all decisions."""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

FIELDS = ("label", "score", "explanation")


def current_rows(evaluations: pa.Table, identifiers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """Return the row that counts for each (session, evaluator).

    Rows of one evaluator name may come from several fingerprints (another rubric version, another
    model). Only one fingerprint counts for each name, by default the one that judged last, so no
    number ever mixes two. Of its rows the newest that was evaluated counts, else the newest. Votes are no verdicts
    and never count.

    Args:
        evaluations: All rows, oldest first, as `Store.evaluations` returns them.
        identifiers: Evaluator name to the fingerprint that counts.
    """
    rows = [row for row in evaluations.to_pylist() if row["vote_of"] is None]
    chosen = {**_newest_identifiers(rows), **(identifiers or {})}
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        if row["identifier"] != chosen[row["name"]]:
            continue
        key = (row["session_id"], row["name"])
        if key not in best or row["status"] == "evaluated" or best[key]["status"] != "evaluated":
            best[key] = row
    return list(best.values())


def _newest_identifiers(rows: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    judged = {row["name"]: row["identifier"] for row in rows if row["status"] == "evaluated"}
    seen = {row["name"]: row["identifier"] for row in rows}
    return {**seen, **judged}


def pivoted(rows: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return for each session its ``session_eval.<name>.<field>`` values, of what was evaluated."""
    values: dict[str, dict[str, Any]] = {}
    for row in rows:
        if row["status"] == "evaluated":
            of_session = values.setdefault(row["session_id"], {})
            of_session.update({f"session_eval.{row['name']}.{field}": row[field] for field in FIELDS})
    return values


def eval_columns(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the pivoted column names, by evaluator name: those of every evaluator that has any row."""
    return [f"session_eval.{name}.{field}" for name in sorted({row["name"] for row in rows}) for field in FIELDS]
