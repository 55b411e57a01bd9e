"""Span DataFrames of Phoenix and Arize give the rows that the same spans give over OTLP."""

import json
from collections import Counter

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.errors import SourceError
from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c

TRACE, SPAN = "ab" * 16, "cd" * 8
MESSAGE = {"message.role": "user", "message.content": "hi"}


def rows_of(path):
    """Return the rows of a source by span id, and what was refused."""
    batches = list(read_source(path))
    rows = [row for batch in batches for row in batch.table.to_pylist()]
    return {row[c.SPAN_ID]: row for row in rows}, sum((batch.rejected for batch in batches), Counter())


def row_of(tmp_path, **cells):
    """Return the row of a frame of one span with the usual columns and `cells`; '__' stands for '.'."""
    cells = {name.replace("__", "."): value for name, value in cells.items()}
    base = {
        "context.trace_id": TRACE,
        "name": "chat",
        "start_time": "2026-11-20T12:00:00.000000001Z",
        "parent_id": None,
    }
    base = {name: value for name, value in {**base, **cells}.items() if value is not ...}
    pd.DataFrame([base], index=pd.Index([SPAN], name="context.span_id")).to_parquet(tmp_path / "frame.parquet")
    rows, rejected = rows_of(tmp_path / "frame.parquet")
    assert rejected == {}
    return rows[SPAN]


PHOENIX = sorted(RECORDINGS.glob("phoenix__*.parquet")) if RECORDINGS else []


@needs_recordings
@pytest.mark.parametrize("path", PHOENIX, ids=lambda path: path.name)
def test_phoenix_exports_are_read_without_a_loss(path):
    """Every span of the export, with the session that Phoenix or the app gave it."""
    rows, rejected = rows_of(path)
    over_otlp, _ = rows_of(path.with_name(path.name.removeprefix("phoenix__").replace(".parquet", ".jsonl")))
    assert rejected == {}
    assert rows.keys() == over_otlp.keys()
    for span_id, row in rows.items():
        assert row[c.TRACE_ID] == over_otlp[span_id][c.TRACE_ID]
        assert row[c.PARENT_ID] == over_otlp[span_id][c.PARENT_ID]
        assert row[c.SESSION_ID] == over_otlp[span_id][c.SESSION_ID]
        assert row[c.USER_ID] == over_otlp[span_id][c.USER_ID]
        assert abs(row[c.START_TIME] - over_otlp[span_id][c.START_TIME]) <= pd.Timedelta(microseconds=1)


@needs_recordings
@pytest.mark.parametrize("name", ["oi_openai", "oi_openai_responses"])
def test_openinference_in_a_phoenix_export_is_what_came_over_otlp(name):
    """Lists became arrays and objects unions of all keys on the way; nothing of that may show."""
    rows, _ = rows_of(RECORDINGS / f"phoenix__{name}__support_tools.parquet")
    over_otlp, _ = rows_of(RECORDINGS / f"{name}__support_tools.jsonl")
    same = [c.INPUT_MESSAGES, c.OUTPUT_MESSAGES, c.TOOLS, c.TAGS, c.SPAN_KIND, c.INPUT_VALUE, c.OUTPUT_VALUE]
    same += [c.MODEL_NAME, c.PROMPT_TOKENS, c.TOTAL_TOKENS, c.TOOL_NAME, c.TOOL_CALL_ID, c.AGENT_NAME, c.STATUS_CODE]
    for span_id, row in rows.items():
        assert {name: row[name] for name in same} == {name: over_otlp[span_id][name] for name in same}
        for as_json in (c.METADATA, c.TOOL_PARAMETERS, c.ATTRIBUTES):
            assert json.loads(row[as_json] or "null") == json.loads(over_otlp[span_id][as_json] or "null")


@needs_recordings
@pytest.mark.parametrize("name", ["openllmetry_openai_old", "vercel_ai_v6"])
def test_other_dialects_in_a_phoenix_export_get_their_keys_back(name):
    """Phoenix nests them below their first segment; dialect readers look for the dotted keys."""
    rows, _ = rows_of(RECORDINGS / f"phoenix__{name}__support_tools.parquet")
    over_otlp, _ = rows_of(RECORDINGS / f"{name}__support_tools.jsonl")
    for span_id, row in rows.items():
        exported, original = json.loads(row[c.ATTRIBUTES]), json.loads(over_otlp[span_id][c.ATTRIBUTES])
        prefixes = ("gen_ai.prompt", "gen_ai.completion", "traceloop.", "ai.prompt", "ai.response", "ai.toolCall")
        assert {k: v for k, v in exported.items() if k.startswith(prefixes)} == {
            k: v for k, v in original.items() if k.startswith(prefixes)
        }


def test_messages_may_be_lists_or_json_text_or_flattened_columns(tmp_path):
    """Arize and hand-made frames use all three."""
    wanted = row_of(tmp_path, attributes__llm__input_messages=[MESSAGE])[c.INPUT_MESSAGES]
    assert wanted[0][c.MESSAGE_CONTENT] == "hi"
    assert row_of(tmp_path, attributes__llm__input_messages=json.dumps([MESSAGE]))[c.INPUT_MESSAGES] == wanted
    flat = {f"attributes.llm.input_messages.0.{key}": value for key, value in MESSAGE.items()}
    assert row_of(tmp_path, **flat)[c.INPUT_MESSAGES] == wanted


def test_times_may_be_text(tmp_path):
    """Frames that went through CSV or JSON have ISO 8601 text."""
    row = row_of(tmp_path, end_time="2026-11-20 12:00:01+00:00")
    assert row[c.START_TIME] == pd.Timestamp("2026-11-20T12:00:00.000000001Z")
    assert row[c.END_TIME] == pd.Timestamp("2026-11-20T12:00:01Z")


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_may_have_any_unit_and_no_zone(tmp_path, unit):
    """Without a zone they are UTC."""
    table = pa.table(
        {
            "context.trace_id": [TRACE],
            "context.span_id": [SPAN],
            "start_time": pa.array([5], pa.timestamp(unit)),
        }
    )
    pq.write_table(table, tmp_path / "frame.parquet")
    rows, _ = rows_of(tmp_path / "frame.parquet")
    assert rows[SPAN][c.START_TIME].value == 5 * {"s": 10**9, "us": 10**3, "ns": 1}[unit]


def test_a_kind_without_its_attribute_is_kept(tmp_path):
    """Phoenix gives kinds to converted spans in the column alone."""
    assert row_of(tmp_path, span_kind="LLM")[c.SPAN_KIND] == "LLM"
    assert row_of(tmp_path, span_kind="UNKNOWN")[c.OPENINFERENCE_KIND] is None


def test_events_keep_their_times_and_attributes(tmp_path):
    """Exceptions are events; transcripts tell failed tools by them."""
    events = [{"name": "exception", "timestamp": "2026-11-20T12:00:00Z", "attributes": {"exception.type": "E"}}]
    for cell in (events, json.dumps(events), [{**events[0], "timestamp": pd.Timestamp("2026-11-20T12:00:00Z")}]):
        [event] = row_of(tmp_path, events=cell)[c.EVENTS]
        assert event["timestamp"] == pd.Timestamp("2026-11-20T12:00:00Z")
        assert (event["name"], json.loads(event["attributes"])) == ("exception", {"exception.type": "E"})


def test_columns_of_namespaces_are_flattened_again(tmp_path):
    """Nested objects, and the JSON text that users save where Parquet cannot hold them."""
    nested = {
        "telemetry": {"metadata": {"sessionId": "s-1"}},
        "usage.x": 1,
        "list": [{"a": 1}, {"a": 2}],
        "tags": ["t"],
    }
    for cell in (nested, json.dumps({**nested, "absent": None})):
        row = row_of(tmp_path, attributes__ai=cell)
        assert row[c.SESSION_ID] == "s-1"
        assert json.loads(row[c.ATTRIBUTES]) == {
            "ai.telemetry.metadata.sessionId": "s-1",
            "ai.usage.x": 1,
            "ai.list.0.a": 1,
            "ai.list.1.a": 2,
            "ai.tags": ["t"],
        }


def test_json_text_of_other_columns_stays_text(tmp_path):
    """Taking every JSON text apart would change what apps wrote."""
    assert json.loads(row_of(tmp_path, attributes__final_result='{"a": 1}')[c.ATTRIBUTES]) == {
        "final_result": '{"a": 1}'
    }


def test_missing_cells_are_absent(tmp_path):
    """Pandas says NaN for missing numbers."""
    row = row_of(tmp_path, attributes__llm__token_count__prompt=float("nan"), attributes__x=None, latency_ms=5.5)
    assert row[c.PROMPT_TOKENS] is None
    assert json.loads(row[c.ATTRIBUTES]) == {"latency_ms": 5.5}


def test_plain_column_names_and_an_unnamed_index_are_found(tmp_path):
    """Frames with a reset or renamed index."""
    frame = pd.DataFrame({"trace_id": [TRACE], "start_time": pd.to_datetime(["2026-11-20T12:00:00Z"])}, index=[SPAN])
    frame.to_parquet(tmp_path / "frame.parquet")
    assert rows_of(tmp_path / "frame.parquet")[0][SPAN][c.TRACE_ID] == TRACE


def test_ids_may_be_bytes(tmp_path):
    """Columns made from OTLP protobuf hold raw ids."""
    table = pa.table(
        {"trace_id": [bytes.fromhex(TRACE)], "span_id": [bytes.fromhex(SPAN)], "start_time": ["2026-11-20"]}
    )
    pq.write_table(table, tmp_path / "frame.parquet")
    assert SPAN in rows_of(tmp_path / "frame.parquet")[0]


def test_bad_rows_are_counted(tmp_path):
    """A frame may hold rows that are no spans."""
    frame = pd.DataFrame(
        {
            "context.trace_id": [TRACE, None, "x", TRACE],
            "context.span_id": [SPAN, SPAN, SPAN, SPAN],
            "start_time": ["2026-11-20", "2026-11-20", "2026-11-20", "soon"],
        }
    )
    frame.to_parquet(tmp_path / "frame.parquet")
    rows, rejected = rows_of(tmp_path / "frame.parquet")
    assert len(rows) == 1
    assert rejected == {"missing trace id": 1, "bad trace id": 1, "no start time": 1}


def test_text_that_is_no_utf8_costs_only_its_cell(tmp_path):
    """Other writers do not check it."""
    text = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.array([0, 2, 4], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfeok")]
    )
    table = pa.table(
        {
            "context.trace_id": [TRACE, TRACE],
            "context.span_id": [SPAN, "ef" * 8],
            "start_time": ["2026-11-20"] * 2,
            "attributes.input.value": text,
        }
    )
    pq.write_table(table, tmp_path / "frame.parquet")
    rows, rejected = rows_of(tmp_path / "frame.parquet")
    assert rejected == {}
    assert rows["ef" * 8][c.INPUT_VALUE] == "ok"
    assert SPAN in rows


def test_a_frame_of_something_else_is_refused_in_words(tmp_path):
    """The message names the missing column and shows what there is instead."""
    pd.DataFrame({"question": ["?"], "answer": ["!"]}).to_parquet(tmp_path / "answers.parquet")
    with pytest.raises(SourceError, match=r"answers.parquet.*no column 'context.trace_id', but question, answer"):
        rows_of(tmp_path / "answers.parquet")


def test_a_corrupt_row_group_costs_only_itself(tmp_path):
    """The footer may be whole while pages are not."""
    frame = pd.DataFrame(
        {"context.trace_id": [TRACE] * 4, "context.span_id": [f"{i:016x}" for i in range(1, 5)]}
        | {"start_time": ["2026-11-20"] * 4, "attributes.input.value": [str(i) * 500 for i in range(4)]}
    )
    path = tmp_path / "frame.parquet"
    frame.to_parquet(path, row_group_size=2, compression="zstd")
    start = pq.ParquetFile(path).metadata.row_group(1).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 40] = b"\xff" * 40
    path.write_bytes(content)
    rows, rejected = rows_of(path)
    assert len(rows) == 2
    assert rejected == {"corrupt row group": 1}
