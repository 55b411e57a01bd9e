"""Records of runs: whole or not there, and nonsense in one file harms no other."""

from datetime import UTC, datetime

import pytest

from sessioneval.store.run_records import RunRecord, read_records, write_record

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def record(run_id="a1", **fields):
    return RunRecord(**{"run_id": run_id, "state": "running", "started_at": NOON} | fields)


def test_a_record_is_replaced_and_comes_back_as_it_was(tmp_path):
    """One file a run, whose end is written over its beginning."""
    ended = record(state="finished", ended_at=NOON, evaluators=("a", "b"), models=("m",), n_sessions=3, n_planned=6)
    write_record(tmp_path / "evaluations", record())
    write_record(tmp_path / "evaluations", ended)
    assert read_records(tmp_path / "evaluations") == [ended]


def test_records_come_in_order_of_their_start(tmp_path):
    """The list of runs is a history."""
    late, early = record("a"), record("b", started_at=NOON.replace(hour=1))
    for each in (late, early):
        write_record(tmp_path, each)
    assert [each.run_id for each in read_records(tmp_path)] == ["b", "a"]


@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", "{}", '{"run_id": "../x", "state": "running"}', '{"run_id": "a", "state": "odd"}', "[" * 9_999],
)
def test_a_file_that_is_no_record_is_passed_over(tmp_path, text, caplog):
    """Somebody's editor, a half copy: the other runs are still listed."""
    write_record(tmp_path, record("good"))
    (tmp_path / ".run-bad.json").write_text(text)
    assert [each.run_id for each in read_records(tmp_path)] == ["good"]
    assert ".run-bad.json" in caplog.text
