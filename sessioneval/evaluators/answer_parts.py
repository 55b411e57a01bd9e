"""Everything in an answer beside its label: quotes, findings, checklist answers, confidence and the canary.

Only what holds is kept. What does not is dropped and counted: it never reaches storage, and it costs no answer its label.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from sessioneval.evaluators.answer_schema import SEVERITIES
from sessioneval.evaluators.base import storable
from sessioneval.evaluators.evidence import NOT_THERE, QuoteCheck
from sessioneval.evaluators.rubric_parts import ChecklistItem
from sessioneval.model.evaluation import Evidence, Finding, Severity
from sessioneval.model.transcript import Transcript

MAX_ENTRIES = 100
MAX_CATEGORY_CHARS = 100
MAX_NOTE_CHARS = 1_000
CANARY = "n_user_messages"
NO_MESSAGE = -1
"""What a finding names that shows in no single message."""


@dataclass(frozen=True, kw_only=True)
class AnswerParts:
    """What is kept of an answer beside label and reasoning.

    Attributes:
        evidence: Quotes that stand in the messages they name.
        findings: What else was noticed.
        fields: Checklist answers by item; for an open item a list of ``{"subject", "answer", "reason"}``.
        reasons: Why, by item; open items have their reasons in `fields`.
        confidence: 0 to 1; None where it was not given or is no such number.
        is_unsupported: A quote does not stand in the message it names.
        is_canary_wrong: The number of user messages is not what it is.
        dropped: What was dropped and how often: quote, short_quote, message_index, finding, answer.
    """

    evidence: tuple[Evidence, ...] = ()
    findings: tuple[Finding, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    confidence: float | None = None
    is_unsupported: bool = False
    is_canary_wrong: bool = False
    dropped: Mapping[str, int] = field(default_factory=dict)


def read_parts(
    answer: Mapping[str, Any], checklist: Sequence[ChecklistItem], transcript: Transcript, n_user_messages: int
) -> AnswerParts:
    """Return the parts of an answer that hold; a list that is missing is empty.

    Args:
        answer: The judge's JSON object.
        checklist: The items that may be answered.
        transcript: What quotes and message numbers are checked against.
        n_user_messages: The right answer to the canary; an answer that leaves it out is not held against it.
    """
    dropped: Counter[str] = Counter()
    evidence = tuple(dict.fromkeys(_evidence(answer, transcript, dropped)))
    findings = tuple(_findings(answer, transcript, dropped))
    fields, reasons = _answers(answer, checklist, dropped)
    return AnswerParts(
        evidence=evidence,
        findings=findings,
        fields=fields,
        reasons=reasons,
        confidence=_confidence(answer.get("confidence")),
        is_unsupported=dropped["quote"] > 0,
        is_canary_wrong=CANARY in answer and _index(answer[CANARY]) != n_user_messages,
        dropped={what: times for what, times in dropped.items() if times},
    )


def _evidence(answer: Mapping[str, Any], transcript: Transcript, dropped: Counter[str]) -> Iterator[Evidence]:
    quotes = QuoteCheck(transcript)
    for entry in _entries(answer, "evidence", "quote", dropped):
        index = _message(entry, transcript, dropped)
        checked = NOT_THERE if index is None else quotes.check(index, _text(entry, "quote"))
        if checked.evidence:
            yield checked.evidence
        else:
            dropped["short_quote" if checked.is_there else "quote"] += 1


def _findings(answer: Mapping[str, Any], transcript: Transcript, dropped: Counter[str]) -> Iterator[Finding]:
    for entry in _entries(answer, "findings", "finding", dropped):
        category, severity, note = _text(entry, "category"), _text(entry, "severity").lower(), _text(entry, "note")
        if severity not in SEVERITIES or not (category or note):
            dropped["finding"] += 1
            continue
        index = _message(entry, transcript, dropped)
        yield Finding(
            category=storable(category, MAX_CATEGORY_CHARS),
            severity=cast("Severity", severity),
            message_index=index,
            note=storable(note, MAX_NOTE_CHARS),
            span_id=None if index is None else transcript.messages[index].span_id,
        )


def _answers(
    answer: Mapping[str, Any], checklist: Sequence[ChecklistItem], dropped: Counter[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return answers and reasons by item; the first answer to a closed item counts."""
    items = {item.id: item for item in checklist}
    fields: dict[str, Any] = {item.id: [] for item in checklist if item.is_open}
    reasons: dict[str, str] = {}
    for entry in _entries(answer, "answers", "answer", dropped):
        name, _, subject = _text(entry, "item").partition(":")
        item = items.get(name.strip())
        said = item.answer_of(_text(entry, "answer")) if item else None
        reason = storable(_text(entry, "reason"), MAX_NOTE_CHARS)
        if item is None or said is None or item.id in reasons:
            dropped["answer"] += 1
        elif item.is_open:
            about = storable(subject.strip(), MAX_NOTE_CHARS)
            fields[item.id].append({"subject": about, "answer": storable(said, MAX_NOTE_CHARS), "reason": reason})
        else:
            fields[item.id], reasons[item.id] = storable(said, MAX_NOTE_CHARS), reason
    return fields, reasons


def _entries(answer: Mapping[str, Any], key: str, what: str, dropped: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yield the records of a list; whatever else stands there, or is too much, is counted as dropped."""
    given = answer.get(key) or []
    entries = given if isinstance(given, list) else [given]
    for position, entry in enumerate(entries):
        if isinstance(entry, dict) and position < MAX_ENTRIES:
            yield entry
        else:
            dropped[what] += 1


def _message(entry: Mapping[str, Any], transcript: Transcript, dropped: Counter[str]) -> int | None:
    """Return the number of the message that an entry names; None where it names none, or one that does not exist."""
    given = entry.get("message", NO_MESSAGE)
    index = _index(given)
    if index is not None and index < len(transcript.messages):
        return index
    dropped["message_index"] += given != NO_MESSAGE
    return None


def _index(value: object) -> int | None:
    """Return a number of messages, or of a message; None for anything else."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value == value // 1
    return int(cast("float", value)) if is_whole else None


def _confidence(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(cast("float", value)) if is_number and 0 <= cast("float", value) <= 1 else None


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value.strip() if isinstance(value, str) else ""
