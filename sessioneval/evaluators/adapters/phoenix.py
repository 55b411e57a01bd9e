"""An evaluator of phoenix.evals, such as a ClassificationEvaluator, as a session evaluator.

Source: arize-phoenix-evals 3: ``evaluator.async_evaluate(fields) -> list[Score]``.
"""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from sessioneval.errors import EvaluatorError, InputError
from sessioneval.evaluators.adapters.foreign import ForeignEvaluator, described, snake_case
from sessioneval.evaluators.base import storable
from sessioneval.model.message import Message
from sessioneval.model.transcript import Transcript

Fields = Callable[[Transcript], Mapping[str, Any]]


def conversation_fields(transcript: Transcript) -> dict[str, Any]:
    """Return what a phoenix template may name: ``conversation`` (or ``transcript``), ``input``, ``output``, ``messages``.

    ``input`` is what the user said first, ``output`` what the assistant said last, ``conversation`` all of it
    as text, ``messages`` all of it as JSON.
    """
    text = str(transcript)
    return {
        "conversation": text,
        "transcript": text,
        "input": _first(transcript, "user"),
        "output": _last(transcript, "assistant"),
        "messages": json.dumps([message.to_dict() for message in transcript.messages], default=str),
        "session_id": transcript.session_id,
    }


def from_phoenix(
    evaluator: Any, *, name: str | None = None, version: str = "1", fields: Fields = conversation_fields
) -> ForeignEvaluator:
    """Make a session evaluator of a phoenix.evals evaluator.

    Args:
        evaluator: A ``ClassificationEvaluator`` or any other ``phoenix.evals.Evaluator``.
        name: By default its own, in snake case.
        version: Change it when its verdicts change for a reason that its settings do not show.
        fields: From a transcript to the variables of its prompt template.

    Raises:
        InputError: It is no phoenix.evals evaluator.
    """
    if not callable(getattr(evaluator, "async_evaluate", None)) or not hasattr(evaluator, "name"):
        raise InputError(f"{described(evaluator)} is no phoenix.evals evaluator: it has no async_evaluate()")
    return ForeignEvaluator(
        lambda transcript: _verdict(evaluator, fields(transcript)),
        name=snake_case(evaluator.name) if name is None else name,
        labels=_labels(evaluator),
        model=getattr(getattr(evaluator, "llm", None), "model", None),
        settings={"version": version, "settings": _settings(evaluator), "fields": _source(fields)},
    )


async def _verdict(evaluator: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the evaluator's first score."""
    scores = await evaluator.async_evaluate(dict(fields))
    if not scores:
        raise EvaluatorError(f"{type(evaluator).__name__} returned no score")
    first = scores[0]
    return {
        "label": first.label,
        "score": None if first.score is None else float(first.score),
        "explanation": storable(first.explanation) if first.explanation else None,
        "metadata": json.loads(json.dumps(dict(first.metadata or {}), default=str)),
    }


def _labels(evaluator: Any) -> dict[str, float]:
    scores = getattr(evaluator, "label_score_map", None) or {}
    return {label: float(score) for label, score in scores.items() if score is not None}


def _settings(evaluator: Any) -> dict[str, Any]:
    """Return what the verdict depends on: the template's own text, and everything else that prints the same."""
    shown = {key: described(value) for key, value in vars(evaluator).items() if key != "_input_mapping"}
    template = getattr(getattr(evaluator, "_prompt_template", None), "template", None)
    return {**shown, "template": described(template)}


def _source(fields: Fields) -> str:
    try:
        return inspect.getsource(fields)
    except (OSError, TypeError):
        return described(fields)


def _first(transcript: Transcript, role: str) -> str:
    return next((message.content for message in transcript.messages if _speaks(message, role)), "")


def _last(transcript: Transcript, role: str) -> str:
    return next((message.content for message in reversed(transcript.messages) if _speaks(message, role)), "")


def _speaks(message: Message, role: str) -> bool:
    return message.role == role and bool(message.content)
