"""Deciding about one transcript and one evaluator: judge, carry an earlier judgement over, or skip."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from sessioneval.errors import OverBudget
from sessioneval.evaluators.base import Evaluator, evaluation_of, failed, judged_digest
from sessioneval.model.evaluation import Evaluation, Usage
from sessioneval.model.transcript import Transcript
from sessioneval.runs.history import History
from sessioneval.runs.plan import Skip
from sessioneval.sessions.due import OVER_BUDGET, DueRule


class Pair(NamedTuple):
    """A transcript that is due for an evaluator."""

    transcript: Transcript
    evaluator: Evaluator


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided about a pair.

    Attributes:
        evaluation: The row.
        origin: ``new``; ``carried`` over from the same conversation before spans were added that change
            no message; or ``repeated``, a skip that stands already and needs no row.
    """

    evaluation: Evaluation
    origin: Literal["new", "carried", "repeated"]


async def decide(pair: Pair, history: History, rule: DueRule) -> Decision:
    """Decide about a pair; an evaluator that raises gives a failed row."""
    transcript, evaluator = pair
    earlier = history.judgement(transcript.session_id, evaluator, judged_digest(evaluator, transcript))
    if earlier is not None:
        return Decision(evaluation=_carried_over(earlier, transcript), origin="carried")
    reason = rule.reason_to_skip_read(transcript)
    if reason is not None:
        evaluation = skip_row(Skip(session=transcript.session, evaluator=evaluator, reason=reason))
    else:
        evaluation = await _judged(transcript, evaluator)
    return Decision(evaluation=evaluation, origin="repeated" if history.repeats(evaluation, evaluator) else "new")


async def _judged(transcript: Transcript, evaluator: Evaluator) -> Evaluation:
    try:
        return _without_budget(await evaluator.evaluate(transcript))
    except Exception as error:  # noqa: BLE001 - an evaluator of the user's own must not end the run for the others
        return evaluation_of(evaluator, transcript, **failed(type(error).__name__, str(error)))


def _without_budget(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation that failed for want of money as skipped: it says nothing about judge or session."""
    if evaluation.status == "failed" and evaluation.reason == OverBudget.__name__:
        return replace(evaluation, status="skipped", reason=OVER_BUDGET, error=None)
    return evaluation


def _carried_over(earlier: Evaluation, transcript: Transcript) -> Evaluation:
    """Return the earlier judgement as a row about the session as it is now; nothing was paid for it."""
    session = transcript.session
    return replace(
        earlier,
        anchor_span_id=session.anchor_span_id,
        judged_until=session.end_time,
        spans_digest=session.spans_digest,
        usage=Usage(),
        duration_seconds=0.0,
        evaluation_id=uuid.uuid4().hex,
        created_at=datetime.now(UTC),
    )


def skip_row(skip: Skip) -> Evaluation:
    """Return the row that says why a session was not judged."""
    return Evaluation(
        name=skip.evaluator.name,
        status="skipped",
        reason=skip.reason,
        annotator_kind=skip.evaluator.annotator_kind,
        identifier=skip.evaluator.identifier,
        model=skip.evaluator.model,
        session_id=skip.session.session_id,
        anchor_span_id=skip.session.anchor_span_id,
        judged_until=skip.session.end_time,
        spans_digest=skip.session.spans_digest,
        evaluation_id=uuid.uuid4().hex,
        created_at=datetime.now(UTC),
    )
