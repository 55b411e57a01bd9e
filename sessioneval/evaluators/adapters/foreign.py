"""An evaluator that another library carries out: ours is the row, theirs the verdict."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from sessioneval.evaluators.base import evaluation_of, failed
from sessioneval.evaluators.fingerprint import fingerprint
from sessioneval.model.evaluation import AnnotatorKind, Evaluation, check_evaluator_name
from sessioneval.model.transcript import Transcript

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


Verdict = Callable[[Transcript], Awaitable[dict[str, Any]]]


class ForeignEvaluator:
    """Runs another library's evaluator once a session; made by `from_phoenix` and `from_deepeval`.

    Its calls go through the other library's client, so the run's concurrency holds for them, and budgets, batches
    and usage counts do not.

    Args:
        verdict: From a transcript to label, score, explanation and metadata; may raise anything.
        name: The evaluator's name here.
        labels: Allowed labels with their scores; empty where any score may come.
        model: The model that judges, as far as the other library tells.
        settings: What the verdict depends on, for the fingerprint.
    """

    annotator_kind: AnnotatorKind = "LLM"

    def __init__(
        self,
        verdict: Verdict,
        *,
        name: str,
        labels: Mapping[str, float],
        model: str | None,
        settings: Mapping[str, Any],
    ) -> None:
        self._verdict = verdict
        self.name = check_evaluator_name(name)
        self.labels = dict(labels)
        self.model = model
        self.identifier = fingerprint({"name": name, "model": model, **settings})

    def __repr__(self) -> str:
        return f"ForeignEvaluator({self.name!r}, model={self.model!r})"

    def check(self) -> None:
        """Do nothing: the other library checked when its evaluator was made."""

    async def aclose(self) -> None:
        """Do nothing: the other library owns its connections."""

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return the other library's verdict; failed, with the class of the error, where it raises."""
        started = time.perf_counter()
        try:
            decided = await self._verdict(transcript)
        except Exception as error:  # noqa: BLE001 - another library may raise anything; it is that session's failure
            decided = failed(type(error).__name__, str(error) or repr(error))
        return evaluation_of(self, transcript, **decided, duration_seconds=time.perf_counter() - started)


def described(value: object) -> str:
    """Return a text that is the same in every process for the same settings.

    Example:
        >>> described(object())
        '<object object>'
    """
    return _ADDRESS.sub("", repr(value))


def snake_case(name: str) -> str:
    """Return a name that may name an evaluator, as near as possible to the given one.

    Example:
        >>> snake_case("Knowledge Retention"), snake_case("Role-Adherence [GEval]"), snake_case("5 stars")
        ('knowledge_retention', 'role_adherence_geval', 'e_5_stars')
    """
    joined = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return joined if joined[:1].isalpha() else f"e_{joined}"
