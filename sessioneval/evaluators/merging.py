"""The answers on a long session's windows, as records for the closing call and as one answer with it."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from sessioneval.evaluators.answer_parts import MAX_ENTRIES
from sessioneval.evaluators.judge_answer import Answer
from sessioneval.model.evaluation import Finding

_SEVERITIES = ("high", "medium", "low")


def record(answer: Answer) -> str:
    """Return an answer as the JSON text that the closing call reads: what was checked by code, nothing else.

    Args:
        answer: On one window.
    """
    parts = answer.parts
    said = {
        "findings": [
            {"category": each.category, "severity": each.severity, "message": each.message_index, "note": each.note}
            for each in parts.findings
        ],
        "evidence": [{"message": each.message_index, "quote": each.quote} for each in parts.evidence],
        "answers": dict(parts.fields),
        "reasoning": answer.reasoning,
        "label": answer.label,
    }
    return json.dumps(said, ensure_ascii=False)


def merged(windows: Sequence[Answer], closing: Answer) -> Answer:
    """Return one answer: label, reasoning, checklist and confidence of the closing call; what was noted, of all.

    Args:
        windows: The answers on the windows, in order.
        closing: The answer that had their records before it.
    """
    answers = [*windows, closing]
    parts = [answer.parts for answer in answers]
    dropped = sum((Counter(part.dropped) for part in parts), Counter())
    # The closing call's quotes come first: they are those that decided.
    evidence = dict.fromkeys(quote for part in (parts[-1], *parts[:-1]) for quote in part.evidence)
    together = replace(
        closing.parts,
        evidence=tuple(evidence)[:MAX_ENTRIES],
        findings=distinct_findings(finding for part in parts for finding in part.findings)[:MAX_ENTRIES],
        is_unsupported=any(part.is_unsupported for part in parts),
        is_canary_wrong=any(part.is_canary_wrong for part in parts),
        dropped=dict(dropped),
    )
    return replace(closing, parts=together)


def distinct_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings without repetitions, the severest first and else in order.

    Two are one if category, message and note agree but for case and white space; the severer is kept.

    Example:
        >>> said = [Finding(category="Loop", severity="low", note="again"), Finding(category="loop", severity="high", note="Again ")]
        >>> [(finding.category, finding.severity) for finding in distinct_findings(said)]
        [('loop', 'high')]
    """
    severest: dict[tuple[str, int | None, str], Finding] = {}
    for finding in sorted(findings, key=lambda each: _SEVERITIES.index(each.severity)):
        severest.setdefault((_folded(finding.category), finding.message_index, _folded(finding.note)), finding)
    return tuple(severest.values())


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
