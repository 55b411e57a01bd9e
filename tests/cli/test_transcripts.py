"""`sessioneval transcripts`."""

import json

import pandas as pd
import pytest

from sessioneval.analysis.frames import transcript

KEYS = ["session_id", "anchor_span_id", "start_time", "end_time", "n_traces", "n_spans", "messages", "loss"]


def test_each_session_is_one_line_of_the_contract(run, store):
    """Keys, order and shapes of the design page; sessions in order of their start."""
    lines = [json.loads(line) for line in run("transcripts", store).stdout.splitlines()]
    assert [line["session_id"] for line in lines] == ["first", "second", "third"]
    assert [list(line) for line in lines] == [KEYS] * 3
    assert lines[0]["start_time"] == "2026-11-20T12:00:00Z"
    assert lines[2]["messages"][-1] == {
        "role": "assistant",
        "content": "Answer 1.",
        "tool_calls": [{"id": "call-0", "name": "look_up", "arguments": {"city": "Köln"}}],
        "span_id": lines[2]["messages"][-1]["span_id"],
        "turn": 1,
    }
    assert lines[0] == transcript(store, "first").to_dict()


def test_text_is_utf_8_and_not_escaped(run, store):
    """Readable by people, too."""
    assert "Köln".encode() in run("transcripts", store).stdout_bytes


def test_a_file_is_written_whole(run, store, tmp_path):
    """The same bytes as on stdout; nothing is left beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    assert run("transcripts", store, "-o", folder / "t.jsonl").stdout == ""
    assert (folder / "t.jsonl").read_bytes() == run("transcripts", store).stdout_bytes
    assert [path.name for path in folder.iterdir()] == ["t.jsonl"]


def test_a_failing_run_leaves_the_old_file(run, store, tmp_path):
    """Here the wish cannot be granted: there is no such directory, and no such store."""
    assert run("transcripts", store, "-o", tmp_path / "no" / "t.jsonl").exit_code == 1
    old = tmp_path / "t.jsonl"
    old.write_text("old")
    assert run("transcripts", tmp_path / "nowhere", "-o", old).exit_code == 1
    assert old.read_text() == "old"


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_other_formats_hold_the_same_sessions(run, store, tmp_path, form):
    """Nested messages are JSON text in tables."""
    path = tmp_path / f"t.{form}"
    run("transcripts", store, "-o", path)
    read = {"json": json.loads, "csv": None, "parquet": None}[form]
    frame = pd.DataFrame(read(path.read_text())) if read else getattr(pd, f"read_{form}")(path)
    assert list(frame.columns) == KEYS
    messages = frame["messages"][0]
    assert len(messages if form == "json" else json.loads(messages)) == 5


def test_filters_apply(run, store):
    """As for every reading command."""
    lines = run("transcripts", store, "--user", "bob").stdout.splitlines()
    assert [json.loads(line)["session_id"] for line in lines] == ["second"]


def test_arguments_that_are_no_strict_json_still_give_strict_json(run, make_store, chat):
    """Models write NaN and half emojis; jq must read the line."""
    calls = [("f", '{"x": NaN, "y": "\\ud83d"}'), ("g", "not json")]
    (line,) = run("transcripts", make_store(*chat("s", turns=1, calls=calls))).stdout.splitlines()
    json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_deeply_nested_arguments_do_not_stop_the_others(run, make_store, chat):
    """A model can write ten thousand brackets."""
    calls = [("f", '{"a":' * 5_000 + "1" + "}" * 5_000), ("g", "[" * 900 + "]" * 900)]
    store = make_store(*chat("deep", turns=1, calls=calls), *chat("plain", 1))
    lines = run("transcripts", store).stdout.splitlines()
    assert [json.loads(line)["session_id"] for line in lines] == ["deep", "plain"]


def test_a_closed_pipe_is_no_error_message(start, make_store, chat):
    """`transcripts | head -1` must not end in a traceback."""
    store = make_store(*(span for number in range(40) for span in chat(f"s{number}", number, turns=5)))
    process = start("transcripts", store)
    process.stdout.read(10)
    process.stdout.close()
    assert (process.stderr.read(), process.wait()) == (b"", 1)
