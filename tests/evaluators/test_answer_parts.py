"""The parts of an answer: kept where they hold, dropped and counted where they do not."""

import pytest

from sessioneval.evaluators.answer_parts import MAX_ENTRIES, read_parts
from sessioneval.evaluators.rubric_parts import ChecklistItem
from sessioneval.model.evaluation import Evidence, Finding
from sessioneval.model.message import Message

CHECKLIST = (
    ChecklistItem(id="is_escalated", question="Handed over?", answers=("yes", "no")),
    ChecklistItem(id="failure_reason", question="Why?"),
    ChecklistItem(id="intentions", question="Each?", answers=("resolved", "unresolved"), is_open=True),
)


@pytest.fixture
def read(make):
    session = make.transcript(
        ("user", "Where is my parcel, please?"),
        Message(role="assistant", content="It is at the depot.", span_id="11f067aa0ba902b7"),
    )
    return lambda **answer: read_parts(answer, CHECKLIST, session, 1)


def test_quotes_are_kept_with_the_span_of_their_message(read):
    """A reader clicks from a verdict to the span that shows it."""
    parts = read(evidence=[{"message": 1, "quote": "It is at the depot."}])
    assert parts.evidence == (Evidence(message_index=1, quote="It is at the depot.", span_id="11f067aa0ba902b7"),)
    assert (parts.is_unsupported, dict(parts.dropped)) == (False, {})


@pytest.mark.parametrize(
    ("entry", "dropped", "is_unsupported"),
    [
        ({"message": 1, "quote": "It was never sent at all."}, {"quote": 1}, True),
        ({"message": 0, "quote": "It is at the depot."}, {"quote": 1}, True),
        ({"message": 2, "quote": "It is at the depot."}, {"quote": 1, "message_index": 1}, True),
        ({"message": -1, "quote": "It is at the depot."}, {"quote": 1}, True),
        ({"message": "1", "quote": "It is at the depot."}, {"quote": 1, "message_index": 1}, True),
        ({"message": True, "quote": "It is at the depot."}, {"quote": 1, "message_index": 1}, True),
        ({"message": 1.5, "quote": "It is at the depot."}, {"quote": 1, "message_index": 1}, True),
        ({"message": 10**400, "quote": "It is at the depot."}, {"quote": 1, "message_index": 1}, True),
        ({"message": 1, "quote": None}, {"quote": 1}, True),
        ({"message": 1}, {"quote": 1}, True),
        ("It is at the depot.", {"quote": 1}, True),
        (None, {"quote": 1}, True),
        ({"message": 1, "quote": "the depot."}, {"short_quote": 1}, False),
    ],
)
def test_what_is_no_evidence_is_dropped_and_counted(read, entry, dropped, is_unsupported):
    """A verdict that rests on an invented quote can be filtered out; its label is not touched."""
    parts = read(evidence=[entry])
    assert (parts.evidence, dict(parts.dropped), parts.is_unsupported) == ((), dropped, is_unsupported)


def test_a_quote_given_twice_is_kept_once(read):
    """Models repeat themselves."""
    quote = {"message": 1, "quote": "It is at the depot."}
    assert len(read(evidence=[quote, quote]).evidence) == 1


def test_findings_are_kept_with_severity_and_span(read):
    """What the rubric has no slot for is found again in the report."""
    parts = read(findings=[{"category": "wrong place", "severity": "High", "message": 1, "note": "not asked for"}])
    (finding,) = parts.findings
    assert finding == Finding(
        category="wrong place", severity="high", message_index=1, note="not asked for", span_id="11f067aa0ba902b7"
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"category": "a", "severity": "critical", "message": 1, "note": "b"},
        {"category": "a", "severity": None, "message": 1, "note": "b"},
        {"category": "", "severity": "low", "message": 1, "note": " "},
        "a finding",
        7,
    ],
)
def test_a_finding_without_severity_or_words_is_dropped(read, entry):
    """The list of severities is closed: a flag must mean one thing."""
    parts = read(findings=[entry])
    assert (parts.findings, dict(parts.dropped)) == ((), {"finding": 1})


@pytest.mark.parametrize(("message", "dropped"), [(2, {"message_index": 1}), (-1, {}), ("x", {"message_index": 1})])
def test_a_finding_without_a_message_is_kept_without_one(read, message, dropped):
    """A defect of the whole session has no message; a wrong number is no reason to lose the defect."""
    parts = read(findings=[{"category": "tone", "severity": "low", "message": message, "note": "b"}])
    assert [(finding.message_index, finding.span_id) for finding in parts.findings] == [(None, None)]
    assert dict(parts.dropped) == dropped


def test_checklist_answers_become_fields(read):
    """What a rubric asks beside its label is a column of its own, in the rubric's spelling."""
    parts = read(
        answers=[
            {"item": "is_escalated", "answer": "YES", "reason": "see [1]"},
            {"item": "failure_reason", "answer": "wrong depot", "reason": ""},
            {"item": "intentions: find: parcel", "answer": "resolved", "reason": "see [1]"},
            {"item": "intentions", "answer": "unresolved", "reason": "change the address"},
        ]
    )
    assert dict(parts.fields) == {
        "is_escalated": "yes",
        "failure_reason": "wrong depot",
        "intentions": [
            {"subject": "find: parcel", "answer": "resolved", "reason": "see [1]"},
            {"subject": "", "answer": "unresolved", "reason": "change the address"},
        ],
    }
    assert dict(parts.reasons) == {"is_escalated": "see [1]", "failure_reason": ""}


@pytest.mark.parametrize(
    "entry",
    [
        {"item": "is_escalated", "answer": "maybe", "reason": ""},
        {"item": "is_escalated", "answer": True, "reason": ""},
        {"item": "intentions", "answer": "half", "reason": ""},
        {"item": "failure_reason", "answer": " ", "reason": ""},
        {"item": "invented", "answer": "yes", "reason": ""},
        ["is_escalated", "yes"],
    ],
)
def test_an_answer_that_the_checklist_does_not_allow_is_dropped(read, entry):
    """A closed list stays closed, and no item is invented."""
    parts = read(answers=[entry])
    assert (dict(parts.fields), dict(parts.dropped)) == ({"intentions": []}, {"answer": 1})


def test_the_first_answer_to_an_item_counts(read):
    """An answer that is given twice is not averaged."""
    answers = [{"item": "is_escalated", "answer": said, "reason": ""} for said in ("no", "yes")]
    parts = read(answers=answers)
    assert (parts.fields["is_escalated"], parts.dropped["answer"]) == ("no", 1)


@pytest.mark.parametrize(
    ("given", "kept"),
    [(0, 0.0), (1, 1.0), (0.25, 0.25), (1.1, None), (-0.1, None), (float("nan"), None), ("0.9", None), (True, None)],
)
def test_a_confidence_is_a_share_or_nothing(read, given, kept):
    """A number outside 0 to 1 has no meaning that could be guessed."""
    assert read(confidence=given).confidence == kept


@pytest.mark.parametrize(
    ("answer", "is_wrong"),
    [({"n_user_messages": 1}, False), ({}, False), ({"n_user_messages": 1.0}, False)]
    + [({"n_user_messages": wrong}, True) for wrong in (0, 2, "1", None, True, float("inf"))],
)
def test_the_canary_is_a_count_that_only_a_reader_knows(read, answer, is_wrong):
    """Who obeys the transcript instead of reading it has not counted; an answer without the key is not accused."""
    assert read(**answer).is_canary_wrong is is_wrong


def test_missing_and_empty_lists_are_empty(read):
    """Models without structured output leave out what they have nothing for."""
    parts = read(evidence=None, findings=[], label="x")
    assert (parts.evidence, parts.findings, dict(parts.dropped)) == ((), (), {})


def test_a_flood_is_cut(read):
    """A row has bounds, however much a model writes."""
    finding = {"category": "c" * 500, "severity": "low", "message": 0, "note": "n" * 5_000}
    parts = read(findings=[{**finding, "note": f"{number}{finding['note']}"} for number in range(MAX_ENTRIES + 50)])
    assert (len(parts.findings), parts.dropped["finding"]) == (MAX_ENTRIES, 50)
    assert (len(parts.findings[0].category), len(parts.findings[0].note)) == (100, 1_000)
