"""The store as a set of spans and a history of evaluations, in files that any tool opens."""

import logging
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from span_factory import NOON_NS, message, span, table, turns

from sessioneval.errors import StoreError
from sessioneval.model import columns as c
from sessioneval.model.evaluation import Evaluation, Usage
from sessioneval.model.evaluation_row import from_row, row_to_json_line, to_row
from sessioneval.model.schemas import SPANS
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.store.store import Store

APPS = Path(__file__).parent / "apps"
HOSTILE_IDS = [
    "../../x",
    "a\u0000b",
    "x" * 5_000,
    "🦜\u200d🏫",
    "\u202ereversed",
    "a/b\\c",
    " ",
    "date=2026-11-20",
    "%2e%2e",
]


def evaluation(**fields):
    return Evaluation(**{"name": "coherence", "session_id": "s", "evaluation_id": "1"} | fields)


def test_rows_are_partitioned_by_the_utc_date_of_their_start(tmp_path):
    """Dates are the only partitions: readers that filter by day open few files."""
    paths = Store(tmp_path).append_spans(table(span(1), span(2, at=11.9 * 3600), span(3, at=12.1 * 3600)))
    assert [path.parent.name for path in paths] == ["date=2026-11-20", "date=2026-11-21"]
    assert [pq.read_metadata(path).num_rows for path in paths] == [2, 1]


@pytest.mark.parametrize("session_id", HOSTILE_IDS, ids=lambda text: ascii(text)[:12])
def test_session_ids_never_become_paths(tmp_path, session_id):
    """A session id is whatever a stranger sent; it must not name a file, nor be changed."""
    store = Store(tmp_path / "store")
    store.append_spans(table(*turns(1, session=session_id)))
    store.append_evaluations([evaluation(session_id=session_id)])
    assert [item.name for item in tmp_path.iterdir()] == ["store"]
    names = {part for path in tmp_path.rglob("*") for part in path.parts}
    assert session_id not in names - {"date=2026-11-20"}
    assert [found.session.session_id for found in list_sessions(store).sessions] == [session_id]
    assert store.evaluations().column("session_id").to_pylist() == [session_id]


def test_span_without_a_start_time_is_kept_somewhere(tmp_path):
    """The schema allows it, so a file by another tool may have it; one such row must not lose the batch."""
    unknown = span(1)
    unknown[c.START_TIME] = None
    store = Store(tmp_path)
    store.append_spans(table(unknown, span(2)))
    assert store.span_index().table.num_rows == 2


def test_empty_table_makes_no_file(tmp_path):
    """An exporter that flushes nothing must not litter."""
    assert Store(tmp_path).append_spans(SPANS.empty_table()) == []
    assert list(tmp_path.rglob("*.parquet")) == []


@settings(max_examples=30)
@given(order=st.permutations(range(4)), again=st.lists(st.integers(0, 3), max_size=4))
def test_deliveries_are_a_set(tmp_path_factory, order, again):
    """Delivery is at least once and in any order; the newest end of a span counts."""
    store = Store(tmp_path_factory.mktemp("store"))
    deliveries = [span(1, seconds=1, NAME="open"), span(1, seconds=9, NAME="ended"), span(2), span(3)]
    for number in [*order, *again]:
        store.append_spans(table(deliveries[number]))
    rows = store.load_spans(store.span_index(), [c.NAME]).to_pylist()
    assert sorted((row[c.SPAN_ID][-1], row[c.NAME]) for row in rows) == [("1", "ended"), ("2", "chain"), ("3", "chain")]


def test_damaged_pages_cost_only_their_own_rows(tmp_path, caplog):
    """A good footer over damaged pages is met only when messages are read; other sessions must still be read."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(2, session="good")))
    text = [message("user", f"{n} " * 5_000) for n in range(50)]
    (path,) = store.append_spans(table(span(100, trace=9, kind="LLM", session="bad", INPUT_MESSAGES=text)))
    column = pq.ParquetFile(path).metadata.row_group(0)
    chunk = next(
        column.column(n)
        for n in range(column.num_columns)
        if column.column(n).path_in_schema.endswith("input_messages.list.element.message.content")
    )
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset
    content[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        n_messages = {made.session_id: len(made.messages) for made in read_transcripts(list_sessions(store))}
    assert n_messages == {"good": 5, "bad": 0}
    assert str(path) in caplog.text


def test_pandas_opens_the_directory_unaided(tmp_path):
    """The files are the product: no tool may need ours to read them."""
    Store(tmp_path).append_spans(table(*turns(2)))
    frame = pd.read_parquet(tmp_path / "spans")
    assert len(frame) == 4
    assert set(SPANS.names) <= set(frame.columns)
    assert frame[c.START_TIME].dt.tz is not None
    (answer,) = frame.loc[frame[c.SPAN_ID].str.endswith("2"), c.OUTPUT_MESSAGES].iloc[0]
    assert answer[c.MESSAGE_CONTENT] == "answer 0"


def test_duckdb_opens_the_directory_unaided(tmp_path):
    """Files of two versions with different columns are one table to DuckDB, by date and by nested message."""
    store = Store(tmp_path)
    store.append_spans(table(*turns(2)))
    store.append_spans(table(*turns(1, session="newer", first=50)).append_column("of.the.future", pa.array([1, 2])))
    source = f"read_parquet('{tmp_path}/spans/**/*.parquet', union_by_name=true, hive_partitioning=true)"
    rows = duckdb.sql(
        f"""select date::varchar, "attributes.session.id", count(*), count("of.the.future")
        from {source} group by all order by 2"""
    ).fetchall()
    assert rows == [("2026-11-20", "newer", 2, 2), ("2026-11-20", "s", 4, 0)]
    said = duckdb.sql(
        f"""select distinct m."message.content" from (select unnest("{c.OUTPUT_MESSAGES}") m from {source}) order by 1"""
    ).fetchall()
    assert said == [("answer 0",), ("answer 1",)]


def test_evaluations_come_back_as_they_were(tmp_path):
    """Every field is somebody's evidence: scores are null or a number, texts are whole, times are UTC."""
    moment = datetime(2026, 11, 20, 23, 59, 59, 123456, tzinfo=UTC)
    made = [
        evaluation(
            evaluation_id=str(number),
            label=None if number else "coherent",
            score=None if number else 1.0,
            explanation="because\n\u202e'\"" * (1 - number),
            status="failed" if number else "evaluated",
            reason="JudgeUnavailable" if number else None,
            judged_until=moment,
            created_at=moment,
            spans_digest=f"{number:016x}",
            usage=Usage(calls=2, input_tokens=10, cached_tokens=4, output_tokens=1),
            metadata={"model": "é", "n": [1]},
        )
        for number in range(2)
    ]
    store = Store(tmp_path)
    store.append_evaluations(made)
    store.append_evaluations(made)
    assert [from_row(row) for row in store.evaluations().to_pylist()] == made


def test_evaluations_lie_on_the_day_they_were_made(tmp_path):
    """Oldest first is what "the newest counts" rests on, across files and days."""
    store = Store(tmp_path)
    days = [datetime(2026, 11, day, tzinfo=UTC) for day in (21, 20)]
    paths = store.append_evaluations(evaluation(evaluation_id=str(day.day), created_at=day) for day in days)
    assert [path.parent.name for path in paths] == ["date=2026-11-20", "date=2026-11-21"]
    assert store.evaluations().column("evaluation_id").to_pylist() == ["20", "21"]


def test_kill_at_any_step_of_publishing_a_journal_loses_and_doubles_nothing(tmp_path):
    """A crashed run's evaluations are published by the next one, which may crash as well."""
    store = Store(tmp_path / "store")
    store.append_spans(table(*turns(1)))
    made = [
        evaluation(evaluation_id=str(n), session_id=f"s{n}", created_at=datetime(2026, 11, 20 + n % 2, tzinfo=UTC))
        for n in range(10)
    ]
    store.evaluations_folder.mkdir()
    lines = b"".join(row_to_json_line(to_row(each)) for each in made)
    (store.evaluations_folder / ".journal-crashed.jsonl").write_bytes(lines + b'{"torn')
    (tmp_path / "copies").mkdir()
    run = subprocess.run(
        [sys.executable, APPS / "killed_midway.py", "publish", store.path, tmp_path / "copies"],
        capture_output=True,
        text=True,
        check=True,
    )
    # Two days of two syncs and a rename each, new directories, and the removal.
    assert int(run.stdout) >= 7
    for copy in [store.path, *(tmp_path / "copies").iterdir()]:
        read = [from_row(row) for row in Store(copy).evaluations().to_pylist()]
        assert sorted(read, key=lambda each: each.session_id) == made, copy.name


@pytest.mark.parametrize("make", ["nothing", "file", "empty directory"])
def test_what_is_no_store_is_named(tmp_path, make):
    """A wrong path is the commonest mistake; an empty table would hide it."""
    path = tmp_path / "traces"
    if make == "file":
        path.write_text("")
    elif make == "empty directory":
        path.mkdir()
    with pytest.raises(StoreError, match=r"no store at .*traces.*Give the directory"):
        Store.existing(path)


def test_store_pickles(tmp_path):
    """Workers of a process pool are handed the store."""
    store = Store(tmp_path)
    assert pickle.loads(pickle.dumps(store)).path == store.path
    assert Store(store).path == tmp_path
    assert repr(store) == f"Store({str(tmp_path)!r})"


def test_rows_far_from_the_epoch_find_a_partition(tmp_path):
    """Clocks are wrong at times: 1970 and 2262 are dates too."""
    early, late = span(1), span(2)
    early[c.START_TIME], late[c.START_TIME] = 1, 2**63 - 1
    late[c.END_TIME] = late[c.START_TIME]
    paths = Store(tmp_path).append_spans(table(early, late))
    assert [path.parent.name for path in paths] == ["date=1970-01-01", "date=2262-04-11"]
    assert list_sessions(Store(tmp_path)).sessions[0].session.end_time.year == 2262
    assert NOON_NS < 2**63
