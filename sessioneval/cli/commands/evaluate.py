"""`sessioneval evaluate`: judge the sessions of a store."""

from collections.abc import Sequence
from pathlib import Path

import click

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.estimates import estimated, prompts_shown
from sessioneval.cli.faults import DONE, OVER_BUDGET, SOME_FAILED
from sessioneval.cli.filters import filter_options
from sessioneval.cli.listing import listed
from sessioneval.cli.live import evaluation_progress
from sessioneval.cli.output import Answer, emit, note, warn
from sessioneval.cli.parameters import EVALUATOR, memory_option, store_argument
from sessioneval.cli.run_options import (
    Gates,
    JudgeChoice,
    Money,
    gate_options,
    judge_options,
    limit_options,
    money_options,
)
from sessioneval.cli.summary import counts_line, summarised
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.voting import resolve_voting
from sessioneval.reader.listing import Listing
from sessioneval.runs.estimating import estimate
from sessioneval.runs.evaluating import evaluate as run_evaluate
from sessioneval.runs.limited_channel import Limits
from sessioneval.runs.run import RunResult, Scope
from sessioneval.sessions.selection import Selection


@click.command("evaluate")
@store_argument
@click.argument("evaluators", metavar="EVALUATOR...", nargs=-1, required=True, type=EVALUATOR)
@judge_options
@limit_options
@click.option("--retry-failed", is_flag=True, help="Judge only what failed when it was tried last.")
@gate_options
@money_options
@click.option("--dry-run", is_flag=True, help="Ask nothing: print calls, tokens, money; with --session the prompts.")
@memory_option
@filter_options
@output_options()
@click.pass_context
def command(
    ctx: click.Context,
    *,
    store: Path,
    evaluators: tuple[str | Path, ...],
    judges: JudgeChoice,
    limits: Limits,
    retry_failed: bool,
    gates: Gates,
    money: Money,
    dry_run: bool,
    memory_bytes: int,
    selection: Selection | None,
    destination: Destination,
) -> None:
    """Judge the sessions of a store.

    An EVALUATOR is a name that `sessioneval evaluators` lists, or a rubric file that ends in .toml. What is judged
    already is not judged again; a run that was stopped goes on when it is started again. Ctrl-C lets evaluations in
    flight end, a second one does not. Exits with 3 if some evaluations failed, with 4 if the budget ended the run.
    """
    options = judges.without_key() if dry_run else judges.options
    resolved = resolve_voting(evaluators, judges.voting, model=judges.model, **options)
    scope = Scope(
        selection=selection,
        rule=gates.rule,
        completion=gates.completion,
        only_failed=retry_failed,
        memory_bytes=memory_bytes,
    )
    if dry_run:
        emit(_dry_run(store, resolved, scope, limits, money), destination)
        return
    result = _judged(store, resolved, scope, limits, money)
    for sentence in result.given_up:
        warn(sentence)
    emit(summarised(result, resolved, _session_ids(listed(store, selection, gates.completion))), destination)
    if destination.form != "text":
        note(counts_line(result.progress))
    ctx.exit(_exit_code(result))


def _judged(store: Path, evaluators: Sequence[Evaluator], scope: Scope, limits: Limits, money: Money) -> RunResult:
    with evaluation_progress() as on_progress:
        return run_evaluate(
            store,
            evaluators,
            concurrency=limits.concurrency,
            rpm=limits.rpm,
            tpm=limits.tpm,
            retry_failed=scope.only_failed,
            selection=scope.selection,
            rule=scope.rule,
            completion=scope.completion,
            prices=money.prices,
            service_tier=money.service_tier,
            budget_usd=money.budget_usd,
            budget_tokens=money.budget_tokens,
            memory_bytes=scope.memory_bytes,
            batch=money.batch,
            on_progress=on_progress,
        )


def _dry_run(store: Path, evaluators: Sequence[Evaluator], scope: Scope, limits: Limits, money: Money) -> Answer:
    if scope.selection is not None and scope.selection.session_ids:
        return prompts_shown(listed(store, scope.selection, scope.completion), evaluators)
    return estimated(estimate(store, evaluators, scope=scope, limits=limits, prices=money.prices))


def _exit_code(result: RunResult) -> int:
    if result.is_over_budget:
        warn(f"the budget is spent ({result.spent_usd:.4f} USD); run the same command with a new one to go on")
        return OVER_BUDGET
    return SOME_FAILED if result.progress.failed else DONE


def _session_ids(listing: Listing) -> list[str]:
    ids: list[str] = listing.grouping.sessions.columns(listing.sessions.places)[0].to_pylist()
    return ids
