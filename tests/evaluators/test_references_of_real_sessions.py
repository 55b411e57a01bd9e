"""The truth of real agent sessions reaches the judge as its reference."""

import gzip
import json
from datetime import UTC, datetime

import pytest
from shared_data import DATA, needs_data

from sessioneval.errors import UnknownName
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.references import References
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.message import Message
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.escaping import unescaped

pytestmark = needs_data
AGAINST = Rubric(
    name="done",
    version="1",
    question="Done?",
    labels={"yes": 1, "no": 0},
    reference=("user_goal", "expected_actions"),
)


def transcripts(folder):
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    for line in gzip.decompress((folder / "sessions.jsonl.gz").read_bytes()).decode().rstrip("\n").split("\n"):
        entry = json.loads(line)
        session = Session(
            session_id=entry["session_id"],
            anchor_span_id="0" * 16,
            start_time=moment,
            end_time=moment,
            n_spans=1,
            n_traces=1,
        )
        messages = tuple(Message(role=m["role"], content=m["content"] or "") for m in entry["messages"])
        yield Transcript(session=session, messages=messages)


def test_the_block_holds_goal_and_actions_of_each_session():
    """Every session of tau_airline is judged against its own goal and its own expected actions, word for word."""
    folder = DATA / "tau_airline"
    truth = {row["session_id"]: row for row in map(json.loads, (folder / "labels.jsonl").read_text().splitlines())}
    judge = Judge(AGAINST, model="m", base_url="http://localhost/v1", reference=folder / "labels.jsonl")
    judge.check()
    n_checked = 0
    for transcript in transcripts(folder):
        row = truth[transcript.session_id]
        text = judge.messages(transcript)[2]["content"]
        block = text[text.index("Reference, from") : text.index("\n\nReminder")].split("\n")[2:-1]
        nonce = text.split("<<T:")[1][:16]
        goal, actions = unescaped("\n".join(block)).split(f'\n<<T:{nonce} reference "expected_actions">>\n')
        assert goal == f'<<T:{nonce} reference "user_goal">>\n{row["user_goal"].strip()}'
        assert json.loads(actions) == row["expected_actions"]
        n_checked += 1
    assert n_checked == len(truth) == 100


def test_sessions_of_a_set_without_goals_are_not_judged_against_any():
    """tau2_agents has no goals in its labels: the slip is said before the first session, not paid for on each."""
    labels = DATA / "tau2_agents" / "labels.jsonl"
    assert "user_goal" not in References.of(labels).names
    judge = Judge(AGAINST, model="m", base_url="http://localhost/v1", reference=labels)
    with pytest.raises(UnknownName, match="unknown reference 'user_goal'"):
        judge.check()
