"""The options of a run in groups, each of which reaches the command as one object."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import click

from sessioneval.cli.live import batch_progress
from sessioneval.cli.parameters import DURATION, PAIR, PATH
from sessioneval.evaluators.cache_options import PromptCache
from sessioneval.evaluators.endpoint import NO_KEY
from sessioneval.evaluators.judge import JudgeOptions
from sessioneval.evaluators.panel import DEFAULT_MIN_CONFIDENCE
from sessioneval.evaluators.references import References
from sessioneval.evaluators.voting import Voting
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.evaluating import DEFAULT_CONCURRENCY
from sessioneval.runs.limited_channel import Limits
from sessioneval.runs.prices import Prices
from sessioneval.runs.service_tier import ServiceTier
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION

Command = Callable[..., Any]


@dataclass(frozen=True, kw_only=True)
class JudgeChoice:
    """Who judges: the model, its endpoint, and how many votes a verdict takes."""

    model: str | None
    options: JudgeOptions
    voting: Voting

    def without_key(self) -> JudgeOptions:
        """Return the options of judges that are asked nothing, so that no key is missed."""
        return {**self.options, "api_key": NO_KEY}


@dataclass(frozen=True, kw_only=True)
class Money:
    """What calls cost and what may be spent."""

    prices: Prices
    service_tier: ServiceTier
    budget_usd: float | None
    budget_tokens: int | None
    batch: BatchMode | None


@dataclass(frozen=True, kw_only=True)
class Gates:
    """Which sessions are due."""

    rule: DueRule
    completion: tuple[str, str]


def _group(name: str, make: Callable[..., Any], *options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options to a command, which gets what `make` makes of them under `name`.

    Each parameter of `make` is an option.
    """
    taken = tuple(inspect.signature(make).parameters)

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def folded(*args: Any, **rest: Any) -> Any:
            given = {option: rest.pop(option) for option in taken}
            return command(*args, **{name: make(**given)}, **rest)

        decorated: Command = folded
        for option in reversed(options):
            decorated = option(decorated)
        return decorated

    return decorate


def _judge_choice(
    *,
    model: str | None,
    base_url: str | None,
    api_key: str | None,
    reference: Path | None,
    prompt_cache: PromptCache,
    max_input_tokens: int | None,
    repeats: int,
    panel: tuple[str, ...],
    escalate_to: str | None,
    min_confidence: float,
) -> JudgeChoice:
    return JudgeChoice(
        model=model,
        options={
            "base_url": base_url,
            "api_key": api_key,
            "reference": None if reference is None else References.of(reference),
            "prompt_cache": prompt_cache,
            "max_input_tokens": max_input_tokens,
        },
        voting=Voting(repeats=repeats, panel=panel, escalate_to=escalate_to, min_confidence=min_confidence),
    )


judge_options = _group(
    "judges",
    _judge_choice,
    click.option("--model", metavar="NAME", help="The model that judges; code evaluators need none."),
    click.option("--base-url", metavar="URL", help="Any OpenAI-compatible address, such as http://localhost:8000/v1."),
    click.option("--api-key", metavar="KEY", help="Better set OPENAI_API_KEY: arguments are seen by other users."),
    click.option(
        "--reference",
        type=PATH,
        metavar="FILE",
        help="CSV, JSONL or Parquet by session_id: what rubrics with a reference hold sessions against.",
    ),
    click.option(
        "--prompt-cache",
        type=click.Choice(get_args(PromptCache)),
        default="auto",
        show_default=True,
        help="Cache options to send; auto sends those that address and model are known to take.",
    ),
    click.option(
        "--max-input-tokens",
        type=int,
        metavar="N",
        help="Longer sessions are shrunk or read in windows; by default what the model takes.",
    ),
    click.option(
        "--repeats", type=int, default=1, show_default=True, help="Votes of each model; the majority decides."
    ),
    click.option("--panel", multiple=True, metavar="MODEL", help="A further model that votes; may be repeated."),
    click.option(
        "--escalate-to", metavar="MODEL", help="The model that decides where votes differ or are not confident."
    ),
    click.option(
        "--min-confidence",
        type=float,
        default=DEFAULT_MIN_CONFIDENCE,
        show_default=True,
        help="A vote with less is doubted.",
    ),
)

limit_options = _group(
    "limits",
    Limits,
    click.option(
        "--concurrency", type=int, default=DEFAULT_CONCURRENCY, show_default=True, help="Evaluations at once."
    ),
    click.option("--rpm", type=float, metavar="N", help="Calls a minute to each model at most."),
    click.option(
        "--tpm", type=float, metavar="N", help="Tokens a minute to each model at most, as far as can be estimated."
    ),
)


def _gates(
    *, idle: timedelta, sample: float, completed_only: bool, completion: tuple[str, str], max_loss: float
) -> Gates:
    rule = DueRule(idle=idle, sample=sample, completed_only=completed_only, max_loss=max_loss)
    return Gates(rule=rule, completion=completion)


gate_options = _group(
    "gates",
    _gates,
    click.option(
        "--idle",
        type=DURATION,
        metavar="DURATION",
        default="0s",
        show_default=True,
        help="Skip sessions younger than this.",
    ),
    click.option(
        "--sample", type=float, default=1.0, show_default=True, help="Share of sessions, chosen by hash of id."
    ),
    click.option("--completed-only", is_flag=True, help="Skip sessions that were not marked as ended."),
    click.option(
        "--completion",
        type=PAIR,
        metavar="KEY=VALUE",
        default="=".join(DEFAULT_COMPLETION),
        show_default=True,
        help="The attribute that marks a session as ended.",
    ),
    click.option(
        "--max-loss",
        type=float,
        default=1.0,
        show_default=True,
        help="Skip sessions of which more than this share is known to be missing.",
    ),
)


def _money(
    *,
    prices: Path | None,
    service_tier: ServiceTier,
    budget_usd: float | None,
    budget_tokens: int | None,
    batch: bool,
    poll: timedelta,
) -> Money:
    tier = "batch" if batch else service_tier
    table = Prices(service_tier=tier) if prices is None else Prices.from_file(prices, tier)
    mode = BatchMode(poll=poll, on_progress=batch_progress()) if batch else None
    return Money(
        prices=table, service_tier=service_tier, budget_usd=budget_usd, budget_tokens=budget_tokens, batch=mode
    )


money_options = _group(
    "money",
    _money,
    click.option("--prices", type=PATH, metavar="FILE", help="TOML with your prices; list prices for other models."),
    click.option("--budget-usd", type=float, metavar="N", help="Stop when this much is spent; exit code 4."),
    click.option("--budget-tokens", type=int, metavar="N", help="Stop when this many tokens are used; exit code 4."),
    click.option(
        "--service-tier",
        type=click.Choice(get_args(ServiceTier)),
        default="standard",
        show_default=True,
        help="flex is slower, for half the price.",
    ),
    click.option("--batch", is_flag=True, help="Ask through the Batch API: within a day, for half the price."),
    click.option(
        "--poll", type=DURATION, metavar="DURATION", default="30s", show_default=True, help="Between looks at batches."
    ),
)
