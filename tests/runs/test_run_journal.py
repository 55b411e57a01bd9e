"""The journals of a run: every row is safe at once, and a long run publishes by and by."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest

from sessioneval.model.evaluation import Evaluation
from sessioneval.runs.run_journal import RunJournal
from sessioneval.store.journal import running
from sessioneval.store.layout import EVALUATIONS, table_files
from sessioneval.store.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def row(number):
    return Evaluation(name="a", evaluation_id=str(number), created_at=NOON, run_id="r")


def ids(store):
    return Counter(store.evaluations()["evaluation_id"].to_pylist())


@pytest.mark.parametrize("n_at_once", [1, 7])
def test_a_full_journal_is_published_while_the_run_goes_on(tmp_path, n_at_once):
    """Publishing takes the rows of one journal into memory, not those of the whole run."""
    store = Store(tmp_path)

    async def main():
        journal = RunJournal(store, "r", rows_a_journal=10)
        for start in range(0, 35, n_at_once):
            await journal.append_all([row(number) for number in range(start, start + n_at_once)])
            seen = ids(store)
            assert set(seen) == {str(number) for number in range(start + n_at_once)}, "safe once appended"
        await journal.aclose()

    asyncio.run(main())
    assert ids(store) == Counter({str(number): 1 for number in range(35)})
    assert len(table_files(store.path, EVALUATIONS)) == 4
    assert not list(store.evaluations_folder.glob(".journal-*"))


def test_the_runs_that_hold_a_journal_are_known(tmp_path):
    """That is how a running run is told from one that was killed."""
    store = Store(tmp_path)

    async def main():
        journal = RunJournal(store, "abc")
        held = running(store.evaluations_folder)
        await journal.aclose()
        return held, running(store.evaluations_folder)

    assert asyncio.run(main()) == ({"abc"}, set())
