"""`goal_completeness`: which of the user's intentions were resolved.

Source: Datadog LLM Observability, goal completeness: a session is incomplete when more than half of its
intentions are unresolved, and only sessions that carry the completion marker are judged.
"""

from typing import Any, Unpack

from sessioneval.evaluators.derived import DerivedJudge, derived_rubric
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.rubric import UNSURE
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.transcript import Transcript

NAME = "goal_completeness"
_LABELS = {"complete": 1.0, "incomplete": 0.0}
_VERSION = "1"


def goal_completeness(*, model: str, completed_only: bool = True, **options: Unpack[JudgeOptions]) -> DerivedJudge:
    """Return the evaluator.

    Labels are ``complete`` and ``incomplete``, by code from the intentions; ``unsure`` where the judge found none.
    Fields: ``resolved`` and ``unresolved``, each a list of ``{"intention", "reason"}``, and ``n_intentions``.

    Args:
        model: The model that judges.
        completed_only: Skip sessions that were not marked as ended, with the reason ``not_complete``.
        options: Further arguments of `Judge`.
    """

    def gate(transcript: Transcript) -> str | None:
        return "not_complete" if completed_only and not transcript.session.is_complete else None

    return DerivedJudge(
        Judge(derived_rubric(NAME), model=model, **options),
        labels=_LABELS,
        gate=gate,
        derive=_derived,
        settings={"derivation": _VERSION},
    )


def _derived(answered: Evaluation, _transcript: Transcript) -> dict[str, Any]:
    found = answered.fields.get("intention", [])
    resolved, unresolved = (
        [{"intention": entry["subject"], "reason": entry["reason"]} for entry in found if entry["answer"] == answer]
        for answer in ("resolved", "unresolved")
    )
    n_intentions = len(resolved) + len(unresolved)
    label = UNSURE if not n_intentions else "incomplete" if len(unresolved) * 2 > n_intentions else "complete"
    fields = {"resolved": resolved, "unresolved": unresolved, "n_intentions": n_intentions}
    return {"label": label, "score": _LABELS.get(label), "fields": fields}
