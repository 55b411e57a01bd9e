"""Dry runs: what would be asked and what it would cost, as tables."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from rich.table import Table

from sessioneval.cli.output import Answer, table
from sessioneval.evaluators.base import Evaluator
from sessioneval.model.transcript import Transcript
from sessioneval.reader.contexts import with_context
from sessioneval.reader.listing import Listing
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.estimating import ASSUMED_CALL, Estimate, prompts

_COLUMNS = (
    "model",
    "calls",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "tokenizer",
    "cost_usd",
    "cost_uncached_usd",
)
_PROMPT_COLUMNS = ("session_id", "evaluator", "call", "role", "content", "input_tokens")


def estimated(found: Estimate) -> Answer:
    """Return an estimate: a row a model, and the sums."""
    records = [
        {
            "model": one.model,
            "calls": one.usage.calls,
            "input_tokens": one.usage.input_tokens,
            "cached_tokens": one.usage.cached_tokens,
            "output_tokens": one.usage.output_tokens,
            "tokenizer": one.tokenizer,
            "cost_usd": one.cost_usd,
            "cost_uncached_usd": one.cost_uncached_usd,
        }
        for one in found.models
    ]
    whole = {
        "sessions": found.n_sessions,
        "evaluations": found.n_evaluations,
        "reused": found.n_reused,
        "cost_usd": found.cost_usd,
        "seconds": found.duration.total_seconds(),
        "models": records,
    }
    return Answer(columns=_COLUMNS, records=records, whole=whole, blocks=lambda: _blocks(found, records))


def prompts_shown(listing: Listing, evaluators: Sequence[Evaluator]) -> Answer:
    """Return the exact prompts for the sessions of a listing: a row a message."""
    transcripts = with_context(listing, listing.sessions, read_transcripts(listing))
    records = [record for transcript in transcripts for record in _prompt_records(transcript, evaluators)]
    return Answer(columns=_PROMPT_COLUMNS, records=records, blocks=lambda: _prompt_blocks(records))


def _blocks(found: Estimate, records: Sequence[dict[str, Any]]) -> Iterator[str | Table]:
    if records:
        columns = {"model": "left", "calls": "right", "input tokens": "right", "of them cached": "right"}
        columns |= {"output tokens": "right", "USD": "right", "USD without cache": "right"}
        yield table(columns, (_cells(record) for record in records))
        yield ""
    counts = f"{found.n_sessions} sessions, {found.n_evaluations} evaluations to make, {found.n_reused} reused"
    yield f"dry run, nothing was asked: {counts}"
    if records:
        yield f"{_money(found)}; {_time(found)}; {_tokens(found)}"


def _cells(record: dict[str, Any]) -> tuple[str, ...]:
    numbers = (record[name] for name in ("calls", "input_tokens", "cached_tokens", "output_tokens"))
    costs = (_usd(record[name]) for name in ("cost_usd", "cost_uncached_usd"))
    return (record["model"], *(f"{number:,}" for number in numbers), *costs)


def _usd(cost: float | None) -> str:
    return "no price" if cost is None else f"{cost:.4f}"


def _money(found: Estimate) -> str:
    return "no price for a model (give --prices)" if found.cost_usd is None else f"at most {found.cost_usd:.4f} USD"


def _time(found: Estimate) -> str:
    whole_seconds = timedelta(seconds=round(found.duration.total_seconds()))
    return f"about {whole_seconds} at {ASSUMED_CALL.total_seconds():g} s a call"


def _tokens(found: Estimate) -> str:
    names = ", ".join(sorted({one.tokenizer for one in found.models}))
    return f"tokens by {names}"


def _prompt_records(transcript: Transcript, evaluators: Sequence[Evaluator]) -> Iterator[dict[str, Any]]:
    for evaluator in evaluators:
        for number, call in enumerate(prompts(evaluator, transcript), start=1):
            for role, content in call.prompt:
                yield {
                    "session_id": transcript.session_id,
                    "evaluator": evaluator.name,
                    "call": number,
                    "role": role,
                    "content": content,
                    "input_tokens": call.usage.input_tokens,
                }


def _prompt_blocks(records: Sequence[dict[str, Any]]) -> Iterator[str | Table]:
    if not records:
        yield "no prompt: no session, or no evaluator that asks a model"
    for record in records:
        yield f"--- {record['evaluator']}, call {record['call']}, {record['role']} ---\n{record['content']}\n"
