"""An evaluation: what one evaluator decided about one session."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sessioneval.errors import InputError

AnnotatorKind = Literal["LLM", "CODE", "HUMAN"]
Status = Literal["evaluated", "failed", "skipped"]
Severity = Literal["low", "medium", "high"]

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
    """Tokens of the model calls behind one evaluation.

    Attributes:
        calls: Calls that were answered.
        input_tokens: All tokens of the prompts, cached or not.
        cached_tokens: Those of them that the provider read from its prefix cache.
        cache_write_tokens: Those of them that it wrote to its cache at an own price.
        output_tokens: All tokens of the answers, reasoning included.
        reasoning_tokens: Those of them that were reasoning.
    """

    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Add token for token."""
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__})


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """A quote that stands, letter for letter but for white space, in the message it names.

    Attributes:
        message_index: Which message of the transcript, from 0.
        quote: The words.
        span_id: The span that the message came from; None where the message has none.
    """

    message_index: int
    quote: str
    span_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something a judge noticed, also where the rubric did not ask for it.

    Attributes:
        category: A few words, such as ``contradiction``.
        severity: ``low``, ``medium`` or ``high``; a high one flags the session whatever its label.
        message_index: The message where it shows; None where none was named or it does not exist.
        note: What it is, in a sentence.
        span_id: The span of that message.
    """

    category: str
    severity: Severity
    message_index: int | None = None
    note: str = ""
    span_id: str | None = None


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
        confidence: The judge's own, 0 to 1; None where it gave none.
        evidence: Quotes that were found in the messages they name; others are dropped.
        findings: What else the judge noticed.
        fields: Further answers by name, such as ``failure_type``; must be JSON.
        is_unsupported: A quote was dropped because it is not in the message it names.
        is_flagged: A finding is of high severity.
        is_injection_suspected: The transcript holds words that address a judge, or the answer failed the canary.
        n_windows: Prompts that the transcript was spread over; 1 when it was read whole, 0 for code.
        n_chars_cut: Characters left out of the prompts to fit the judge's token budget.
        vote_of: For one vote of several: the fingerprint of the evaluator whose verdict it is part of; None for a
            verdict. Votes are never counted as verdicts.
        sample_rate: Share of sessions that the run's gate chose from; 1.0 without sampling.
        usage: Tokens of the calls made for this evaluation.
        cost_usd: Money for those calls by the run's price table; None where the model has no price.
        duration_seconds: Wall time of the evaluator.
        metadata: Anything more the evaluator says; must be JSON.
        run_id, evaluation_id, created_at: When and by which run it was decided; the id is unique.
        votes: The votes behind a verdict; no column, for each vote is a row of its own.
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
    confidence: float | None = None
    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    is_unsupported: bool = False
    is_flagged: bool = False
    is_injection_suspected: bool = False
    n_windows: int = 0
    n_chars_cut: int = 0
    vote_of: str | None = None
    sample_rate: float = 1.0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    duration_seconds: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    run_id: str = ""
    evaluation_id: str = ""
    created_at: datetime | None = None
    votes: "tuple[Evaluation, ...]" = ()
