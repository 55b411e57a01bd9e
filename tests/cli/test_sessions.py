"""`sessioneval sessions`."""

import csv
import io
import json

import pandas as pd
import pytest

HOSTILE = ["../../x", "a\0b", "x" * 5_000, "😀 :smile:", "[red]x[/red]", "\x1b[2Jgone", "a\nb", "=1+1", "\u202etxt"]


def rows(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_people_see_a_row_for_each_session(run, store):
    """Times, turns, messages, tokens, errors, loss, evaluations."""
    run("evaluate", store, "turn_count", "unanswered_session")
    lines = [line.split() for line in run("sessions", store).stdout.splitlines()]
    assert lines[0] == ["3", "sessions"]
    assert lines[1][-2:] == ["turn_count", "unanswered_session"]
    assert lines[3] == ["first", "2026-11-20", "12:00:00", "1m", "1s", "2", "5", "30", "0", "2", "answered"]
    assert lines[5][-5:] == ["0", "calls_without_result", "1", "2", "unanswered"]


def test_programs_see_all_columns_in_every_format(run, store, tmp_path):
    """The same rows, whichever format; a file's ending names its format."""
    run("evaluate", store, "turn_count")
    wanted = rows(run("sessions", store, "--format", "json"))
    lines = run("sessions", store, "--format", "jsonl").stdout.splitlines()
    assert [json.loads(line) for line in lines] == wanted
    assert (wanted[0]["session_id"], wanted[0]["session_eval.turn_count.score"]) == ("first", 2.0)
    assert wanted[1]["metadata"] == {"tier": "gold"}
    run("sessions", store, "-o", tmp_path / "s.csv")
    run("sessions", store, "-o", tmp_path / "s.parquet")
    piped = pd.read_parquet(io.BytesIO(run("sessions", store, "--format", "parquet").stdout_bytes))
    for frame in (pd.read_csv(tmp_path / "s.csv"), pd.read_parquet(tmp_path / "s.parquet"), piped):
        assert list(frame.columns) == list(wanted[0])
        assert frame["n_messages"].tolist() == [row["n_messages"] for row in wanted]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--session", "first", "--session", "third"], ["first", "third"]),
        (["--user", "ada"], ["first", "third"]),
        (["--user", "ada", "--agent-version", "v2"], ["third"]),
        (["--source", "app"], ["second"]),
        (["--where", "metadata.tier=gold"], ["second"]),
        (["--where", "user_id=ada", "--where", "source=web", "--where", "agent_version=v1"], ["first"]),
        (["--since", "2026-11-20T13:40"], ["second", "third"]),
        (["--until", "2026-11-20T13:40Z"], ["first"]),
        (["--since", "2026-11-21"], []),
        (["--session", "nobody"], []),
    ],
)
def test_filters_choose_sessions(run, store, options, expected):
    """All that are given must hold; of one that is repeated, any."""
    assert [row["session_id"] for row in rows(run("sessions", store, "--format", "json", *options))] == expected


def test_a_filter_cannot_contradict_itself(run, store):
    """One of the two would win silently."""
    result = run("sessions", store, "--where", "user_id=a", "--where", "user_id=b")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: --where gives 'user_id' twice, 'a' and 'b'; all must hold, keep one\n",
    )


def test_hostile_ids_are_shown_whole_and_safe(run, make_store, chat):
    """No markup, no escape sequence, nothing cut, one line each."""
    store = make_store(*(span for number, id_ in enumerate(HOSTILE) for span in chat(id_, number, turns=1)))
    text = run("sessions", store).stdout
    assert len(text.splitlines()) == 3 + len(HOSTILE)
    shown = [
        "../../x",
        "a\\x00b",
        "x" * 5_000,
        "😀 :smile:",
        "[red]x[/red]",
        "\\x1b[2Jgone",
        "a\\nb",
        "=1+1",
        "\\u202etxt",
    ]
    assert [f"\n {id_} " in text for id_ in shown] == [True] * len(HOSTILE)
    assert not {"\x1b", "\0", "\u202e"} & set(text)
    assert [row["session_id"] for row in rows(run("sessions", store, "--format", "json"))] == HOSTILE
    cells = list(csv.DictReader(io.StringIO(run("sessions", store, "--format", "csv").stdout, newline="")))
    assert [cell["session_id"] for cell in cells] == [id_ if id_ != "=1+1" else "'=1+1" for id_ in HOSTILE]


def test_a_broken_file_and_spans_without_session_are_said_on_stderr(run, make_store, chat):
    """The good ones are listed all the same."""
    lonely = chat("x", 5, turns=1)[0]
    lonely["attributes"] = [item for item in lonely["attributes"] if item["key"] != "session.id"]
    store = make_store(*chat("good"), lonely)
    (store / "spans" / "date=2026-11-20" / "broken.parquet").write_bytes(b"PAR1 no PAR1")
    result = run("sessions", store, "--format", "json")
    assert [row["session_id"] for row in rows(result)] == ["good"]
    broken, homeless = result.stderr.splitlines()
    assert broken.startswith("warning: ")
    assert "broken.parquet' cannot be read and is passed over: " in broken
    assert homeless.startswith(
        "warning: 1 spans of the store belong to no session and are passed over; `sessioneval stitch`"
    )


def test_no_sessions_are_no_error(run, store):
    """A filter may match nothing; programs get an empty answer."""
    assert run("sessions", store, "--user", "nobody").stdout.startswith("0 sessions\n")
    assert rows(run("sessions", store, "--user", "nobody", "--format", "json")) == []


def test_a_judged_session_that_went_on_is_stale(run, make_store, write_spans, chat):
    """Its label is of a conversation that has changed since."""
    store = make_store(*chat("s", turns=1))
    run("evaluate", store, "unanswered_session")
    run("import", write_spans(*chat("s", turns=2), name="more.jsonl"), "--store", store)
    assert "answered (stale)" in run("sessions", store).stdout


def test_many_broken_files_are_not_all_named(run, store):
    """A thousand lines would hide the table."""
    for number in range(12):
        (store / "spans" / "date=2026-11-20" / f"broken{number:02}.parquet").write_bytes(b"")
    lines = run("sessions", store).stderr.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "warning: 2 more files of the store cannot be read and are passed over"


def test_a_path_that_no_system_can_hold_is_one_line(run):
    """A name too long is an error of the system; an empty one is a slip."""
    result = run("sessions", "x" * 300)
    assert (result.exit_code, result.stderr.startswith("error: ")) == (1, True)
    assert run("sessions", "").stderr.startswith("error: Invalid value for 'DIR': '' is no path")
