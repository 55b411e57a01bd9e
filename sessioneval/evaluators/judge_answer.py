"""What a judge answered: from the body of a chat completion to one of the rubric's labels.

Everything here is hostile input: the body may be anything, and its text is written by a model that
read a transcript. What is not exactly an answer is a problem in words, never a guess.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sessioneval.evaluators.base import storable
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.evaluation import Usage

_MAX_INTEGER = 2**63 - 1
_MAX_ANSWER_CHARS = 200_000
_MAX_CANDIDATES = 50


@dataclass(frozen=True, kw_only=True)
class Completion:
    """The parts of a chat completion that matter here; empty where the server sent something else."""

    text: str = ""
    refusal: str = ""
    finish_reason: str = ""
    response_model: str = ""
    usage: Usage = field(default_factory=lambda: Usage(calls=1))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A usable answer: a label of the rubric in the rubric's spelling, and its score."""

    label: str
    score: float
    explanation: str


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Why an answer cannot be used, as a sentence without its full stop."""

    text: str


def read_completion(body: bytes) -> Completion:
    """Return the completion in the body of a response; anything malformed is left empty."""
    try:
        payload = _object(json.loads(body))
    except (ValueError, RecursionError):
        return Completion(text=body[:_MAX_ANSWER_CHARS].decode("utf-8", "replace"))
    choices = payload.get("choices")
    choice = _object(choices[0]) if isinstance(choices, list) and choices else {}
    message = _object(choice.get("message"))
    return Completion(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        response_model=storable(_text(payload.get("model")), 200),
        usage=_usage(_object(payload.get("usage"))),
    )


def read_answer(completion: Completion, rubric: Rubric) -> Answer | Problem:
    """Return the answer in a completion, or what is wrong with it."""
    problem = _outer_problem(completion)
    if problem:
        return Problem(text=problem)
    found = _json_object(completion.text.strip())
    if found is None:
        return Problem(text=f"it is not one JSON object: {_shown(completion.text)}")
    return _labelled(found, rubric)


def _outer_problem(completion: Completion) -> str | None:
    if completion.refusal:
        return f"the model refused: {_shown(completion.refusal)}"
    if completion.finish_reason == "content_filter":
        return "the provider's content filter stopped it"
    if completion.finish_reason == "length":
        return "it was cut off at the token limit"
    if not completion.text.strip():
        return "it is empty"
    if len(completion.text) > _MAX_ANSWER_CHARS:
        return f"it has {len(completion.text)} characters; allowed are {_MAX_ANSWER_CHARS}"
    return None


def _labelled(found: dict[str, Any], rubric: Rubric) -> Answer | Problem:
    label, explanation = found.get("label"), found.get("explanation")
    if not isinstance(label, str) or not isinstance(explanation, str):
        return Problem(text="it needs the two texts 'explanation' and 'label'")
    known = rubric.scores_of(label)
    if known is None:
        allowed = ", ".join(repr(name) for name in rubric.labels)
        return Problem(text=f"label {_shown(label)} is not one of {allowed}")
    return Answer(label=known[0], score=known[1], explanation=storable(explanation.strip()))


def _json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that `text` is, or else the one it ends with.

    Models without structured output put reasoning or a code fence around their answer. What stands
    last counts, so an answer quoted from the transcript inside the reasoning cannot win.
    """
    body = text.removesuffix("```").rstrip()
    candidates = (_decoded(body[start:]) for start in _object_starts(body))
    return next((found for found in candidates if found is not None), None)


def _object_starts(body: str) -> Iterator[int]:
    """Yield where an object that ends with `body` may begin: at the front, then from the back, a bounded number."""
    if not body.endswith("}"):
        return
    if body.startswith("{"):
        yield 0
    start = len(body)
    for _ in range(_MAX_CANDIDATES):
        start = body.rfind("{", 0, start)
        if start < 0:
            return
        yield start


def _decoded(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _usage(usage: dict[str, Any]) -> Usage:
    return Usage(
        calls=1,
        input_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(_object(usage.get("prompt_tokens_details")).get("cached_tokens")),
        output_tokens=_count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int:
    """Return a token count that a 64-bit column can hold; anything else is 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= _MAX_INTEGER else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """Return a text, or the texts of a list of parts, joined."""
    if isinstance(value, list):
        return "".join(_text(_object(part).get("text")) for part in value)
    return value if isinstance(value, str) else ""


def _shown(text: str, max_chars: int = 200) -> str:
    return repr(storable(text.strip(), max_chars))
