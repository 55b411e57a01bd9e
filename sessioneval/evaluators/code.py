"""Code evaluators: a function of a transcript as an evaluator."""

import inspect
import json
import math
import numbers
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, overload

from sessioneval.errors import EvaluatorError, InputError
from sessioneval.evaluators.base import evaluation_of, failed, storable
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.evaluators.rubric import checked_score
from sessioneval.model.evaluation import MAX_LABEL_CHARS, AnnotatorKind, Evaluation, check_evaluator_name
from sessioneval.model.transcript import Transcript

Raw = str | float | bool | Evaluation | Mapping[str, Any] | None
CodeFunction = Callable[[Transcript], Raw | Awaitable[Raw]]

_KEYS = ("label", "score", "explanation", "fields", "metadata")


class CodeEvaluator:
    """A function as an evaluator; made by `evaluator`. Calling it calls the function.

    Attributes:
        needs_context: Whether it reads `Transcript.context`, which is filled only for evaluators that say so.
    """

    annotator_kind: AnnotatorKind = "CODE"
    model: str | None = None

    def __init__(
        self,
        function: CodeFunction,
        name: str | None,
        labels: Mapping[str, float],
        version: str,
        *,
        needs_context: bool = False,
    ) -> None:
        self._function = function
        self.needs_context = needs_context
        self.name = check_evaluator_name(getattr(function, "__name__", "") if name is None else name)
        self.labels = {_checked_label(label): checked_score(label, score) for label, score in labels.items()}
        self.version = version
        self.identifier = fingerprint(
            {"name": self.name, "version": version, "labels": list(self.labels.items()), "source": _source(function)}
        )
        self.__doc__ = function.__doc__

    def __repr__(self) -> str:
        return f"CodeEvaluator({self.name!r}, version={self.version!r})"

    def __call__(self, transcript: Transcript) -> Raw | Awaitable[Raw]:
        """Return what the function returns."""
        return self._function(transcript)

    def check(self) -> None:
        """Do nothing: all was checked when it was made."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the function's evaluation; failed if it raises or returns something else, skipped if None."""
        started = time.perf_counter()
        try:
            raw = self._function(transcript)
            decided = _decided(await raw if inspect.isawaitable(raw) else raw, self.labels)
        except Exception as error:  # noqa: BLE001 - a user's function may raise anything; it is that session's failure
            decided = failed(type(error).__name__, str(error) or repr(error))
        return evaluation_of(self, transcript, **decided, duration_seconds=time.perf_counter() - started)


@overload
def evaluator(function: CodeFunction, /) -> CodeEvaluator: ...


@overload
def evaluator(
    *,
    name: str | None = None,
    labels: Mapping[str, float] | None = None,
    version: str = "1",
    needs_context: bool = False,
) -> Callable[[CodeFunction], CodeEvaluator]: ...


def evaluator(
    function: CodeFunction | None = None,
    /,
    *,
    name: str | None = None,
    labels: Mapping[str, float] | None = None,
    version: str = "1",
    needs_context: bool = False,
) -> CodeEvaluator | Callable[[CodeFunction], CodeEvaluator]:
    """Make an evaluator of a function that takes a `Transcript`; with or without parentheses.

    The function may be sync or async. A sync one runs on the event loop, so make it async if it waits.
    It returns a label (str), a score (number), True or False (score 1 or 0), a mapping with any of
    ``label, score, explanation, fields, metadata``, an `Evaluation`, or None where it does not apply (skipped).
    ``fields`` are further answers by name, such as counts; they stand in the column ``fields``.
    If it raises, that session's evaluation is failed, with the class and text of the error.

    Args:
        function: The function, when used without parentheses.
        name: By default the function's name; must match ``[a-z][a-z0-9_]*``.
        labels: Allowed labels with their scores; a label outside is a failure. By default any label.
        version: Change it when the function's result changes for a reason outside its source.
        needs_context: Whether the function reads `Transcript.context`: tools on offer, model calls, attributes of
            the spans. It is read from the store only for evaluators that say so; for others it is empty.

    Raises:
        InputError: Name, label or score is not allowed.

    Example:
        >>> @evaluator(labels={"polite": 1.0, "rude": 0.0})
        ... def manners(transcript):
        ...     return "polite" if any("please" in m.content for m in transcript.messages) else "rude"
        >>> manners
        CodeEvaluator('manners', version='1')
    """

    def made(decorated: CodeFunction) -> CodeEvaluator:
        return CodeEvaluator(decorated, name, labels or {}, version, needs_context=needs_context)

    return made if function is None else made(function)


def _checked_label(label: str) -> str:
    if not isinstance(label, str) or not label.strip() or len(label) > MAX_LABEL_CHARS:
        raise InputError(f"label {label!r:.200} is not allowed: a text of 1 to {MAX_LABEL_CHARS} characters")
    return label


def _source(function: CodeFunction) -> str:
    """Return the function's source, or else its byte code: changed code must not pass for the old one."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        return code.co_code.hex() + repr(code.co_names) if code else repr(type(function))


def _decided(raw: object, labels: Mapping[str, float]) -> dict[str, Any]:
    """Return the fields of an evaluation for what a function returned.

    Raises:
        EvaluatorError: It is no evaluation, or its label or score is not allowed.
    """
    if raw is None:
        return {"status": "skipped", "reason": "not applicable"}
    if isinstance(raw, Evaluation):
        return _of_evaluation(raw, labels)
    if isinstance(raw, Mapping):
        return _of_mapping(raw, labels)
    if isinstance(raw, str):
        return _labelled(raw, None, labels)
    if isinstance(raw, bool):
        return _labelled(str(raw).lower(), None if labels else float(raw), labels)
    if isinstance(raw, numbers.Real):
        return {"score": _score(raw)}
    raise EvaluatorError(
        f"returned {type(raw).__name__}; allowed are str, a number, bool, a mapping, an Evaluation or None"
    )


def _of_evaluation(evaluation: Evaluation, labels: Mapping[str, float]) -> dict[str, Any]:
    if evaluation.status != "evaluated":
        kept = ("status", "reason", "error", "explanation")
        return {key: getattr(evaluation, key) for key in kept}
    return _of_mapping({key: getattr(evaluation, key) for key in _KEYS}, labels)


def _of_mapping(raw: Mapping[str, Any], labels: Mapping[str, float]) -> dict[str, Any]:
    if unknown := [key for key in raw if key not in _KEYS]:
        raise EvaluatorError(f"returned a mapping with key {unknown[0]!r}; allowed are {', '.join(_KEYS)}")
    label, score = raw.get("label"), raw.get("score")
    if label is None and score is None:
        raise EvaluatorError("returned neither label nor score; return None where the evaluator does not apply")
    decided = {"score": _score(score)} if label is None else _labelled(label, score, labels)
    told = {"explanation": _explanation(raw), "fields": _plain("fields", raw), "metadata": _plain("metadata", raw)}
    return {**decided, **told}


def _labelled(label: object, score: object, labels: Mapping[str, float]) -> dict[str, Any]:
    """Return label and score; a score that was given counts before the label's."""
    if not isinstance(label, str) or not label.strip() or len(label) > MAX_LABEL_CHARS:
        raise EvaluatorError(f"returned label {label!r:.200}; allowed is a text of 1 to {MAX_LABEL_CHARS} characters")
    if labels and label not in labels:
        raise EvaluatorError(f"returned label {label!r}; allowed are {', '.join(map(repr, labels))}")
    return {"label": storable(label), "score": labels.get(label) if score is None else _score(score)}


def _score(score: object) -> float:
    try:
        value = float(score) if isinstance(score, numbers.Real) else math.nan
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise EvaluatorError(f"returned score {score!r:.200}; it must be a finite number")
    return value


def _explanation(raw: Mapping[str, Any]) -> str | None:
    text = raw.get("explanation")
    return None if text is None else storable(str(text))


def _plain(key: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping of the raw one as it comes back from JSON."""
    value = raw.get(key)
    try:
        plain = json.loads(json.dumps(value or {}, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise EvaluatorError(f"returned {key} that is no JSON: {error}") from error
    if not isinstance(plain, dict):
        raise EvaluatorError(f"returned {key} {value!r:.200}; it must be a mapping")
    return plain
