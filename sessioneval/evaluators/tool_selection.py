"""`tool_selection`: were the right tools chosen, for each LLM span that called a tool or should have.

Source: Datadog LLM Observability, tool selection, evaluated there on single LLM spans.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Unpack

from sessioneval.evaluators.derived import DerivedJudge, derived_rubric
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.rubric import UNSURE
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.transcript import Transcript

NAME = "tool_selection"
_LABELS = {"correct": 1.0, "incorrect": 0.0}
_VERSION = "1"


def tool_selection(*, model: str, **options: Unpack[JudgeOptions]) -> DerivedJudge:
    """Return the evaluator.

    Labels are ``correct`` and ``incorrect`` (any choice was wrong or missing), by code from the choices. Fields:
    ``n_right``, ``n_wrong``, ``n_missing``, ``n_unjudged``, and ``spans``: for each LLM span that called tools or
    should have, ``{"span_id", "message_index", "tools", "answer", "reason"}``. Sessions without tools are skipped
    with the reason ``no_tools``.

    Args:
        model: The model that judges.
        options: Further arguments of `Judge`.
    """
    return DerivedJudge(
        Judge(derived_rubric(NAME), model=model, **options),
        labels=_LABELS,
        gate=no_tools,
        derive=_derived,
        settings={"derivation": _VERSION},
    )


def no_tools(transcript: Transcript) -> str | None:
    """Return why tools cannot be judged: none was called and none was on offer."""
    return None if transcript.tool_calls or transcript.context.tools else "no_tools"


def _derived(answered: Evaluation, transcript: Transcript) -> dict[str, Any]:
    spans = list(_judged(answered, transcript))
    counts = Counter(span["answer"] for span in spans)
    n_calling = sum(bool(message.tool_calls) for message in transcript.messages)
    is_wrong = counts["wrong"] + counts["missing"] > 0
    label = "incorrect" if is_wrong else "correct" if counts["right"] or not n_calling else UNSURE
    fields = {
        "n_right": counts["right"],
        "n_wrong": counts["wrong"],
        "n_missing": counts["missing"],
        "n_unjudged": n_calling - counts["right"] - counts["wrong"],
        "spans": spans,
    }
    return {"label": label, "score": _LABELS.get(label), "fields": fields}


def _judged(answered: Evaluation, transcript: Transcript) -> Iterator[dict[str, Any]]:
    """Yield the choices that can be there: right or wrong where tools were called, missing where none was."""
    seen: set[int] = set()
    for entry in answered.fields.get("choice", []):
        index = message_index(entry["subject"], transcript)
        if index is None or index in seen:
            continue
        message = transcript.messages[index]
        if message.role == "assistant" and bool(message.tool_calls) == (entry["answer"] != "missing"):
            seen.add(index)
            yield {
                "span_id": message.span_id,
                "message_index": index,
                "tools": [call.name for call in message.tool_calls],
                "answer": entry["answer"],
                "reason": entry["reason"],
            }


def message_index(subject: str, transcript: Transcript) -> int | None:
    """Return the number of the message that an entry is about; None for none of this transcript.

    Judges write it as ``12`` or ``[12]``.
    """
    text = subject.strip(" []")
    index = int(text) if text.isascii() and text.isdigit() else len(transcript.messages)
    return index if index < len(transcript.messages) else None
