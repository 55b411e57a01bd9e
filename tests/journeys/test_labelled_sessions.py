"""Real sessions end to end: imported, assembled as they were, judged once by every judge, shown on their anchors."""

import gzip
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from shared_data import DATA, needs_data

from sessioneval.analysis.frames import evaluations_df, spans_df
from sessioneval.model import columns as c
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.importing import import_files
from sessioneval.store.store import Store
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.server import StandIn

pytestmark = needs_data

SETS = ("tau_airline", "tau2_agents", "mint_cohorts", "intercode_bash", "dices_safety")
JUDGES = ("coherence", "goal_completion", "frustration", "correctness")
APP = Path(__file__).parents[1] / "runs" / "apps" / "judging.py"
CONCURRENCY = 16
COMPARED = ("role", "content", "turn", "span_id", "tool_calls", "tool_call_id")


def traces(name):
    return DATA / name / "traces.otlp.jsonl.gz"


def truth(name):
    """Return session id to messages as the data set has them."""
    with gzip.open(DATA / name / "sessions.jsonl.gz", "rt", encoding="utf-8") as lines:
        return {session["session_id"]: session["messages"] for session in map(json.loads, lines)}


def comparable(message):
    """Return what must be equal; the truth writes arguments as JSON text."""
    calls = [
        {**call, "arguments": json.loads(call["arguments"])} if isinstance(call["arguments"], str) else call
        for call in message.get("tool_calls") or ()
    ]
    return {**{key: message.get(key) for key in COMPARED}, "tool_calls": calls}


@pytest.mark.parametrize("name", SETS)
def test_imported_sessions_equal_the_labelled_ones_message_by_message(tmp_path, name):
    """Bar B3: role, content, turn, calls, results and span ids of every message."""
    store = Store(tmp_path)
    report = import_files([traces(name)], store)
    assert (report.n_rejected, report.duplicate, report.failed_files) == (0, 0, {})
    made = {each.session_id: each.to_dict()["messages"] for each in read_transcripts(list_sessions(store))}
    expected = truth(name)
    assert set(made) == set(expected)
    different = {
        session_id
        for session_id, messages in expected.items()
        if [comparable(one) for one in made[session_id]] != [comparable(one) for one in messages]
    }
    assert different == set()


def test_group_chats_hold_every_step_with_its_speaker(tmp_path):
    """Runs of several agents: what one says, the others are sent as a user's message; each step is said once."""
    store = Store(tmp_path)
    import_files([traces("whowhen_failures")], store)
    made = {
        each.session_id: [
            (message.role, message.content.strip(), message.agent or message.name)
            for message in each.messages
            if message.role != "system"
        ]
        for each in read_transcripts(list_sessions(store))
    }
    expected = {
        session_id: [(step["role"], step["content"].strip(), step["name"]) for step in steps]
        for session_id, steps in truth("whowhen_failures").items()
    }
    # The human's line carries the span that received it and no speaker's name.
    named = {
        session_id: [(role, text, "human" if role == "user" else name) for role, text, name in steps]
        for session_id, steps in made.items()
    }
    assert named == expected


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All five sets in one store: 939 sessions."""
    made = Store(tmp_path_factory.mktemp("labelled"))
    import_files([traces(name) for name in SETS], made)
    return made


class KillAt:
    """The stand-in's rules; kills the app when given numbers of requests have come."""

    def __init__(self, *requests):
        self.left = sorted(requests, reverse=True)
        self.n_requests = 0
        self.app = None

    def __call__(self, request):
        self.n_requests += 1
        if self.left and self.n_requests >= self.left[-1]:
            self.left.pop()
            self.app.kill()
        return answer_by_rules(request)


def run(store, server):
    arguments = [str(store.path), server.base_url, str(CONCURRENCY), *JUDGES]
    return subprocess.Popen(
        [sys.executable, APP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_every_session_is_judged_once_by_every_judge_whatever_is_killed(store):
    """Bar B4: 3,756 evaluations, each on its anchor span; killed twice, nothing finished is paid for again."""
    killer = KillAt(700, 2_000)
    with StandIn(answerer=killer) as server:
        for _ in range(2):
            killer.app = run(store, server)
            killer.app.communicate()
            assert killer.app.returncode == -signal.SIGKILL
        last = run(store, server)
        out, err = last.communicate()
        assert last.returncode == 0, err
        assert sum(map(int, out.split())) == 939 * 4
        # Prompts differ between processes by their nonce, so repeated work shows in the total: what was in flight.
        assert server.stats["requests"] <= 939 * 4 + 2 * CONCURRENCY
        server.reset()
        again = evaluate(store, JUDGES, model="stand-in", base_url=server.base_url).progress
        assert (server.stats["requests"], again.reused) == (0, 939 * 4)
    rows = evaluations_df(store, history=True)
    assert len(rows) == 939 * 4
    assert (rows["status"] == "evaluated").all()
    assert not rows.duplicated(["session_id", "name"]).any()
    _check_anchor_rows(spans_df(store), list_sessions(store))


def _check_anchor_rows(frame, listing):
    anchors = {stored.session.anchor_span_id for stored in listing.sessions}
    is_anchor = frame[c.SPAN_ID].isin(anchors)
    assert is_anchor.sum() == len(anchors) == 939
    for judge in JUDGES:
        for field in ("label", "score", "explanation"):
            filled = frame[f"session_eval.{judge}.{field}"].notna()
            assert (filled == is_anchor).all()
