"""Files of any form become batches; what is bad in them is counted, what is good goes through."""

import gzip
import json
import struct
from collections import Counter
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest.spans_made import json_lines, json_request, prefixed, protobuf_request, sdk_spans, shapes, zstd
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from shared_data import DATA, RECORDINGS, needs_data, needs_recordings

from sessioneval.errors import SourceError
from sessioneval.ingest import sources
from sessioneval.ingest.sdk_spans import raw_span
from sessioneval.ingest.sources import read_source
from sessioneval.ingest.span_table import SpanTableBuilder
from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS

SPANS_MADE = sdk_spans(4)
SHAPES = shapes(SPANS_MADE)


def builder_table(spans):
    builder = SpanTableBuilder()
    for span in spans:
        builder.add(raw_span(span))
    return builder.table()


EXPECTED = builder_table(SPANS_MADE)


def imported(path, **options):
    """Return the table and the counts of a whole source."""
    batches = list(read_source(path, **options))
    table = pa.concat_tables([batch.table for batch in batches])
    return table, sum((batch.rejected for batch in batches), Counter())


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_form_gives_the_same_table(tmp_path, name):
    """The form of a file must make no difference to what is in the store."""
    table, rejected = imported(written(tmp_path, name, SHAPES[name]))
    assert rejected == {}
    assert table == EXPECTED


@pytest.mark.parametrize(
    "name", ["lines.jsonl", "prefixed_protobuf.bin", "bare.pb", "lines.jsonl.gz", "lines.jsonl.zst"]
)
def test_the_name_does_not_matter(tmp_path, name):
    """The collector's forms cannot be told apart by name."""
    assert imported(written(tmp_path, "traces", SHAPES[name]))[0] == EXPECTED


@pytest.mark.parametrize(
    "name",
    [
        "lines.jsonl",
        "bare.pb",
        "prefixed_json.bin",
        "prefixed_protobuf.bin",
        "prefixed_json_zstd.bin",
        "prefixed_protobuf_zstd.bin",
        "frames.jsonl.zst",
        "members.jsonl.gz",
    ],
)
def test_a_torn_file_gives_all_whole_records(tmp_path, name):
    """A writer killed in the middle leaves a torn last record; those before it are good."""
    table, rejected = imported(written(tmp_path, name, SHAPES[name][:-10]))
    assert table[c.SPAN_ID].to_pylist()[:7] == EXPECTED[c.SPAN_ID].to_pylist()[:7]
    assert rejected == {"torn record": 1}


@pytest.mark.parametrize("name", [name for name in sorted(SHAPES) if name.endswith((".gz", ".zst"))])
def test_a_torn_compressed_file_gives_what_could_be_decompressed(tmp_path, name):
    """How much that is depends on the compressor's blocks."""
    table, rejected = imported(written(tmp_path, name, SHAPES[name][:-10]))
    assert table == EXPECTED[: len(table)]
    assert rejected["torn record"] == 1 or name.startswith("pretty")


@pytest.mark.parametrize("padding_bytes", [0, 100_000])
def test_all_bytes_before_a_tear_in_a_zstd_file_are_read(tmp_path, padding_bytes):
    """Arrow's own stream gives up a whole buffer of good data, however far into the file the tear is."""
    frames = [zstd(b" " * padding_bytes + json_lines([json_request([span])])) for span in SPANS_MADE]
    table, rejected = imported(written(tmp_path, "t.jsonl.zst", b"".join(frames)[:-5]))
    assert table == EXPECTED[:7]
    assert rejected == {"torn record": 1}


def test_bad_lines_among_good_ones_are_counted(tmp_path):
    """Every good record still goes through."""
    lines = [json.dumps(json_request([span])).encode() for span in SPANS_MADE]
    content = b"\n".join(
        [b"not json", lines[0], b"", b"{}", b'{"a": NaN}', lines[1], b'{"resourceMetrics": []}', lines[2], b"[]"]
    )
    table, rejected = imported(written(tmp_path, "t.jsonl", content + b"\n"))
    assert table[c.SPAN_ID].to_pylist() == EXPECTED[c.SPAN_ID].to_pylist()[:3]
    assert rejected == {"not JSON": 2, "no resourceSpans": 2}


def test_a_damaged_first_line_does_not_hide_the_others(tmp_path):
    """The first line also decides the form."""
    lines = json_lines([json_request([span]) for span in SPANS_MADE])
    for damaged in (lines[:50] + lines[60:], b"x" + lines[1:], lines.replace(b'{"resourceSpans"', b"{'r'", 1)):
        table, rejected = imported(written(tmp_path, "t.jsonl", damaged))
        assert len(table) == 7
        assert rejected == {"not JSON": 1}


def test_bad_records_among_length_prefixed_ones_are_counted(tmp_path):
    """As for lines."""
    good = [protobuf_request([span]) for span in SPANS_MADE[:2]]
    broken_frame = zstd(good[0])[:-4]
    logs = ExportLogsServiceRequest(resource_logs=[{"scope_logs": [{"log_records": [{"severity_number": 1}]}]}])
    content = prefixed([good[0], b"garbage", b"{", broken_frame, logs.SerializeToString(), b"", good[1]])
    table, rejected = imported(written(tmp_path, "t.bin", content))
    assert table[c.SPAN_ID].to_pylist() == EXPECTED[c.SPAN_ID].to_pylist()[:2]
    assert rejected == {
        "not OTLP protobuf": 1,
        "not JSON": 1,
        "corrupt compressed data": 1,
        "missing trace id": 1,
    }


@pytest.mark.parametrize("name", ["lines.jsonl", "lines.jsonl.gz", "lines.jsonl.zst", "bare.pb", "prefixed_json.bin"])
def test_records_over_the_limit_are_skipped(tmp_path, name):
    """One record of any size must not fill the memory."""
    big = json_request(SPANS_MADE[:1])
    big["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"] = "x" * 200_000
    big_protobuf = protobuf_request(sdk_spans(40, {"filler": "x" * 200_000})[:1])
    rest = [json_request([span]) for span in SPANS_MADE[1:]]
    lines = json_lines([rest[0], big, *rest[1:]])
    content = {
        "lines.jsonl": lines,
        "lines.jsonl.gz": gzip.compress(lines),
        "lines.jsonl.zst": zstd(lines),
        "bare.pb": big_protobuf + protobuf_request(SPANS_MADE[1:]),
        "prefixed_json.bin": prefixed([json.dumps(request).encode() for request in [rest[0], big, *rest[1:]]]),
    }[name]
    table, rejected = imported(written(tmp_path, name, content), max_record_bytes=100_000)
    assert sorted(table[c.SPAN_ID].to_pylist()) == sorted(EXPECTED[c.SPAN_ID].to_pylist()[1:])
    assert rejected == {"record too large": 1}


def test_a_decompression_bomb_is_bounded(tmp_path):
    """A small frame may hold gigabytes."""
    bomb = zstd(b" " * 50_000_000)
    content = prefixed([bomb, protobuf_request(SPANS_MADE[:1])])
    table, rejected = imported(written(tmp_path, "t.bin", content), max_record_bytes=1_000_000)
    assert len(table) == 1
    assert rejected == {"record too large": 1}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jsonl", b"this is a letter\n", "not JSON"),
        ("a.parquet", b'{"resourceSpans": []}', "its name says Parquet"),
        ("a.parquet", b"", "its name says Parquet"),
        ("a.parquet", b"PAR1 and then nothing", "cannot import"),
        ("a.gz", b"\x1f\x8b then no gzip", "cannot import"),
        ("a.zst", b"\x28\xb5\x2f\xfd then no zstd", "cannot import"),
        ("a.json", b'{"a": 1}', "no resourceSpans"),
        ("a.png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "neither JSON nor protobuf"),
        ("zeros.bin", b"\x00" * 1000, "neither JSON nor protobuf"),
        ("a.pb", b"\x0a\x02\xff\xff", "not OTLP protobuf"),
    ],
)
def test_a_file_that_is_something_else_is_refused_in_words(tmp_path, name, content, says):
    """The message says which file, and what is wrong with it."""
    with pytest.raises(SourceError, match=says) as refused:
        imported(written(tmp_path, name, content))
    assert name in str(refused.value)


def test_a_wrong_path_is_refused_in_words(tmp_path):
    """The commonest mistake of all."""
    with pytest.raises(SourceError, match="there is no such file or directory"):
        imported(tmp_path / "nowhere.jsonl")
    with pytest.raises(SourceError, match="holds no files"):
        imported(tmp_path)


@pytest.mark.parametrize("name", ["a.jsonl", "a.gz", "a.pb"])
def test_an_empty_file_has_no_spans(tmp_path, name):
    """The collector creates its file when it starts."""
    table, rejected = imported(written(tmp_path, name, b""))
    assert (len(table), rejected) == (0, {})


def test_spans_that_cannot_be_stored_are_counted_by_reason(tmp_path):
    """Clients never look at the answer, so the count is all that tells."""
    good = {"traceId": "1" * 32, "spanId": "2" * 16, "startTimeUnixNano": "5", "endTimeUnixNano": "6"}
    bad = [{"traceId": ""}, {"traceId": "1" * 16}, {"spanId": "0" * 16}, {"startTimeUnixNano": 0}, {"spanId": None}]
    spans = [good, *[{**good, **change} for change in bad]]
    batch, *more = read_source(
        written(tmp_path, "a.jsonl", json_lines([{"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}]))
    )
    assert more == []
    assert len(batch.table) == 1
    assert batch.read == 6
    assert batch.rejected == {
        "missing trace id": 1,
        "bad trace id": 1,
        "bad span id": 1,
        "no start time": 1,
        "missing span id": 1,
    }


def test_a_session_on_the_resource_is_on_every_span(tmp_path):
    """The collector's groupbyattrs processor moves it there."""
    spans = [span for span in sdk_spans(1, {"session.id": "r-1"}) if span.name == "chat"]
    document = json_request(spans)
    attributes = document["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"]
    attributes[:] = [item for item in attributes if item["key"] != "session.id"]
    assert imported(written(tmp_path, "a.jsonl", json_lines([document])))[0][c.SESSION_ID].to_pylist() == ["r-1"]


def test_batches_are_bounded_and_report_progress(tmp_path, monkeypatch):
    """Memory follows the batch, not the file."""
    monkeypatch.setattr(sources, "MAX_BATCH_SPANS", 3)
    path = written(tmp_path, "a.jsonl", SHAPES["lines.jsonl"])
    batches = list(read_source(path))
    assert [len(batch.table) for batch in batches] == [3, 3, 2]
    assert [batch.read for batch in batches] == [3, 3, 2]
    done = [batch.bytes_done for batch in batches]
    assert done == sorted(done)
    assert done[-1] == batches[-1].bytes_total == path.stat().st_size


def test_batches_are_bounded_in_bytes_too(tmp_path, monkeypatch):
    """Ten thousand spans of long chats would be gigabytes."""
    monkeypatch.setattr(sources, "MAX_BATCH_BYTES", 1)
    assert [len(b.table) for b in read_source(written(tmp_path, "a.jsonl", SHAPES["lines.jsonl"]))] == [1] * 8 + [0]


def test_a_directory_is_read_to_its_end(tmp_path):
    """A corrupt file among good ones is counted and named; hidden files are being written."""
    for name in ("b/lines.jsonl", "a/bare.pb"):
        (tmp_path / name).parent.mkdir()
        written(tmp_path, name, SHAPES[name.split("/")[1]])
    written(tmp_path, "b/corrupt.parquet", b"PAR1 nothing PAR1")
    written(tmp_path, "b/.half.jsonl", b"{")
    batches = list(read_source(tmp_path))
    table = pa.concat_tables([batch.table for batch in batches])
    assert table == pa.concat_tables([EXPECTED, EXPECTED])
    assert sum((batch.rejected for batch in batches), Counter()) == {"unreadable file": 1}
    [failure] = [failure for batch in batches for failure in batch.failures]
    assert "corrupt.parquet" in failure
    assert (
        batches[-1].bytes_done == batches[-1].bytes_total == sum(len(p.read_bytes()) for p in tmp_path.rglob("[!.]*.*"))
    )


LINES = SHAPES["lines.jsonl"].splitlines(keepends=True)
IDS = EXPECTED[c.SPAN_ID].to_pylist()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_a_damaged_byte_costs_only_its_own_line(tmp_path, data):
    """Disks and copies damage files; every untouched line must still be read."""
    content = bytearray(SHAPES["lines.jsonl"])
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] = data.draw(st.integers(0, 255))
    starts = [sum(map(len, LINES[:i])) for i in range(len(LINES) + 1)]
    untouched = [span_id for i, span_id in enumerate(IDS) if not starts[i] - 1 <= position < starts[i + 1]]
    table, _ = imported(written(tmp_path, "a.jsonl", bytes(content)))
    assert [span_id for span_id in table[c.SPAN_ID].to_pylist() if span_id in untouched] == untouched


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(SHAPES)), st.data())
def test_damaged_files_are_read_or_refused(tmp_path, name, data):
    """No content of a file may raise anything but the error that says so."""
    content = bytearray(SHAPES[name])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    with suppress(SourceError):
        imported(written(tmp_path, name, bytes(content[:cut])))[0].validate(full=True)


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_random_bytes_are_read_or_refused(tmp_path, content):
    """As for damaged files."""
    for prefix in (b"", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1", b"\x0a", b"{", struct.pack(">I", len(content))):
        with suppress(SourceError):
            imported(written(tmp_path, "a.bin", prefix + content))[0].validate(full=True)


@needs_recordings
@pytest.mark.parametrize(
    "path",
    [p for p in sorted(RECORDINGS.glob("*.jsonl")) if not p.name.endswith((".logs.jsonl", ".llmobs.jsonl"))]
    if RECORDINGS
    else [],
    ids=lambda path: path.name,
)
def test_recordings_are_read_without_a_loss(path):
    """Spans of 30 real instrumentors; every one of them must be stored."""
    table, rejected = imported(path)
    wanted = [
        span["spanId"]
        for line in path.read_text().splitlines()
        for of_resource in json.loads(line)["resourceSpans"]
        for of_scope in of_resource["scopeSpans"]
        for span in of_scope["spans"]
    ]
    assert rejected == {}
    assert table[c.SPAN_ID].to_pylist() == wanted


@needs_data
@pytest.mark.parametrize("name", ["dices_safety", "intercode_bash", "mint_cohorts", "tau2_agents", "tau_airline"])
def test_labelled_data_is_read_without_a_loss(name):
    """The counts are published with the data."""
    counts = json.loads((DATA / name / "counts.json").read_text())
    table, rejected = imported(DATA / name / "traces.otlp.jsonl.gz")
    assert rejected == {}
    assert len(table) == counts["spans"]
    assert len(set(table[c.TRACE_ID].to_pylist())) == counts["traces"]
    assert len(set(table[c.SESSION_ID].to_pylist())) == counts["sessions"]


def test_our_own_files_are_read_as_they_are(tmp_path):
    """Stores are merged by importing one into the other."""
    pq.write_table(EXPECTED, tmp_path / "own.parquet")
    table, rejected = imported(tmp_path / "own.parquet")
    assert (table, rejected) == (EXPECTED, {})
    assert table.schema == SPANS
