"""`sessioneval runs`: what each evaluation run of a store decided, at what cost, and how it ended."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.cli.cells import moment_text
from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit, table
from sessioneval.cli.parameters import store_argument
from sessioneval.model.evaluation import Usage
from sessioneval.runs.run_list import RunSummary, list_runs
from sessioneval.store.store import Store

_HEADINGS = {
    "run": "left",
    "started (UTC)": "left",
    "ended (UTC)": "left",
    "state": "left",
    "evaluators": "left",
    "new": "right",
    "reused": "right",
    "failed": "right",
    "skipped": "right",
    "calls": "right",
    "tokens": "right",
    "USD": "right",
}
_COLUMNS = (*(one.name for one in fields(RunSummary) if one.name != "usage"), *(one.name for one in fields(Usage)))


@click.command("runs")
@store_argument
@output_options()
def command(*, store: Path, destination: Destination) -> None:
    """List the evaluation runs of a store: times, counts by status, calls, tokens, money, state.

    A run is running, finished, stopped (it was asked to end early) or interrupted (its process died). The same command
    as before goes on with a stopped or interrupted run.
    """
    runs = list_runs(Store.existing(store))
    emit(Answer(columns=_COLUMNS, records=map(_record, runs), blocks=lambda: [_table(runs)]), destination)


def _record(run: RunSummary) -> dict[str, Any]:
    values = asdict(run)
    usage: dict[str, Any] = values.pop("usage")
    return {**values, "evaluators": list(run.evaluators), "models": list(run.models), **usage}


def _table(runs: Sequence[RunSummary]) -> Table:
    return table(_HEADINGS, map(_cells, runs), title=f"{len(runs)} runs")


def _cells(run: RunSummary) -> list[str]:
    counts = (run.n_evaluated, run.n_reused, run.n_failed, run.n_skipped, run.usage.calls)
    return [
        run.run_id,
        moment_text(run.started_at) if run.started_at else "",
        moment_text(run.ended_at) if run.ended_at else "",
        run.state,
        ", ".join(run.evaluators),
        *("" if count is None else str(count) for count in counts),
        str(run.usage.input_tokens + run.usage.output_tokens),
        "" if run.cost_usd is None else f"{run.cost_usd:.4f}",
    ]
