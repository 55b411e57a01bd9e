"""What was noted on the windows of a long session ends in one answer, each thing once."""

import json

from sessioneval.evaluators.answer_parts import AnswerParts
from sessioneval.evaluators.judge_answer import Answer
from sessioneval.evaluators.merging import distinct_findings, merged, record
from sessioneval.model.evaluation import Evidence, Finding


def answer_of(label="coherent", **parts):
    return Answer(label=label, score=1.0, reasoning=f"because {label}", parts=AnswerParts(**parts))


def finding(category="loop", severity="low", message_index=3, note="says it again"):
    return Finding(category=category, severity=severity, message_index=message_index, note=note)


def test_the_closing_call_decides():
    """Windows see a part each; only the closing call has all of it before it."""
    windows = [answer_of("incoherent", confidence=0.1, fields={"done": "no"}, reasons={"done": "not here"})]
    closing = answer_of("coherent", confidence=0.8, fields={"done": "yes"}, reasons={"done": "later"})
    together = merged(windows, closing)

    assert (together.label, together.score, together.reasoning) == ("coherent", 1.0, "because coherent")
    assert (together.parts.confidence, together.parts.fields) == (0.8, {"done": "yes"})
    assert together.parts.reasons == {"done": "later"}


def test_what_was_noted_on_any_window_is_kept_once():
    """Overlapping windows report the same defect twice; a defect that the closing call forgets must not vanish."""
    quote, other = (
        Evidence(message_index=1, quote="I never said that"),
        Evidence(message_index=9, quote="as I told you"),
    )
    windows = [
        answer_of(evidence=(quote,), findings=(finding(), finding(category="promise", message_index=9))),
        answer_of(
            evidence=(quote, other), findings=(finding(category="Loop ", severity="high", note="Says  it again"),)
        ),
    ]
    together = merged(windows, answer_of(evidence=(other,)))

    assert together.parts.evidence == (other, quote)
    assert [(each.category, each.severity) for each in together.parts.findings] == [
        ("Loop ", "high"),
        ("promise", "low"),
    ]
    assert together.decided["is_flagged"]


def test_findings_that_differ_are_two():
    """The same words about another message are another defect."""
    found = [finding(), finding(message_index=4), finding(note="stops"), finding(category="tone"), finding()]

    assert len(distinct_findings(found)) == 4


def test_the_severest_come_first():
    """Lists are cut at their end."""
    assert [
        each.severity for each in distinct_findings([finding(severity=s, note=s) for s in ("low", "high", "medium")])
    ] == [
        "high",
        "medium",
        "low",
    ]


def test_a_doubt_on_one_window_is_a_doubt_on_the_session():
    """A quote that is not there, or a canary that failed, counts wherever it happened."""
    windows = [
        answer_of(is_unsupported=True, dropped={"quote": 1}),
        answer_of(is_canary_wrong=True, dropped={"quote": 2}),
    ]
    parts = merged(windows, answer_of()).parts

    assert (parts.is_unsupported, parts.is_canary_wrong, parts.dropped) == (True, True, {"quote": 3})
    assert not merged([answer_of()], answer_of()).parts.is_unsupported


def test_a_hundred_entries_are_enough():
    """Forty windows of a hundred findings must not fill a row."""
    windows = [answer_of(findings=tuple(finding(note=f"{at} {n}") for n in range(60))) for at in range(5)]

    assert len(merged(windows, answer_of()).parts.findings) == 100


def test_a_record_holds_what_the_closing_call_needs():
    """Findings, quotes and answers with the numbers of their messages, and the window's own label."""
    found = answer_of(
        evidence=(Evidence(message_index=7, quote="läuft schon wieder"),), findings=(finding(),), fields={"done": "yes"}
    )

    assert json.loads(record(found)) == {
        "findings": [{"category": "loop", "severity": "low", "message": 3, "note": "says it again"}],
        "evidence": [{"message": 7, "quote": "läuft schon wieder"}],
        "answers": {"done": "yes"},
        "reasoning": "because coherent",
        "label": "coherent",
    }
    assert "läuft" in record(found)
