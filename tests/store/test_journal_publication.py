"""From a journal to Parquet: the quick way gives what the careful one gives, and a torn line costs only itself."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessioneval.model.evaluation import Evaluation, Evidence, Finding, Usage
from sessioneval.store.journal import Journal
from sessioneval.store.journal_publication import publish_journal
from sessioneval.store.store import Store

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
EVALUATIONS = st.builds(
    Evaluation,
    name=st.just("a"),
    label=st.none() | TEXT,
    score=st.none() | st.floats(allow_nan=False),
    explanation=st.none() | TEXT,
    session_id=TEXT,
    evidence=st.lists(st.builds(Evidence, message_index=st.integers(0, 9), quote=TEXT), max_size=2).map(tuple),
    findings=st.lists(
        st.builds(Finding, category=TEXT, severity=st.just("high"), message_index=st.none() | st.integers(0, 9)),
        max_size=2,
    ).map(tuple),
    fields=st.dictionaries(TEXT, st.integers() | TEXT, max_size=2),
    usage=st.builds(Usage, calls=st.integers(0, 2**40)),
    judged_until=st.none() | st.just(NOON),
    created_at=st.sampled_from([NOON, NOON + timedelta(days=1)]),
)


def journal_of(folder, evaluations):
    async def main():
        async with Journal.open(folder, "run-1") as journal:
            await asyncio.gather(*map(journal.append, evaluations))
        return journal.path

    return asyncio.run(main())


def numbered(evaluations):
    return [
        Evaluation(**{**vars(each), "evaluation_id": str(number), "run_id": "run"})
        for number, each in enumerate(evaluations)
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVALUATIONS, max_size=5))
def test_the_rows_are_those_that_the_store_would_write(tmp_path_factory, made):
    """Two ways to the same Parquet must not differ in a value or a type."""
    evaluations = numbered(made)
    quick, careful = (Store(tmp_path_factory.mktemp("store")) for _ in range(2))
    publish_journal(journal_of(quick.evaluations_folder, evaluations))
    careful.append_evaluations(evaluations)
    assert quick.evaluations().equals(careful.evaluations())
    assert not list(quick.evaluations_folder.glob(".journal-*"))


def test_a_torn_line_costs_only_itself(tmp_path):
    """A process was killed while it wrote; what was whole is published."""
    store = Store(tmp_path)
    path = journal_of(store.evaluations_folder, numbered([Evaluation(name="a", created_at=NOON)] * 3))
    path.write_bytes(path.read_bytes()[:-20])
    publish_journal(path)
    assert store.evaluations()["evaluation_id"].to_pylist() == ["0", "1"]


def test_a_journal_of_an_older_version_is_read_with_care(tmp_path):
    """A column that it did not know has its default."""
    store = Store(tmp_path)
    path = journal_of(store.evaluations_folder, numbered([Evaluation(name="a", created_at=NOON)]))
    path.write_bytes(path.read_bytes().replace(b'"confidence": null, ', b""))
    publish_journal(path)
    assert store.evaluations()["confidence"].to_pylist() == [None]
