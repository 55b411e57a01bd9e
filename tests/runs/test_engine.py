"""A run against an endpoint that misbehaves: every decision is made once, and no endpoint burns the list."""

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from span_factory import llm, table, turns, user

from sessioneval.evaluators.code import evaluator
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_prompt import RULES
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.run_list import list_runs
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

APP = Path(__file__).parent / "apps" / "judging.py"
JUDGES = ["coherence", "frustration", "correctness", "goal_completion"]
ALL_FAULTS = Faults(
    seed=3,
    too_many_requests_rate=0.1,
    retry_after_seconds=0.05,
    error_rate=0.05,
    reset_rate=0.02,
    hang_rate=0.01,
    garble_rate=0.02,
)


def store_of(path, n_sessions):
    made = Store(path / "traces")
    rows = [row for number in range(n_sessions) for row in turns(1, session=f"s{number:03}", first=10 * number)]
    made.append_spans(table(*rows))
    return made


def judges(server, *names, **options):
    return [Judge(name, model="stand-in", base_url=server.base_url, **options) for name in names]


def decided(store):
    """Return how often each pair has a row that stands: evaluated or failed."""
    rows = store.evaluations().select(["session_id", "name", "status"]).to_pylist()
    return Counter((row["session_id"], row["name"]) for row in rows if row["status"] != "skipped")


def test_faults_of_every_kind_lose_nothing_and_repeat_nothing(tmp_path):
    """429, 500, resets, hangs and garbled answers in one run: a decision for each pair, each once."""
    store = store_of(tmp_path, 60)
    with StandIn(ALL_FAULTS, answerer="first-label") as server:
        made = evaluate(store, judges(server, *JUDGES, timeout=timedelta(seconds=1)), concurrency=24)
        faults = server.stats["by_fault"]
    assert {"too_many_requests", "error", "reset", "hang", "garble"} <= set(faults)
    assert (made.progress.done, made.progress.planned) == (240, 240)
    assert decided(store) == Counter({(f"s{n:03}", name): 1 for n in range(60) for name in JUDGES})
    assert made.progress.evaluated >= 235
    assert made.given_up == ()


def test_the_first_judge_of_a_session_primes_the_cache_for_the_others(tmp_path):
    """A provider that sees the same prefix four times at once computes it four times; the rules all sessions share."""
    store = Store(tmp_path / "traces")
    texts = {f"s{number:03}": f"{number} " + "words " * 500 for number in range(8)}
    spans = [llm(9 * n + 1, [user(text)], trace=n + 1, session=name) for n, (name, text) in enumerate(texts.items())]
    store.append_spans(table(*spans))
    with StandIn(Faults(latency_seconds=0.02)) as server:
        made = evaluate(store, judges(server, *JUDGES), concurrency=32)
    rows = made.evaluations
    rules_tokens = len(RULES) // 4 + 1
    cached = Counter(row.session_id for row in rows if row.usage.cached_tokens > rules_tokens)
    assert made.progress.evaluated == 32
    assert cached == Counter({f"s{number:03}": 3 for number in range(8)})


def test_a_slow_endpoint_does_not_hold_up_the_other(tmp_path):
    """Two judges at two endpoints: the quick one is as far ahead as open sessions allow."""
    store = store_of(tmp_path, 24)
    with StandIn(Faults(latency_seconds=0.3)) as slow, StandIn() as quick:
        order = []

        def seen(progress):
            order.append(dict(progress.labels))

        both = [*judges(slow, "coherence"), *judges(quick, "frustration")]
        evaluate(store, both, concurrency=4, on_progress=seen)
    half = next(labels for labels in order if sum(labels.values()) >= 24)
    done = Counter()
    for (name, _), count in half.items():
        done[name] += count
    assert done["frustration"] >= done["coherence"] + 5


def test_a_wrong_key_ends_soon_and_every_row_says_why(tmp_path):
    """The list is not burnt: a few refusals, then rows without a call."""
    store = store_of(tmp_path, 40)
    with StandIn(api_key="the-right-key") as server:
        made = evaluate(store, judges(server, "coherence", "frustration", api_key="a-wrong-key"), concurrency=4)
    n_asked = sum("not asked" not in row.error for row in made.failures)
    assert n_asked <= 5 + 4, "five refusals, and what was in flight with them"
    assert (made.progress.failed, made.progress.done) == (80, 80)
    assert "given up" in made.given_up[0]
    assert all(row.score is None and ("401" in row.error) for row in made.failures)
    assert "a-wrong-key" not in repr(made.failures)


def test_an_endpoint_that_is_given_up_leaves_the_others_to_go_on(tmp_path):
    """Code evaluators and judges elsewhere finish their list."""
    store = store_of(tmp_path, 20)
    with StandIn() as server:
        gone = Judge("coherence", model="m", base_url="http://127.0.0.1:9/v1", max_retries=0)
        made = evaluate(store, [gone, *judges(server, "frustration"), "turn_count"], concurrency=4)
    assert (made.progress.evaluated, made.progress.failed) == (40, 20)
    assert made.progress.failures == Counter({("coherence", "JudgeUnavailable"): 20})


def test_retrying_the_failed_judges_those_alone(tmp_path):
    """The sessions that came in meanwhile are for the next full run."""
    store = store_of(tmp_path, 6)

    @evaluator
    def moody(transcript):
        """Fails where the file says so."""
        if transcript.session_id in flags:
            raise ValueError("bad day")
        return 1.0

    flags = {"s001", "s004"}
    assert evaluate(store, [moody]).progress.failed == 2
    store.append_spans(table(*turns(1, session="new", first=900)))
    flags.clear()
    again = evaluate(store, [moody], retry_failed=True).progress
    assert (again.planned, again.evaluated, again.reused, again.failed) == (2, 2, 4, 0)
    assert evaluate(store, [moody]).progress.evaluated == 1


def start(store, server, concurrency=4):
    arguments = [str(store.path), server.base_url, str(concurrency), "coherence", "frustration"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, APP, *arguments], text=True, **pipes)


class Asked:
    """Answers nothing in time, and does something at the n-th request."""

    def __init__(self, inner):
        self.inner = inner
        self.n_requests = 0
        self.at = {}

    def __call__(self, request):
        self.n_requests += 1
        if action := self.at.pop(self.n_requests, None):
            action()
        return self.inner(request)


def test_a_second_interrupt_ends_a_run_whose_server_hangs(tmp_path):
    """The first Ctrl-C waits for calls in flight; a server that never answers must not keep anybody."""
    store = store_of(tmp_path, 8)
    with StandIn(Faults(hang_rate=1.0)) as server:
        app = start(store, server)
        waited = threading.Event()
        while server.stats["by_fault"].get("hang", 0) < 4:
            waited.wait(0.02)
        os.kill(app.pid, signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            app.wait(0.5)
        os.kill(app.pid, signal.SIGINT)
        _, err = app.communicate(timeout=10)
    assert "KeyboardInterrupt" in err
    assert [run.state for run in list_runs(store)] == ["interrupted"]


def test_the_list_of_runs_tells_finished_stopped_and_killed_ones_apart(tmp_path):
    """What a person wants to know the morning after."""
    store = store_of(tmp_path, 12)
    for end in (signal.SIGKILL, signal.SIGINT):
        with StandIn(Faults(latency_seconds=0.1)) as server:
            app = start(store, server)
            waited = threading.Event()
            while server.stats["finished"] < 6:
                waited.wait(0.02)
            os.kill(app.pid, end)
            app.communicate(timeout=20)
    with StandIn() as server:
        evaluate(store, judges(server, "coherence", "frustration"))
    runs = list_runs(store)
    assert [run.state for run in runs] == ["interrupted", "stopped", "finished"]
    assert sum(run.n_evaluated for run in runs) == 24
    assert runs[2].n_reused == runs[0].n_evaluated + runs[1].n_evaluated
    assert all(run.usage.calls == run.n_evaluated for run in runs)
