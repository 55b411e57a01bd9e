"""An evaluator that a team has in phoenix.evals runs over sessions without being rewritten."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from phoenix.evals import create_evaluator
from span_factory import table, turns

from sessioneval.errors import InputError
from sessioneval.evaluators.adapters.phoenix import from_phoenix
from sessioneval.evaluators.base import Evaluator
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

APP = Path(__file__).parent / "apps" / "phoenix_app.py"
TEMPLATE = "Was the assistant polite in this conversation?\n\n{conversation}"
CHOICES = {"polite": 1.0, "rude": 0.0}


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    made.append_spans(table(*turns(2, session="s1")))
    return made


def judged(store, server, template=TEMPLATE):
    """Evaluate with a classifier of theirs and return the newest row."""
    subprocess.run([sys.executable, str(APP), str(store.path), server.base_url, template], check=True, timeout=120)
    return store.evaluations().to_pylist()[-1]


def test_its_label_and_score_become_the_evaluation(store):
    """The verdict is theirs, the row is ours; the same settings in another process are the same evaluator."""
    with StandIn() as server:
        row = judged(store, server)
        assert judged(store, server) == row
        other = judged(store, server, "Polite? {conversation}")
    assert (row["name"], row["status"], row["annotator_kind"], row["model"]) == (
        "polite",
        "evaluated",
        "LLM",
        "judge-1",
    )
    assert row["score"] == CHOICES[row["label"]]
    assert other["identifier"] != row["identifier"]


def test_a_server_that_fails_is_a_failed_row(store):
    """Their exceptions must not end the run."""
    with StandIn(Faults(garble_rate=1.0)) as broken:
        row = judged(store, broken)
    assert row["status"] == "failed"
    assert row["label"] is None
    assert row["reason"]


def test_code_evaluators_of_theirs_run_too(transcript):
    """`create_evaluator` makes one of a function; its variables are filled from the transcript."""

    @create_evaluator(name="answer length", kind="code")
    def answer_length(output: str, conversation: str) -> float:
        return len(output) / len(conversation)

    judge = from_phoenix(answer_length)
    evaluation = asyncio.run(judge.evaluate(transcript))
    assert isinstance(judge, Evaluator)
    assert evaluation.name == "answer_length"
    assert 0 < evaluation.score < 1
    assert evaluation.transcript_digest == transcript.digest


def test_own_fields_reach_the_template(transcript):
    """A template of theirs may name what ours does not."""

    @create_evaluator(name="count", kind="code")
    def count(n_messages: int) -> float:
        return float(n_messages)

    judge = from_phoenix(count, name="how_many", fields=lambda read: {"n_messages": len(read.messages)})
    evaluation = asyncio.run(judge.evaluate(transcript))
    assert (evaluation.name, evaluation.score) == ("how_many", len(transcript.messages))


def test_what_is_no_evaluator_is_refused():
    """A class instead of an instance, or an evaluator of another library."""
    with pytest.raises(InputError, match="no phoenix"):
        from_phoenix(object())
