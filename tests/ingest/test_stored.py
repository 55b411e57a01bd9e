"""Parquet of our own stores and exports is taken as it is, after a check of what the store relies on."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sessioneval.ingest.sources import read_source
from sessioneval.ingest.span_table import SpanTableBuilder
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawEvent, RawSpan
from sessioneval.model.schemas import SPANS

ATTRIBUTES = {
    "session.id": "s-1",
    "openinference.span.kind": "LLM",
    "tag.tags": ["a"],
    "metadata": '{"plan":"free"}',
    "llm.token_count.prompt": 5,
    "llm.input_messages.0.message.role": "user",
    "llm.input_messages.0.message.contents.0.message_content.type": "audio",
    "llm.input_messages.0.message.contents.0.message_content.audio.audio.transcript": "hi",
    "llm.output_messages.0.message.tool_calls.0.tool_call.id": "call_1",
    "other": {"a": [1, 2]},
}
GOOD = RawSpan("ab" * 16, "cd" * 8, "ef" * 8, "chat", 10, 20, ATTRIBUTES)


def table():
    builder = SpanTableBuilder()
    events = [RawEvent("e", 15, {"n": 1})]
    builder.add(GOOD._replace(events=events, links=[{"trace_id": "x"}], resource={"r": 1}, scope_name="scope"))
    builder.add(GOOD._replace(span_id="12" * 8, attributes={}, kind="CLIENT", dropped_attributes=3))
    return builder.table()


def imported(path):
    batches = list(read_source(path))
    return pa.concat_tables([b.table for b in batches]), sum((b.rejected for b in batches), Counter()), batches[-1]


def test_our_own_tables_come_back_unchanged(tmp_path):
    """Importing one store into another must change nothing."""
    pq.write_table(table(), tmp_path / "own.parquet", row_group_size=1)
    found, rejected, last = imported(tmp_path / "own.parquet")
    assert (found, rejected) == (table(), {})
    assert last.bytes_done == last.bytes_total


def test_a_frame_of_ours_that_went_through_pandas_comes_back_unchanged(tmp_path):
    """Notebooks save what `spans_df` gave them: other text types, lists as arrays, an index."""
    table().to_pandas().set_index(c.SPAN_ID, drop=False).to_parquet(tmp_path / "own.parquet", index=False)
    assert imported(tmp_path / "own.parquet")[0] == table()


def test_evaluations_in_an_export_are_no_part_of_the_spans(tmp_path):
    """They are facts about sessions, and the evaluations table has them."""
    exported = table().append_column("session_eval.coherence.label", pa.array(["coherent", None]))
    pq.write_table(exported, tmp_path / "export.parquet")
    assert imported(tmp_path / "export.parquet")[0] == table()


def test_other_columns_become_attributes(tmp_path):
    """Nothing that somebody added may be dropped, and all of ours must survive the way through attributes."""
    pq.write_table(table().append_column("cohort", pa.array(["a", None])), tmp_path / "export.parquet")
    found, rejected, _ = imported(tmp_path / "export.parquet")
    assert rejected == {}
    assert json.loads(found[c.ATTRIBUTES][0].as_py()) == {"cohort": "a", "other.a": [1, 2]}
    changed = {c.ATTRIBUTES}
    for name in SPANS.names:
        if name not in changed:
            assert found[name].to_pylist() == table()[name].to_pylist(), name


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (c.TRACE_ID, "x", "bad trace id"),
        (c.TRACE_ID, "0" * 32, "bad trace id"),
        (c.TRACE_ID, None, "bad trace id"),
        (c.SPAN_ID, "AB" * 8, "bad span id"),
        (c.START_TIME, None, "no start time"),
        (c.START_TIME, 0, "no start time"),
    ],
)
def test_rows_that_no_store_may_hold_are_counted(tmp_path, column, value, reason):
    """A file that looks like ours may come from anywhere."""
    place = SPANS.names.index(column)
    values = pa.array([value, table()[column][1].as_py()], SPANS.field(column).type)
    bad = table().set_column(place, pa.field(column, values.type), values)
    pq.write_table(bad, tmp_path / "own.parquet")
    found, rejected, last = imported(tmp_path / "own.parquet")
    assert rejected == {reason: 1}
    assert last.read == 2
    assert found[c.SPAN_ID].to_pylist() == ["12" * 8]


def test_a_corrupt_row_group_costs_only_itself(tmp_path):
    """The rest of a damaged store can be saved."""
    path = tmp_path / "own.parquet"
    pq.write_table(table(), path, row_group_size=1)
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 30] = b"\xff" * 30
    path.write_bytes(content)
    found, rejected, _ = imported(path)
    assert found[c.SPAN_ID].to_pylist() == ["12" * 8]
    assert rejected == {"corrupt row group": 1}


def test_a_file_with_our_names_but_other_types_is_read_like_a_foreign_one(tmp_path):
    """Names alone do not make it ours."""
    place = SPANS.names.index(c.TAGS)
    changed = table().set_column(place, c.TAGS, pa.array(['["a"]', None]))
    pq.write_table(changed, tmp_path / "other.parquet")
    found, rejected, _ = imported(tmp_path / "other.parquet")
    assert rejected == {}
    assert found[c.TAGS].to_pylist() == [["a"], None]
