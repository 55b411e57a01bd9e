"""An evaluation: what one evaluator decided about one session."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sessioneval.errors import InputError

AnnotatorKind = Literal["LLM", "CODE", "HUMAN"]
Status = Literal["evaluated", "failed", "skipped"]

MAX_LABEL_CHARS = 100
MAX_EXPLANATION_CHARS = 10_000
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def check_evaluator_name(name: str) -> str:
    """Return `name` if it may name an evaluator.

    Arize drops columns whose name holds anything else, so the rule is theirs, narrowed to lower case.

    Raises:
        InputError: The name does not match ``[a-z][a-z0-9_]*``.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(
            f"evaluator name {name!r} is not allowed: use lower-case letters, digits and '_', starting with a letter"
        )
    return name


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of the model calls behind one evaluation."""

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Add token for token."""
        return Usage(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One decision about one (session, evaluator) pair; one row of the evaluations table.

    Attributes:
        name: The evaluator's name, ``[a-z][a-z0-9_]*``.
        label: One of the evaluator's labels; None unless `status` is ``evaluated``.
        score: The label's score from the rubric, or the code evaluator's number.
        explanation: Why, in at most 10,000 characters.
        status: ``evaluated``, ``failed`` (see `reason`: the error class) or ``skipped`` (see `reason`).
        reason: Error class of a failure, or why a session was skipped.
        error: The message of the failure; never holds a key.
        annotator_kind: Who judged: LLM, CODE or HUMAN.
        identifier: Fingerprint of the evaluator: rubric, model, parameters, renderer.
        model: The judge's model, None for code.
        session_id, anchor_span_id: The session, and its anchor span when it was judged.
        transcript_digest: `Transcript.digest` of what was judged.
        spans_digest: `Session.spans_digest` when it was judged.
        judged_until: End of the last span that was judged, UTC.
        n_messages: Messages that were judged.
        usage: Tokens of the calls made for this evaluation.
        duration_seconds: Wall time of the evaluator.
        metadata: Anything more the evaluator says; must be JSON.
        run_id, evaluation_id, created_at: When and by which run it was decided; the id is unique.
    """

    name: str
    label: str | None = None
    score: float | None = None
    explanation: str | None = None
    status: Status = "evaluated"
    reason: str | None = None
    error: str | None = None
    annotator_kind: AnnotatorKind = "CODE"
    identifier: str = ""
    model: str | None = None
    session_id: str = ""
    anchor_span_id: str = ""
    transcript_digest: str = ""
    spans_digest: str = ""
    judged_until: datetime | None = None
    n_messages: int = 0
    usage: Usage = field(default_factory=Usage)
    duration_seconds: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    evaluation_id: str = ""
    created_at: datetime | None = None
