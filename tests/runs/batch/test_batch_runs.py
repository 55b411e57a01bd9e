"""A whole run through the Batch API: complete, restartable, and nothing is paid for twice."""

import signal
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from openai import OpenAI
from span_factory import table, turns

from sessioneval.errors import InputError
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.panel import Panel
from sessioneval.runs.batch.ledger import FOLDER
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.batch.request_files import FileLimits
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.prices import Price, Prices
from sessioneval.runs.stopping import Stop
from sessioneval.store.store import Store
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

APP = Path(__file__).parents[1] / "apps" / "batch_judging.py"
JUDGES = ["coherence", "frustration"]
N_SESSIONS = 12
AT_ONCE = BatchMode(poll=timedelta(0))


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    for number in range(N_SESSIONS):
        made.append_spans(table(*turns(2, session=f"s{number:02}", first=100 * number)))
    return made


def judge(store, server, evaluators=JUDGES, batch=AT_ONCE, **options):
    return evaluate(store, evaluators, model="stand-in", base_url=server.base_url, batch=batch, **options)


def evaluated(store):
    """Return how often each (session, evaluator) was evaluated."""
    return Counter(
        (row["session_id"], row["name"]) for row in store.evaluations().to_pylist() if row["status"] == "evaluated"
    )


def n_requests(server):
    """Return how many requests all batches of the server held that were answered."""
    with OpenAI(base_url=server.base_url, api_key="none") as client:
        return sum(batch.request_counts.completed for batch in client.batches.list())


EVERY_PAIR_ONCE = Counter((f"s{number:02}", name) for number in range(N_SESSIONS) for name in JUDGES)


def test_a_run_judges_everything_once(store):
    """The same rows as a live run, from two rounds and one batch."""
    with StandIn() as server:
        made = judge(store, server)
        assert (made.progress.evaluated, made.progress.done, made.progress.failed) == (24, 24, 0)
        assert evaluated(store) == EVERY_PAIR_ONCE
        assert n_requests(server) == 24
        assert judge(store, server).progress.reused == 24
        assert n_requests(server) == 24
    assert [path.name for path in (store.evaluations_folder / FOLDER).iterdir()] == [".lock"]


def test_rows_of_a_batch_cost_half(store):
    """Also where the prices were made for standard calls."""
    prices = Prices(table={"stand-in": Price(input=1_000.0, output=1_000.0)})
    with StandIn() as server:
        made = judge(store, server, prices=prices)
    row = made.evaluations[0]
    assert row.cost_usd == pytest.approx((row.usage.input_tokens + row.usage.output_tokens) * 0.001 / 2)


def test_expired_and_partly_failed_batches_are_completed(store):
    """One batch expires after five answers, another loses two: what is missing is asked again."""
    script = BatchScript(expires={1: 5}, fails={2: 2})
    with StandIn(batches=script) as server:
        made = judge(store, server)
        assert made.progress.evaluated == 24
        assert n_requests(server) == 24
    assert evaluated(store) == EVERY_PAIR_ONCE


def test_an_unusable_answer_is_repaired_in_another_batch(store):
    """The repair is a call of its own: it goes into the next round, and a failure after it is a failed row."""
    with StandIn(Faults(garble_rate=1.0)) as server:
        made = judge(store, server, ["coherence"])
        assert made.progress.failed == N_SESSIONS
        assert {failure.reason for failure in made.failures} == {"JudgeAnswerError"}
        assert {failure.usage.calls for failure in made.failures} == {2}
        assert n_requests(server) == 2 * N_SESSIONS


def test_a_panel_votes_in_batches(store):
    """First votes in one round, the others in the next; each vote is a row."""
    with StandIn() as server:
        judges = [Judge("coherence", model=model, base_url=server.base_url) for model in ("a", "b")]
        made = evaluate(store, [Panel(judges)], batch=AT_ONCE)
        assert made.progress.evaluated == N_SESSIONS
        assert n_requests(server) == 2 * N_SESSIONS
    rows = store.evaluations().to_pylist()
    assert sum(row["vote_of"] is not None for row in rows) == 2 * N_SESSIONS


def test_a_stopped_run_leaves_its_batches_with_the_provider(store):
    """A batch may take a day: nobody keeps a terminal open for it."""
    stop = Stop()
    with StandIn(batches=BatchScript(polls=3)) as server:
        waiting = BatchMode(poll=timedelta(minutes=5), on_progress=lambda _: stop.request())
        made = judge(store, server, batch=waiting, stop=stop)
        assert made.is_stopped
        assert made.progress.done == 0
        assert judge(store, server).progress.evaluated == 24
        assert n_requests(server) == 24


def test_a_run_killed_at_any_step_goes_on(store):
    """Kill -9 after each of the provider's answers in turn: complete, and no request is paid for twice."""
    with StandIn(batches=BatchScript(polls=6)) as server:
        for n_looks in (1, 2):
            app = subprocess.run(
                [sys.executable, str(APP), str(store.path), server.base_url, str(n_looks), *JUDGES],
                check=False,
                timeout=60,
            )
            assert app.returncode == -signal.SIGKILL
        assert judge(store, server).progress.evaluated == 24
        assert n_requests(server) == 24
    assert evaluated(store) == EVERY_PAIR_ONCE


def test_small_files_make_many_batches(store):
    """The limits of the provider, scaled down."""
    with StandIn() as server:
        judge(store, server, batch=BatchMode(poll=timedelta(0), limits=FileLimits(n_requests=5)))
        with OpenAI(base_url=server.base_url, api_key="none") as client:
            assert len(list(client.batches.list())) == 5
    assert evaluated(store) == EVERY_PAIR_ONCE


@pytest.mark.parametrize("option", [{"budget_tokens": 10}, {"service_tier": "flex"}])
def test_what_does_not_go_with_a_batch_is_refused(store, option):
    """Before anything is written."""
    with pytest.raises(InputError, match="batch"):
        evaluate(store, JUDGES, model="m", base_url="http://localhost:1/v1", batch=AT_ONCE, **option)
    assert not store.evaluations_folder.exists()
