"""The runs of a store: what each of them decided, at what cost, and how it ended."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

from sessioneval.model.evaluation import Usage
from sessioneval.store.journal import running
from sessioneval.store.run_records import RunRecord, read_records
from sessioneval.store.store import Store

State = Literal["running", "finished", "stopped", "interrupted"]
_TOKENS = tuple(Usage.__dataclass_fields__)


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """One run.

    Attributes:
        run_id: Names it in the rows of its evaluations.
        state: ``running``; ``finished``; ``stopped``: ended early because it was asked to; ``interrupted``: its process
            died. Run the same command again to go on.
        started_at: UTC; of a run without a record the time of its first row.
        ended_at: UTC; of an interrupted run the time of its last row, None if it has none or is running.
        evaluators, models: Their names.
        n_sessions: Sessions that the selection admitted; None without a record.
        n_planned: Evaluations to make; None without a record.
        n_reused: Evaluations that stood from earlier runs; None without a record.
        n_evaluated, n_failed, n_skipped: Its rows by status.
        usage: Tokens of its calls.
        cost_usd: Money for them; None where no row has a price.
    """

    run_id: str
    state: State
    started_at: datetime | None = None
    ended_at: datetime | None = None
    evaluators: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    n_sessions: int | None = None
    n_planned: int | None = None
    n_reused: int | None = None
    n_evaluated: int = 0
    n_failed: int = 0
    n_skipped: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None


def list_runs(store: Store) -> list[RunSummary]:
    """Return the runs of a store, the earliest first; votes are counted by their cost only.

    Raises:
        StoreError: The evaluations cannot be read.
    """
    alive = running(store.evaluations_folder)
    records = {record.run_id: record for record in read_records(store.evaluations_folder)}
    counted = _counted(store.evaluations())
    ids = dict.fromkeys([*records, *counted])
    runs = [_summary(run_id, records.get(run_id), counted.get(run_id, {}), run_id in alive) for run_id in ids if run_id]
    return sorted(runs, key=lambda run: run.started_at or datetime.max.replace(tzinfo=UTC))


def _counted(rows: pa.Table) -> dict[str, dict[str, Any]]:
    """Return run id to the counts, sums and times of its rows; `from_status` holds the verdicts by status."""
    sums = [(name, "sum") for name in (*_TOKENS, "cost_usd")]
    grouped = rows.group_by("run_id").aggregate([("created_at", "min"), ("created_at", "max"), *sums])
    counted = {row["run_id"]: row for row in grouped.to_pylist()}
    verdicts = rows.filter(rows.column("vote_of").is_null())
    for row in verdicts.group_by(["run_id", "status"]).aggregate([([], "count_all")]).to_pylist():
        counted[row["run_id"]][row["status"]] = row["count_all"]
    for names in verdicts.group_by("run_id").aggregate([("name", "distinct"), ("model", "distinct")]).to_pylist():
        counted[names["run_id"]] |= {"names": names["name_distinct"], "models": names["model_distinct"]}
    return counted


def _summary(run_id: str, record: RunRecord | None, rows: dict[str, Any], is_alive: bool) -> RunSummary:  # noqa: FBT001
    state = _state(record, is_alive=is_alive)
    last = None if state == "running" else _moment(rows.get("created_at_max"))
    return RunSummary(
        run_id=run_id,
        state=state,
        started_at=record.started_at if record else _moment(rows.get("created_at_min")),
        ended_at=record.ended_at if record and record.ended_at else last,
        evaluators=record.evaluators if record else tuple(sorted(rows.get("names", ()))),
        models=record.models if record else tuple(sorted(filter(None, rows.get("models", ())))),
        n_sessions=record.n_sessions if record else None,
        n_planned=record.n_planned if record else None,
        n_reused=record.n_reused if record else None,
        n_evaluated=rows.get("evaluated", 0),
        n_failed=rows.get("failed", 0),
        n_skipped=rows.get("skipped", 0),
        usage=Usage(**{name: rows.get(f"{name}_sum") or 0 for name in _TOKENS}),
        cost_usd=rows.get("cost_usd_sum"),
    )


def _state(record: RunRecord | None, *, is_alive: bool) -> State:
    if is_alive:
        return "running"
    if record is None:
        return "finished"
    return "interrupted" if record.state == "running" else record.state


def _moment(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)
