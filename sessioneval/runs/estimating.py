"""What a run would ask and cost, before it asks anything."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from os import PathLike
from typing import Any

from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.endpoint import NO_KEY
from sessioneval.evaluators.registry import Spec, resolve_all
from sessioneval.model.evaluation import Usage
from sessioneval.reader.listing import list_sessions
from sessioneval.runs.concurrency import run_blocking
from sessioneval.runs.dry_channel import DryCall, DryChannel
from sessioneval.runs.history import History
from sessioneval.runs.limited_channel import Limits
from sessioneval.runs.plan import Plan, plan
from sessioneval.runs.prices import BATCH_TIER, Prices
from sessioneval.runs.run import Scope, due_transcripts, through
from sessioneval.sessions.tokens import token_counter
from sessioneval.store.store import Store

ASSUMED_CALL = timedelta(seconds=5)


@dataclass(frozen=True, kw_only=True)
class ModelEstimate:
    """The calls to one model.

    Attributes:
        model: The model.
        tokenizer: What counted the tokens; ``estimate`` where it is none of the model's.
        usage: Calls and tokens; cached tokens as far as the provider's prefix cache can hold them.
        cost_usd: Money for them, cache included; None without a price.
        cost_uncached_usd: Money if no prefix were cached.
    """

    model: str
    tokenizer: str
    usage: Usage
    cost_usd: float | None
    cost_uncached_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run would do: at most, for what depends on answers (escalation, for one) is taken to happen.

    Attributes:
        n_sessions: Sessions with something to judge.
        n_evaluations: Evaluations to make.
        n_reused: Evaluations that stand.
        models: The calls by model.
        duration: At the given limits, if a call takes 5 seconds.
    """

    n_sessions: int
    n_evaluations: int
    n_reused: int
    models: tuple[ModelEstimate, ...]
    duration: timedelta

    @property
    def usage(self) -> Usage:
        """Calls and tokens of all models."""
        return sum((model.usage for model in self.models), Usage())

    @property
    def cost_usd(self) -> float | None:
        """Money for all models; None where one of them has no price."""
        costs = [model.cost_usd for model in self.models]
        return None if None in costs else sum(cost for cost in costs if cost is not None)


def estimate(
    store: "str | PathLike[str] | Store",
    evaluators: Sequence[Spec],
    *,
    model: str | None = None,
    base_url: str | None = None,
    scope: Scope | None = None,
    limits: Limits | None = None,
    prices: Prices | None = None,
    **options: Any,
) -> Estimate:
    """Return what judging a store would ask and cost; nothing is asked or written, and no key is needed.

    Args:
        store: The store, or its directory.
        evaluators: As for `evaluate`.
        model: Model of judges that are given by name or rubric.
        base_url: As for `evaluate`.
        scope: Which sessions; all by default.
        limits: Concurrency and rate caps, for the time; 16 calls at once by default.
        prices: What models cost; list prices by default.
        options: Further arguments of judges.

    Raises:
        InputError: An argument cannot be used.
        StoreError: There is no store, or it cannot be read.
    """
    resolved = resolve_all(evaluators, model=model, base_url=base_url, **{"api_key": NO_KEY, **options})
    calls = _Calls(prices or Prices())
    todo = run_blocking(lambda: _walk(Store.existing(store), resolved, scope or Scope(), calls))
    return Estimate(
        n_sessions=len(todo.due),
        n_evaluations=todo.n_planned,
        n_reused=todo.n_reused,
        models=calls.by_model(),
        duration=calls.duration(limits or Limits(concurrency=16)),
    )


def prompts(evaluator: Evaluator, transcript: Any) -> list[DryCall]:
    """Return the calls that an evaluator would make about one session, with their exact prompts."""
    made: list[DryCall] = []
    bound = through(evaluator, DryChannel(made.append))
    run_blocking(lambda: bound.evaluate(transcript))
    return made


class _Calls:
    """The calls of a dry run, summed by model."""

    def __init__(self, prices: Prices) -> None:
        self._prices = prices
        self._usage: dict[str, Usage] = {}

    def add(self, call: DryCall) -> None:
        # Not every provider's cache works inside a batch, and the estimate is an upper bound.
        is_cached = self._prices.service_tier != BATCH_TIER
        usage = call.usage if is_cached else replace(call.usage, cached_tokens=0)
        self._usage[call.model] = self._usage.get(call.model, Usage()) + usage

    def by_model(self) -> tuple[ModelEstimate, ...]:
        return tuple(self._estimates())

    def _estimates(self) -> Iterator[ModelEstimate]:
        for model, usage in sorted(self._usage.items()):
            cost, saved = self._prices.cost_usd(model, usage), self._prices.saved_usd(model, usage)
            yield ModelEstimate(
                model=model,
                tokenizer=token_counter(model).name,
                usage=usage,
                cost_usd=cost,
                cost_uncached_usd=None if cost is None or saved is None else cost + saved,
            )

    def duration(self, limits: Limits) -> timedelta:
        """Return the time at the narrowest limit; models are asked side by side under one concurrency."""
        n_calls = sum(usage.calls for usage in self._usage.values())
        minutes = [n_calls * ASSUMED_CALL / timedelta(minutes=1) / limits.concurrency]
        for usage in self._usage.values():
            if limits.rpm:
                minutes.append(usage.calls / limits.rpm)
            if limits.tpm:
                minutes.append((usage.input_tokens + usage.output_tokens) / limits.tpm)
        return timedelta(minutes=max(minutes))


async def _walk(store: Store, evaluators: Sequence[Evaluator], scope: Scope, calls: _Calls) -> Plan:
    """Evaluate everything that is due through a channel that asks nobody."""
    channel = DryChannel(calls.add)
    bound = [through(evaluator, channel) for evaluator in evaluators if evaluator.annotator_kind == "LLM"]
    judging = {evaluator.name: evaluator for evaluator in bound}
    listing = list_sessions(store, scope.selection, scope.completion)
    history = History(store.evaluations())
    todo = plan(listing, evaluators, history, scope.rule, datetime.now(UTC), only_failed=scope.only_failed)
    async for transcript in due_transcripts(listing, todo, scope.memory_bytes):
        if scope.rule.reason_to_skip_read(transcript) is None:
            for evaluator in todo.evaluators_of(transcript.session_id):
                if evaluator.name in judging:
                    await judging[evaluator.name].evaluate(transcript)
    return todo
