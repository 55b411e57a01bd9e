"""The list of runs: every run, also one that died or wrote no row, with what it did and cost."""

from datetime import UTC, datetime, timedelta

import pytest

from sessioneval.model.evaluation import Evaluation, Usage
from sessioneval.runs.run_list import list_runs
from sessioneval.store.journal import Journal
from sessioneval.store.run_records import RunRecord, write_record
from sessioneval.store.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def rows(store, run_id, *statuses, **fields):
    usage = Usage(calls=1, input_tokens=100, output_tokens=10)
    made = [
        Evaluation(
            **{
                "name": "a",
                "model": "m",
                "status": status,
                "run_id": run_id,
                "evaluation_id": f"{run_id}-{number}-{fields}",
                "usage": usage,
                "created_at": NOON + timedelta(minutes=number),
            }
            | fields
        )
        for number, status in enumerate(statuses)
    ]
    store.append_evaluations(made)


def test_a_run_is_its_record_and_the_sums_of_its_rows(store):
    """Counts by status, calls, tokens, money."""
    record = RunRecord(
        run_id="r", state="finished", started_at=NOON, ended_at=NOON, evaluators=("a",), n_sessions=2, n_reused=5
    )
    write_record(store.evaluations_folder, record)
    rows(store, "r", "evaluated", "failed", "skipped", cost_usd=0.5)
    (run,) = list_runs(store)
    assert (run.state, run.started_at, run.evaluators, run.n_reused) == ("finished", NOON, ("a",), 5)
    assert (run.n_evaluated, run.n_failed, run.n_skipped) == (1, 1, 1)
    assert (run.usage, run.cost_usd) == (Usage(calls=3, input_tokens=300, output_tokens=30), 1.5)


def test_votes_cost_but_are_no_verdicts(store):
    """A panel of three is one decision and three bills."""
    rows(store, "r", "evaluated", "evaluated", vote_of="panel")
    rows(store, "r", "evaluated")
    (run,) = list_runs(store)
    assert (run.n_evaluated, run.usage.calls, run.cost_usd) == (1, 3, None)


def test_a_run_whose_process_died_is_interrupted_and_one_that_lives_is_running(store):
    """The lock of the journal tells them apart."""
    for run_id in ("dead", "alive"):
        write_record(store.evaluations_folder, RunRecord(run_id=run_id, state="running", started_at=NOON))
    rows(store, "dead", "evaluated", "evaluated")
    journal = Journal.open(store.evaluations_folder, "alive-1")
    states = {run.run_id: (run.state, run.ended_at) for run in list_runs(store)}
    assert states == {"dead": ("interrupted", NOON + timedelta(minutes=1)), "alive": ("running", None)}
    assert journal.path.exists()


def test_rows_without_a_record_are_a_run_too(store):
    """Stores of earlier versions."""
    rows(store, "old", "evaluated")
    (run,) = list_runs(store)
    assert (run.state, run.started_at, run.evaluators, run.models) == ("finished", NOON, ("a",), ("m",))


def test_a_store_without_evaluations_has_no_runs(store):
    """Nothing was judged yet."""
    assert list_runs(store) == []
