"""Runs under a budget: they end near the cap, say what was left, and go on without asking anything twice."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from span_factory import table, turns

from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.prices import Price, Prices
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

APP = Path(__file__).parent / "apps" / "budget_judging.py"
JUDGES = ["coherence", "correctness", "frustration", "goal_completion"]
N_SESSIONS = 30
CONCURRENCY = 16
PRICES = Prices(table={"stand-in": Price(input=1_000.0, output=1_000.0)})


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    rows = [row for number in range(N_SESSIONS) for row in turns(2, session=f"s{number:02}", first=100 * number)]
    made.append_spans(table(*rows))
    return made


def judge(store, server, **options):
    options = {"concurrency": CONCURRENCY, "prices": PRICES, **options}
    return evaluate(store, JUDGES, model="stand-in", base_url=server.base_url, **options)


def statuses(store):
    rows = store.evaluations()
    return Counter(zip(rows["status"].to_pylist(), rows["reason"].to_pylist(), strict=True))


@pytest.mark.parametrize("kind", ["budget_usd", "budget_tokens"])
def test_a_run_ends_within_one_call_a_worker_of_the_cap_and_the_next_one_completes_it(store, kind):
    """At a concurrency of 16, with answers that take a while: the overrun is what was in flight."""
    with StandIn(Faults(latency_seconds=0.02)) as server:
        cost_of_one = Usage(server, store, kind)
        cap = 20 * cost_of_one.highest
        first = judge(store, server, **{kind: cap})
        spent = first.spent_usd if kind == "budget_usd" else tokens(first)
        assert first.is_over_budget
        assert cap <= spent <= cap + CONCURRENCY * cost_of_one.highest
        assert set(statuses(store)) == {("evaluated", None), ("skipped", "over_budget")}
        assert sum(statuses(store).values()) == N_SESSIONS * len(JUDGES)
        assert not judge(store, server).is_over_budget
        assert len(server.evaluations) == N_SESSIONS * len(JUDGES)
        assert set(server.evaluations.values()) == {1}


class Usage:
    """What calls cost here: measured on a store of its own, so that the cap fits."""

    def __init__(self, server, store, kind):
        other = Store(store.path.parent / "other")
        other.append_spans(table(*turns(2, session="other", first=9_000)))
        rows = judge(other, server).evaluations
        costs = [row.cost_usd if kind == "budget_usd" else total(row.usage) for row in rows]
        self.highest = max(costs)
        server.reset()


def total(usage):
    return usage.input_tokens + usage.output_tokens


def tokens(result):
    return total(result.progress.usage)


def test_a_budget_is_for_one_run(store):
    """A killed run's spending is in its rows; the run after it has a budget of its own and asks for nothing again."""
    with StandIn(Faults(latency_seconds=0.01)) as server:
        app = subprocess.run(
            [sys.executable, str(APP), str(store.path), server.base_url, "30", *JUDGES], check=False, timeout=60
        )
        assert app.returncode == -signal.SIGKILL
        killed_after = len(server.evaluations)
        assert killed_after >= 30
        resumed = judge(store, server, budget_tokens=10**9)
        assert not resumed.is_over_budget
        assert resumed.progress.reused >= 30
        assert len(server.evaluations) == N_SESSIONS * len(JUDGES)
        twice = sum(server.evaluations.values()) - len(server.evaluations)
        assert twice <= CONCURRENCY


def test_calls_in_flight_at_the_cap_are_kept(store):
    """They are paid for: each answer of the server is a row."""
    with StandIn(Faults(latency_seconds=0.05)) as server:
        judge(store, server, budget_tokens=1)
        assert statuses(store)["evaluated", None] == len(server.evaluations)
        assert 1 <= len(server.evaluations) <= CONCURRENCY
