"""Files in, spans in the store once, and a count for everything else."""

import gzip
import json

import pyarrow.parquet as pq
import pytest
from span_factory import NOON_NS, eventful_session, said, span_id, table, trace_id, transcript, turns

from sessioneval.model import columns as c
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.store.layout import table_files
from sessioneval.store.store import Store


def otlp_span(number, *, end_ns=NOON_NS + 10**9, trace=None, session="s"):
    return {
        "traceId": trace_id(number) if trace is None else trace,
        "spanId": span_id(number),
        "name": "turn",
        "startTimeUnixNano": str(NOON_NS),
        "endTimeUnixNano": str(end_ns),
        "attributes": [
            {"key": "session.id", "value": {"stringValue": session}},
            {"key": "input.value", "value": {"stringValue": f"question {number}"}},
            {"key": "openinference.span.kind", "value": {"stringValue": "CHAIN"}},
        ],
    }


def otlp_line(*spans):
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}) + "\n"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def n_visible(store):
    return store.span_index().table.num_rows


def test_second_import_of_a_file_adds_nothing(tmp_path, store):
    """People run a command again when they are not sure."""
    file = tmp_path / "traces.jsonl"
    file.write_text(otlp_line(*(otlp_span(n) for n in range(1, 6))))
    first = import_files([file], store)
    assert (first.read, first.new, first.duplicate) == (5, 5, 0)
    files = table_files(store.path, "spans")
    again = import_files([file], store)
    assert (again.read, again.new, again.duplicate) == (5, 0, 5)
    assert table_files(store.path, "spans") == files


def test_span_that_came_twice_in_one_file_is_stored_once(tmp_path, store):
    """Collectors retry; the copy is a duplicate whether it is in this file, the next one or the store."""
    one, two = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    one.write_text(otlp_line(otlp_span(1), otlp_span(1)) + otlp_line(otlp_span(1)))
    two.write_text(otlp_line(otlp_span(1), otlp_span(2)))
    made = import_files([one, two], store)
    assert (made.read, made.new, made.duplicate) == (5, 2, 3)
    assert n_visible(store) == 2


def test_later_end_of_a_known_span_is_new(tmp_path, store):
    """A span exported while it ran is completed by the later export."""
    for end_ns in (NOON_NS + 5, NOON_NS + 9):
        (tmp_path / "traces.jsonl").write_text(otlp_line(otlp_span(1, end_ns=end_ns)))
        assert import_files([tmp_path / "traces.jsonl"], store).new == 1
    ends = store.span_index().table.column(c.END_TIME).cast("int64").to_pylist()
    assert ends == [NOON_NS + 9]


def test_bad_spans_and_torn_lines_are_counted_and_the_rest_is_stored(tmp_path, store):
    """One bad record must not cost the file, and must not vanish from the count."""
    file = tmp_path / "traces.jsonl"
    bad = [otlp_span(2, trace=""), otlp_span(3, trace="abc"), otlp_span(4, trace="0" * 32)]
    file.write_text(otlp_line(otlp_span(1), *bad) + otlp_line(otlp_span(5)) + otlp_line(otlp_span(6))[:-40])
    made = import_files([file], store)
    assert (made.read, made.new) == (5, 2)
    assert made.rejected["missing trace id"] == 1
    assert made.rejected["bad trace id"] == 2
    assert made.n_rejected == 4
    assert n_visible(store) == 2


def test_unreadable_files_are_named_and_the_others_imported(tmp_path, store):
    """A directory of exports holds a readme sooner or later; a path may be misspelt."""
    good, junk = tmp_path / "good.jsonl", tmp_path / "junk.bin"
    good.write_text(otlp_line(otlp_span(1)))
    junk.write_bytes(b"\x00\x01 neither")
    made = import_files([tmp_path / "missing.jsonl", junk, good], store)
    assert made.new == 1
    assert set(made.failed_files) == {str(tmp_path / "missing.jsonl"), str(junk)}
    assert all(reason for reason in made.failed_files.values())


def test_directory_is_read_whole_and_its_bad_files_are_named(tmp_path, store):
    """The user must learn which file of a hundred was not read."""
    folder = tmp_path / "exports" / "nested"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(otlp_line(otlp_span(1)))
    (folder / "b.jsonl.gz").write_bytes(gzip.compress(otlp_line(otlp_span(2)).encode()))
    (folder / "c.parquet").write_bytes(b"not parquet")
    (folder / ".hidden").write_bytes(b"")
    made = import_files([tmp_path / "exports"], store)
    assert made.new == 2
    assert list(made.failed_files) == [str(folder / "c.parquet")]
    assert made.bytes_done == made.bytes_total


def test_nothing_is_written_for_nothing(tmp_path, store):
    """A wrong path must not create a store that later commands find empty."""
    import_files([tmp_path / "missing"], store)
    assert not store.path.exists()


def test_progress_only_grows(tmp_path, store):
    """A bar that jumps back is a bar nobody believes."""
    files = [tmp_path / f"{n}.jsonl" for n in range(3)]
    for n, file in enumerate(files):
        file.write_text("".join(otlp_line(otlp_span(100 * n + k)) for k in range(1, 50)))
    seen = []
    import_files(files, store, on_progress=seen.append)
    done = [(each.read, each.bytes_done) for each in seen]
    assert done == sorted(done)
    assert all(each.bytes_done <= each.bytes_total for each in seen)
    assert seen[-1].bytes_done == sum(file.stat().st_size for file in files)


def test_a_store_imported_into_another_reads_the_same(tmp_path, store):
    """Our own Parquet is a source too: stores are merged by importing one into the other."""
    source = Store(tmp_path / "source")
    source.append_spans(table(*eventful_session()))
    source.append_spans(table(*turns(2, session="b", first=100)))
    source.append_spans(table(*eventful_session()))
    made = import_files([source.path / "spans"], store)
    assert (made.new, made.duplicate) == (22, 18)
    talks = {each.session_id: said(each) for each in read_transcripts(list_sessions(store))}
    assert talks["s"] == said(transcript(*eventful_session()))
    assert len(talks["b"]) == 5


def test_rows_of_many_batches_lie_in_few_files(tmp_path, store):
    """Each small file repeats the history of its sessions; an import has no hurry to publish."""
    file = tmp_path / "traces.jsonl"
    file.write_text("".join(otlp_line(otlp_span(n)) for n in range(1, 12_001)))
    assert import_files([file], store).new == 12_000
    (path,) = table_files(store.path, "spans")
    assert pq.read_metadata(path).num_rows == 12_000


def test_log_records_beside_a_file_of_spans_are_read_with_it(tmp_path, store):
    """Apps that record content as events only write two files; naming the first one is enough."""
    (tmp_path / "traces.jsonl").write_text(otlp_line(*(otlp_span(n) for n in range(1, 4))))
    (tmp_path / "traces.logs.jsonl").write_text(otlp_line(*(otlp_span(n) for n in range(4, 6))))

    assert import_files([tmp_path / "traces.jsonl"], store).new == 5


def test_log_records_named_too_are_read_once(tmp_path, store):
    """Naming both files is no mistake."""
    (tmp_path / "traces.jsonl").write_text(otlp_line(*(otlp_span(n) for n in range(1, 4))))
    (tmp_path / "traces.logs.jsonl").write_text(otlp_line(*(otlp_span(n) for n in range(4, 6))))

    made = import_files([tmp_path / "traces.jsonl", tmp_path / "traces.logs.jsonl"], store)
    assert (made.new, made.duplicate) == (5, 0)
