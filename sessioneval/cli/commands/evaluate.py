"""`sessioneval evaluate`: judge the sessions of a store."""

from datetime import timedelta
from pathlib import Path

import click

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.faults import DONE, SOME_FAILED
from sessioneval.cli.filters import filter_options
from sessioneval.cli.listing import listed
from sessioneval.cli.live import evaluation_progress
from sessioneval.cli.output import emit, note
from sessioneval.cli.parameters import DURATION, EVALUATOR, PAIR, store_argument
from sessioneval.cli.summary import counts_line, summarised
from sessioneval.evaluators.registry import resolve_all
from sessioneval.runs.evaluating import DEFAULT_CONCURRENCY
from sessioneval.runs.evaluating import evaluate as run_evaluate
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.grouping import DEFAULT_COMPLETION
from sessioneval.sessions.selection import Selection


@click.command("evaluate")
@store_argument
@click.argument("evaluators", metavar="EVALUATOR...", nargs=-1, required=True, type=EVALUATOR)
@click.option("--model", metavar="NAME", help="The model that judges; code evaluators need none.")
@click.option("--base-url", metavar="URL", help="Any OpenAI-compatible address, such as http://localhost:8000/v1.")
@click.option("--api-key", metavar="KEY", help="Better set OPENAI_API_KEY: arguments are seen by other users.")
@click.option("--concurrency", type=int, default=DEFAULT_CONCURRENCY, show_default=True, help="Evaluations at once.")
@click.option(
    "--idle",
    type=DURATION,
    metavar="DURATION",
    default="0s",
    show_default=True,
    help="Skip sessions younger than this.",
)
@click.option("--sample", type=float, default=1.0, show_default=True, help="Share of sessions, chosen by hash of id.")
@click.option("--completed-only", is_flag=True, help="Skip sessions that were not marked as ended.")
@click.option(
    "--completion",
    type=PAIR,
    metavar="KEY=VALUE",
    default="=".join(DEFAULT_COMPLETION),
    show_default=True,
    help="The attribute that marks a session as ended.",
)
@filter_options
@output_options()
@click.pass_context
def command(
    ctx: click.Context,
    *,
    store: Path,
    evaluators: tuple[str | Path, ...],
    model: str | None,
    base_url: str | None,
    api_key: str | None,
    concurrency: int,
    idle: timedelta,
    sample: float,
    completed_only: bool,
    completion: tuple[str, str],
    selection: Selection | None,
    destination: Destination,
) -> None:
    """Judge the sessions of a store.

    An EVALUATOR is a name that `sessioneval evaluators` lists, or a rubric file that ends in .toml. What is judged
    already is not judged again; a run that was stopped goes on when it is started again. Exits with 3 if some
    evaluations failed.
    """
    rule = DueRule(sample=sample, idle=idle, completed_only=completed_only)
    resolved = resolve_all(evaluators, model=model, base_url=base_url, api_key=api_key)
    sessions = listed(store, selection, completion).sessions
    with evaluation_progress() as on_progress:
        result = run_evaluate(
            store,
            resolved,
            concurrency=concurrency,
            selection=selection,
            rule=rule,
            completion=completion,
            on_progress=on_progress,
        )
    emit(summarised(result, resolved, [stored.session.session_id for stored in sessions]), destination)
    if destination.form != "text":
        note(counts_line(result.progress))
    ctx.exit(SOME_FAILED if result.progress.failed else DONE)
