"""A published file is whole, durable and named last, or it is not there at all."""

import os
import random
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sessioneval.model.schemas import SPANS
from sessioneval.store.layout import leaf_columns, table_files
from sessioneval.store.publication import publish

APPS = Path(__file__).parent / "apps"
ROWS = pa.table({"text": ["a", "b"]})


def test_published_rows_read_back_and_nothing_else_is_left(tmp_path):
    """The rename is the only way a file becomes visible, so no temporary name may stay."""
    path = publish(ROWS, tmp_path / "spans" / "date=2026-11-20")
    assert pq.read_table(path, partitioning=None).equals(ROWS)
    assert [item.name for item in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("limit", [0, 4, 1000, 20_000])
def test_full_disk_leaves_no_file_behind(tmp_path, limit):
    """A disk that fills up in the middle of a write must not leave a torn file that readers see."""
    run = subprocess.run(
        [sys.executable, APPS / "full_disk.py", tmp_path / "spans", str(limit)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "OSError", run.stderr
    assert list((tmp_path / "spans").iterdir()) == []


def test_file_in_place_of_the_directory_is_an_os_error(tmp_path):
    """A store path that is a file is the caller's mistake and must not be overwritten."""
    (tmp_path / "spans").write_text("mine")
    with pytest.raises(OSError, match="spans"):
        publish(ROWS, tmp_path / "spans" / "date=2026-11-20")
    assert (tmp_path / "spans").read_text() == "mine"


def test_file_is_synced_before_its_name_and_the_directory_after(tmp_path):
    """Named before synced, a crash of the machine could leave an empty file where rows were acknowledged."""
    steps = []

    def watch(_frame, event, called):
        if event == "c_call" and called in (os.fsync, os.rename):
            steps.append(called.__name__)

    (tmp_path / "spans").mkdir()
    sys.setprofile(watch)
    try:
        publish(ROWS, tmp_path / "spans")
    finally:
        sys.setprofile(None)
    assert steps == ["fsync", "rename", "fsync"]


def test_half_written_files_are_seen_by_no_reader(tmp_path):
    """A crashed writer leaves a hidden name that neither we nor DuckDB's glob may take for data."""
    path = publish(ROWS, tmp_path / "spans" / "date=2026-11-20")
    (path.parent / ".half.tmp").write_bytes(path.read_bytes()[:20])
    (path.parent / "._resource_fork.parquet").write_bytes(b"junk")
    (path.parent / "_temporary.parquet").write_bytes(b"junk")
    assert table_files(tmp_path, "spans") == [path]
    (path.parent / "_temporary.parquet").unlink()
    (path.parent / "._resource_fork.parquet").unlink()
    found = duckdb.sql(f"select text from read_parquet('{tmp_path}/spans/**/*.parquet')").fetchall()
    assert found == [("a",), ("b",)]


def test_repeated_history_is_stored_once(tmp_path):
    """A chat of n turns sends n^2 text; beyond the window of zstd only the dictionary keeps it once."""
    text = random.Random(0).randbytes(750_000).hex()
    message = {"message.role": "user", "message.content": text}
    rows = [
        {"context.trace_id": "1", "context.span_id": str(n), "attributes.llm.input_messages": [message]}
        for n in range(10)
    ]
    path = publish(pa.Table.from_pylist(rows, schema=SPANS), tmp_path)
    assert path.stat().st_size < 2 * len(text)


def test_dictionary_columns_are_those_parquet_knows(tmp_path):
    """A misspelt leaf path is ignored by the writer without a word, and the files grow."""
    path = publish(SPANS.empty_table(), tmp_path)
    schema = pq.ParquetFile(path).schema
    known = {schema.column(n).path for n in range(len(schema.names))}
    assert set(leaf_columns(SPANS)) <= known


def test_codes_are_stored_as_texts(tmp_path):
    """Exporters hand over codes; any reader must find the texts and types that it finds in other files."""
    rows = pa.table({"text": ["a", "b", None, "a"]})
    coded = rows.set_column(0, "text", rows.column("text").dictionary_encode())
    path = publish(coded, tmp_path)
    assert pq.read_table(path, partitioning=None).equals(rows)


def test_row_groups_hold_only_their_own_texts(tmp_path):
    """A writer stores a dictionary as it stands: without a cut, each row group would hold the texts of all."""
    texts = pa.array([f"{n:06}" * 50 for n in range(50_000)])
    rows = pa.table({"text": pa.DictionaryArray.from_arrays(pa.array(range(50_000), pa.int32()), texts)})
    footer = pq.read_metadata(publish(rows, tmp_path))
    sizes = [footer.row_group(n).column(0).total_uncompressed_size for n in range(footer.num_row_groups)]
    assert len(sizes) == 3
    assert sum(sizes) < 1.2 * texts.nbytes
