"""`tool_argument_correctness`: were tools called with valid arguments that fit what was known.

Whether arguments are valid is decided by code against the tool's JSON schema, before any model is asked; the
model only judges whether they are right in the conversation.

Source: Datadog LLM Observability, tool argument correctness, evaluated there on single LLM spans.
"""

from collections.abc import Iterable
from typing import Any, Unpack

from sessioneval.evaluators.base import evaluation_of
from sessioneval.evaluators.derived import DerivedJudge, derived_rubric
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.rubric import UNSURE
from sessioneval.evaluators.tool_schemas import CheckedCall, checked_calls
from sessioneval.evaluators.tool_selection import message_index
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.transcript import Transcript

NAME = "tool_argument_correctness"
_LABELS = {"correct": 1.0, "incorrect": 0.0}
_VERSION = "1"


class ToolArgumentJudge(DerivedJudge):
    """Asks no model where code has found every call of a session invalid."""

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the evaluation; it costs nothing where no call is left to be judged."""
        calls = checked_calls(transcript)
        if calls and all(call.violations for call in calls):
            return evaluation_of(self, transcript, **_verdict(calls, {}), explanation=_said(calls))
        return await super().evaluate(transcript)


def tool_argument_correctness(*, model: str, **options: Unpack[JudgeOptions]) -> DerivedJudge:
    """Return the evaluator.

    Labels are ``correct`` and ``incorrect`` (any call was invalid or wrong), by code. Fields: ``n_calls``,
    ``n_invalid`` (by schema), ``n_wrong`` (by the judge), ``n_unjudged``, and ``calls``: for each call
    ``{"span_id", "message_index", "position", "tool", "answer", "reason", "violations"}``, the answer being ``invalid``,
    ``wrong``, ``right`` or None. Sessions without a tool call are skipped with the reason ``no_tool_calls``.

    Args:
        model: The model that judges.
        options: Further arguments of `Judge`.
    """
    return ToolArgumentJudge(
        Judge(derived_rubric(NAME), model=model, **options),
        labels=_LABELS,
        gate=lambda transcript: None if transcript.tool_calls else "no_tool_calls",
        derive=_derived,
        settings={"derivation": _VERSION},
    )


def _derived(answered: Evaluation, transcript: Transcript) -> dict[str, Any]:
    calls = checked_calls(transcript)
    verdict = _verdict(calls, _answers(answered, transcript))
    found = _said(calls)
    return {**verdict, "explanation": f"{answered.explanation} {found}".strip()} if found else verdict


def _answers(answered: Evaluation, transcript: Transcript) -> dict[tuple[int, int], dict[str, Any]]:
    """Return the judge's entry for each (message, position); the first one counts."""
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for entry in answered.fields.get("arguments", []):
        message, _, position = entry["subject"].strip(" []").partition(".")
        index = message_index(message, transcript)
        if index is not None and (position or "0").isascii() and (position or "0").isdigit():
            found.setdefault((index, int(position or 0)), entry)
    return found


def _verdict(calls: Iterable[CheckedCall], answers: dict[tuple[int, int], dict[str, Any]]) -> dict[str, Any]:
    shown = [_shown(call, answers.get((call.message_index, call.position))) for call in calls]
    n_invalid, n_wrong, n_right = (
        sum(call["answer"] == answer for call in shown) for answer in ("invalid", "wrong", "right")
    )
    label = "incorrect" if n_invalid + n_wrong else "correct" if n_right else UNSURE
    fields = {
        "n_calls": len(shown),
        "n_invalid": n_invalid,
        "n_wrong": n_wrong,
        "n_unjudged": len(shown) - n_invalid - n_wrong - n_right,
        "calls": shown,
    }
    return {"label": label, "score": _LABELS.get(label), "fields": fields}


def _shown(call: CheckedCall, entry: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "span_id": call.span_id,
        "message_index": call.message_index,
        "position": call.position,
        "tool": call.name,
        "answer": "invalid" if call.violations else entry["answer"] if entry else None,
        "reason": entry["reason"] if entry else "",
        "violations": [violation._asdict() for violation in call.violations],
    }


def _said(calls: Iterable[CheckedCall]) -> str:
    """Return the first violation of each invalid call, in words."""
    texts = [
        f"[{call.message_index}] {call.name} at {call.violations[0].path}: {call.violations[0].text}"
        for call in calls
        if call.violations
    ]
    return "Invalid by schema: " + "; ".join(texts) + "." if texts else ""
