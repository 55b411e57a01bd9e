"""Judging the sessions of a store with several evaluators at once: the two functions that users call."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from os import PathLike
from typing import Any

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.cache_options import PromptCache
from sessioneval.evaluators.judge import JudgeOptions, ReferenceSource
from sessioneval.evaluators.registry import Spec
from sessioneval.evaluators.voting import Voting, resolve_voting
from sessioneval.reader.transcripts import DEFAULT_MEMORY_BYTES
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.budget import Budget
from sessioneval.runs.concurrency import run_blocking
from sessioneval.runs.limited_channel import Limits
from sessioneval.runs.places import Places
from sessioneval.runs.prices import Prices
from sessioneval.runs.run import OnProgress, Run, RunResult, Scope, through
from sessioneval.runs.run_channel import LiveRunChannel, RunChannel
from sessioneval.runs.service_tier import ServiceTier
from sessioneval.runs.stopping import Stop
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION
from sessioneval.store.store import Store

DEFAULT_CONCURRENCY = 16


def evaluate(store: "str | PathLike[str] | Store", evaluators: Sequence[Spec], **options: Any) -> RunResult:
    """Judge the sessions of a store; the blocking form of `evaluate_async`, also inside a notebook.

    Args:
        store: The store, or its directory.
        evaluators: Names, rubrics, judges or code evaluators.
        options: As for `evaluate_async`.

    Raises:
        InputError: An argument cannot be used; nothing was called or written.
        StoreError: There is no store, or it cannot be read.
        OSError: The store cannot be written; what was decided is in the journal, and the next run publishes it.
        KeyboardInterrupt: There was a Ctrl-C. The first one lets what is in flight end, the second does not;
            what was decided is kept.

    Example:
        >>> evaluate("traces/", ["turn_count"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        sessioneval.errors.StoreError: no store at 'traces': ...
    """
    stop = options.setdefault("stop", Stop())
    return run_blocking(lambda: evaluate_async(store, evaluators, **options), on_interrupt=stop.request)


async def evaluate_async(
    store: "str | PathLike[str] | Store",
    evaluators: Sequence[Spec],
    *,
    model: str | None = None,
    base_url: str | None = None,
    api_key: str | None = None,
    concurrency: int = DEFAULT_CONCURRENCY,
    selection: Selection | None = None,
    rule: DueRule | None = None,
    completion: tuple[str, str] = DEFAULT_COMPLETION,
    rpm: float | None = None,
    tpm: float | None = None,
    retry_failed: bool = False,
    voting: Voting | None = None,
    references: ReferenceSource | None = None,
    prompt_cache: PromptCache = "auto",
    max_input_tokens: int | None = None,
    service_tier: ServiceTier = "standard",
    batch: BatchMode | None = None,
    prices: Prices | None = None,
    budget_usd: float | None = None,
    budget_tokens: int | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    stop: Stop | None = None,
    on_progress: OnProgress = lambda _: None,
) -> RunResult:
    """Judge the sessions of a store with several evaluators at once.

    Every finished evaluation is fsynced before its worker takes the next one, and a later run reuses it:
    what is paid for is kept, whatever kills the process.

    Args:
        store: The store, or its directory.
        evaluators: Names (``"coherence"``), `Rubric`, `Judge` or code evaluators.
        model: Model of judges that are given by name or rubric.
        base_url: Any OpenAI-compatible address; the OpenAI API by default.
        api_key: Its key; `OPENAI_API_KEY` by default.
        concurrency: Evaluations in flight at once, at most; fewer while an endpoint throttles or slows down.
        selection: Which sessions; all by default.
        rule: When a session is due; by default at once.
        completion: Attribute key and value that mark a session as ended.
        rpm: Calls a minute to each model at an endpoint, at most.
        tpm: Tokens a minute to each model at an endpoint, at most; estimated before a call, corrected after it.
        retry_failed: Judge only what failed when it was tried last. Without it these are judged as well.
        voting: How many votes a verdict takes, and whose; one by default.
        references: A table of what sessions are held against, by session id (see `Judge`).
        prompt_cache: Which cache options are sent with prompts (see `Judge`).
        max_input_tokens: Of one prompt; longer sessions are shrunk or read in windows. By default what the model takes.
        service_tier: ``flex`` for the provider's slower half-price tier.
        batch: Ask through the provider's Batch API, at half the price and within a day.
        prices: What models cost, at the tier that is asked for; list prices by default.
        budget_usd: Money that the run may spend; what is in flight when it is spent is finished. What is left is
            skipped with the reason ``over_budget``, and the next run goes on there.
        budget_tokens: The same in tokens, input and output.
        memory_bytes: What messages may take up while they are read; what must wait goes to disk beyond it.
        stop: Ends the run early: no new work, what is in flight is finished and kept.
        on_progress: Called with the counts after every decision.

    Returns:
        The counts; the evaluations are in the store.

    Raises:
        InputError: An argument cannot be used; nothing was called or written.
        StoreError: There is no store, or it cannot be read.
        OSError: The store cannot be written; what was decided is in the journal, and the next run publishes it.
    """
    if concurrency < 1:
        raise InputError(f"concurrency {concurrency!r} is too small; use 1 or more")
    options: JudgeOptions = {
        "base_url": base_url,
        "api_key": api_key,
        "reference": references,
        "prompt_cache": prompt_cache,
        "max_input_tokens": max_input_tokens,
    }
    resolved = resolve_voting(evaluators, voting or Voting(), model=model, **options)
    opened = Store.existing(store)
    stop = stop or Stop()
    places = Places(concurrency)
    priced = replace(prices or Prices(), service_tier=service_tier if batch is None else "batch")
    budget = Budget(usd=budget_usd, tokens=budget_tokens, prices=priced)
    budget.check_prices(model for evaluator in resolved for model in models_of(evaluator))
    channel: RunChannel
    if batch is None:
        limits = Limits(concurrency=concurrency, rpm=rpm, tpm=tpm)
        channel = live = LiveRunChannel(limits, places.pause, budget, service_tier=service_tier)
        stop.listen(live.stop_waiting)
    else:
        batch.check(budget, service_tier)
        # Loads openai, half a second.
        from sessioneval.runs.batch.run_channel import BatchRunChannel

        channel = BatchRunChannel(opened.evaluations_folder, batch)
    bound = [through(evaluator, channel) for evaluator in resolved]
    run = Run(opened, bound, channel, on_progress=on_progress, stop=stop, budget=budget)
    scope = Scope(
        selection=selection,
        rule=rule or DueRule(),
        completion=completion,
        only_failed=retry_failed,
        memory_bytes=memory_bytes,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(channel.aclose)
        for evaluator in bound:
            stack.push_async_callback(evaluator.aclose)
        return await run.carry_out(scope, places)


def models_of(evaluator: Evaluator) -> tuple[str, ...]:
    """Return the models that an evaluator may ask; a panel has several."""
    own = (evaluator.model,) if evaluator.model else ()
    models: tuple[str, ...] = getattr(evaluator, "models", own)
    return models
