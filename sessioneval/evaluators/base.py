"""The evaluator protocol, and the evaluation that every kind of evaluator returns."""

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol, runtime_checkable

from sessioneval.model.evaluation import MAX_EXPLANATION_CHARS, AnnotatorKind, Evaluation
from sessioneval.model.transcript import Transcript

MAX_ERROR_CHARS = 1_000


@runtime_checkable
class Evaluator(Protocol):
    """Decides one thing about a whole session."""

    @property
    def name(self) -> str:
        """Names the columns ``session_eval.<name>.*``; matches ``[a-z][a-z0-9_]*``."""

    @property
    def identifier(self) -> str:
        """Fingerprint; evaluations of two identifiers are never mixed in one number."""

    @property
    def annotator_kind(self) -> AnnotatorKind:
        """``LLM`` for judges, ``CODE`` for functions."""

    @property
    def model(self) -> str | None:
        """The judge's model; None for code."""

    @property
    def labels(self) -> Mapping[str, float]:
        """Allowed labels with their scores; empty when the evaluator only gives scores or free labels."""

    def check(self) -> None:
        """Validate the configuration without any call; raises `InputError`."""

    async def evaluate(self, transcript: Transcript) -> Evaluation:
        """Return an evaluation that is evaluated, failed or skipped; never raises for a session's fault."""

    async def aclose(self) -> None:
        """Release connections; safe to call twice, the evaluator stays usable."""


def judged_digest(evaluator: Evaluator, transcript: Transcript) -> str:
    """Return the digest of everything that the evaluator reads of a session.

    That is `Transcript.digest`, and for an evaluator whose ``needs_context`` is true the context's as well.
    """
    if not getattr(evaluator, "needs_context", False):
        return transcript.digest
    return hashlib.sha256(f"{transcript.digest} {transcript.context.digest}".encode()).hexdigest()


def evaluation_of(evaluator: Evaluator, transcript: Transcript, **decided: Any) -> Evaluation:
    """Return an evaluation with everything filled in that does not depend on the decision.

    Args:
        evaluator: Who decided.
        transcript: What was judged.
        decided: The remaining fields: label, score, explanation, status, reason, error, usage, ...
    """
    return Evaluation(
        name=evaluator.name,
        annotator_kind=evaluator.annotator_kind,
        identifier=evaluator.identifier,
        model=evaluator.model,
        session_id=transcript.session_id,
        anchor_span_id=transcript.session.anchor_span_id,
        transcript_digest=judged_digest(evaluator, transcript),
        spans_digest=transcript.session.spans_digest,
        judged_until=transcript.session.end_time,
        n_messages=len(transcript.messages),
        evaluation_id=uuid.uuid4().hex,
        created_at=datetime.now(UTC),
        **decided,
    )


def failed(reason: str, error: str) -> dict[str, Any]:
    """Return the fields of a failure: no label and no score, so it can never be read as a low score."""
    return {"status": "failed", "reason": reason, "error": storable(error, MAX_ERROR_CHARS)}


def storable(text: str, max_chars: int = MAX_EXPLANATION_CHARS) -> str:
    r"""Return text that UTF-8 can hold, at most `max_chars` long; a cut is marked.

    Example:
        >>> storable("half an emoji: \ud83d"), storable("abcdef", 4)
        ('half an emoji: ?', 'abc…')
    """
    clean = text.encode("utf-8", "replace").decode()
    return clean if len(clean) <= max_chars else clean[: max_chars - 1] + "…"
