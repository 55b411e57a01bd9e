"""Answers to the engine's own prompts: in the shape of its schema, and nothing in them is dropped when they are checked."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.answer_parts import read_parts
from sessioneval.evaluators.answer_schema import ANSWER_SCHEMA, RESPONSE_FORMAT
from sessioneval.evaluators.judge_prompt import prompt
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_parts import ChecklistItem
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.testing.chat_request import parse_request
from sessioneval.testing.oracle import NoisyOracle, Truth
from sessioneval.testing.rules import answer as by_rules
from sessioneval.testing.verdict import first_label

MOMENT = datetime(2026, 11, 20, tzinfo=UTC)
SESSION = Session(session_id="s", anchor_span_id="a", start_time=MOMENT, end_time=MOMENT, n_spans=1, n_traces=1)
CHECKLIST = (
    ChecklistItem(id="is_escalated", question="Handed over?", answers=("yes", "no")),
    ChecklistItem(id="why", question="Why?"),
    ChecklistItem(id="intents", question="Which?", is_open=True),
)
RUBRIC = Rubric(
    name="coherence", version="1", question="How?", labels={"coherent": 1.0, "incoherent": 0.0}, checklist=CHECKLIST
)
TEXTS = st.text() | st.text("<>T:\\0a begindusr\nEvaluator:", max_size=60)
ORACLE = NoisyOracle({"Where is my order A-17?": Truth(labels={"coherence": "incoherent"})})


def transcript(*messages):
    return Transcript(session=SESSION, messages=messages)


def answered(answerer, session):
    body = {"model": "m", "messages": prompt(RUBRIC, session), "response_format": RESPONSE_FORMAT}
    return json.loads(answerer(parse_request(body)).text)


def parts_of(answer, session):
    users = sum(message.role == "user" for message in session.messages)
    return read_parts(answer, CHECKLIST, session, users)


@pytest.mark.parametrize("answerer", [by_rules, first_label, ORACLE])
def test_every_answerer_gives_what_the_schema_asks_for(answerer):
    """Every field, in the schema's order; quotes hold, the canary is right, the checklist is answered."""
    call = ToolCall(id="1", name="get_order", arguments={"id": "A-17"})
    session = transcript(
        Message(role="user", content="Where is my order A-17?"),
        Message(role="assistant", content="", tool_calls=(call,)),
        Message(role="tool", content="shipped on Monday", name="get_order"),
        Message(role="assistant", content="It was shipped on Monday."),
        Message(role="user", content="Thanks."),
    )
    answer = answered(answerer, session)
    assert list(answer) == list(ANSWER_SCHEMA["properties"])
    parts = parts_of(answer, session)
    assert not parts.dropped
    assert not parts.is_canary_wrong
    assert parts.fields == {"is_escalated": "yes", "why": "none", "intents": []}
    assert answer["label"] == ("incoherent" if answerer is ORACLE else "coherent")
    assert bool(parts.evidence) == (answerer is not first_label)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "system"]), TEXTS), max_size=6))
def test_whatever_was_said_the_answer_holds(said):
    """Quotes of hostile text are still letter by letter, and its words are never counted as messages."""
    session = transcript(*(Message(role=role, content=text) for role, text in said))
    for answerer in (by_rules, first_label):
        parts = parts_of(answered(answerer, session), session)
        assert not parts.dropped
        assert not parts.is_canary_wrong
