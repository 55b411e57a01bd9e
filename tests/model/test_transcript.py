"""A transcript's digest decides whether a judge is paid again; its dict is a contract."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from span_factory import eventful_session, transcript

from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import LossReport, Transcript

MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SESSION = Session(session_id="s", anchor_span_id="a", start_time=MOMENT, end_time=MOMENT, n_spans=1, n_traces=1)
CALL = ToolCall(id="c1", name="f", arguments={"a": 1, "b": 2})
SAID = (
    Message(role="user", content="hi", span_id="1" * 16),
    Message(role="assistant", content="", tool_calls=(CALL,), agent="boss"),
    Message(role="tool", content="42", tool_call_id="c1", name="f"),
)


def digest(*messages):
    return Transcript(session=SESSION, messages=messages).digest


@pytest.mark.parametrize(
    "change",
    [
        {"span_id": "2" * 16},
        {"turn": 5},
        {"tool_call_id": "c9"},
        {"tool_calls": (replace(CALL, id="other"),)},
        {"tool_calls": (replace(CALL, arguments={"b": 2, "a": 1}),)},
    ],
    ids=str,
)
def test_digest_does_not_depend_on_ids(change):
    """The same conversation recorded again reads the same to a judge."""
    for position, message in enumerate(SAID):
        if "tool_calls" in change and not message.tool_calls:
            continue
        changed = [*SAID[:position], replace(message, **change), *SAID[position + 1 :]]
        assert digest(*changed) == digest(*SAID)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "system"},
        {"content": "other"},
        {"name": "g"},
        {"agent": "sub"},
        {"is_error": True},
        {"tool_calls": (replace(CALL, name="g"),)},
        {"tool_calls": (replace(CALL, arguments={"a": 1}),)},
        {"tool_calls": (CALL, CALL)},
    ],
    ids=str,
)
def test_digest_depends_on_everything_a_judge_reads(change):
    """An evaluation must never be reused for another conversation."""
    for position, message in enumerate(SAID):
        changed = [*SAID[:position], replace(message, **change), *SAID[position + 1 :]]
        assert digest(*changed) != digest(*SAID)


def test_digest_depends_on_order():
    """Who spoke first matters."""
    assert digest(*SAID) != digest(*reversed(SAID)) != digest()


def test_counts():
    """Turns are user messages; calls are those of all messages."""
    made = Transcript(session=SESSION, messages=SAID)
    assert (made.n_turns, made.tool_calls, made.session_id) == (1, (CALL,), "s")


def test_dict_is_the_documented_line():
    """`sessioneval transcripts` writes exactly these keys, and they are JSON."""
    line = transcript(*eventful_session()).to_dict()
    assert list(line) == [
        "session_id",
        "anchor_span_id",
        "start_time",
        "end_time",
        "n_traces",
        "n_spans",
        "messages",
        "loss",
    ]
    assert (line["start_time"], line["n_spans"]) == ("2026-11-20T12:00:00Z", 18)
    assert json.loads(json.dumps(line)) == line
    assert set(line["loss"]) == set(LossReport().to_dict())
