"""`sessioneval show`."""

import json

import pytest


def test_people_read_the_conversation_and_its_evaluations(run, store):
    """In order, with roles, calls and what is missing."""
    run("evaluate", store, "unanswered_session")
    lines = run("show", store, "third").stdout.splitlines()
    assert lines[0] == "session third"
    assert [line for line in lines if line.endswith(":") and line.startswith("[")][:3] == [
        "[0] system:",
        "[0] user:",
        "[0] assistant:",
    ]
    assert '  -> look_up({"city": "Köln"})' in lines
    assert any(line.startswith("unanswered_session = unanswered (0): ") for line in lines)
    assert lines[-1] == "loss: calls_without_result 1 (--loss shows all)"


def test_the_loss_report_is_a_table_on_request(run, store):
    """Every count, also the zeros."""
    lines = [line.split() for line in run("show", store, "third", "--loss").stdout.splitlines()]
    table = lines[lines.index(["loss", "n"]) :]
    assert ["calls_without_result", "1"] in table
    assert ["redacted", "0"] in table


def test_json_holds_everything(run, store):
    """The transcript as `transcripts` writes it, and the evaluations."""
    run("evaluate", store, "turn_count")
    shown = json.loads(run("show", store, "third", "--format", "json").stdout)
    (line,) = run("transcripts", store, "--session", "third").stdout.splitlines()
    (evaluation,) = shown.pop("evaluations")
    assert (evaluation["name"], evaluation["score"]) == ("turn_count", 2.0)
    assert shown == json.loads(line)


def test_rows_are_messages(run, store):
    """CSV: a row each, all columns always there."""
    lines = run("show", store, "first", "--format", "csv").stdout.splitlines()
    assert lines[0] == "turn,role,content,name,agent,tool_calls,tool_call_id,span_id"
    assert len(lines) == 6


def test_an_unknown_session_names_the_nearest(run, store):
    """A usage error: the value can be corrected."""
    result = run("show", store, "frist")
    assert (result.exit_code, result.stderr) == (
        2,
        "error: unknown session 'frist'; did you mean 'first'? Known: first, second, third\n",
    )


@pytest.mark.parametrize("session_id", ["a\0b", "\x1b[2J", "../../x", "[red]x[/red]", "x" * 5_000, "😀"])
def test_a_session_is_found_by_its_id_and_by_what_is_shown_of_it(run, make_store, chat, session_id):
    """No shell can pass a NUL; what the table shows can be pasted."""
    store = make_store(*chat(session_id, turns=1))
    shown = run("sessions", store).stdout.splitlines()[3].split()[0]
    for written in (session_id, shown):
        result = run("show", store, written)
        assert (result.exit_code, result.stdout.splitlines()[0]) == (0, f"session {shown}")


def test_hostile_text_cannot_steer_the_terminal(run, make_store, chat):
    """Content, call arguments and names are strangers' text; a lone surrogate is in no encoding."""
    calls = [("\x1b[31mtool", '{"a": "\\ud83d \\u001b[2J"}')]
    store = make_store(*chat("s", turns=1, calls=calls))
    for form in ("text", "json"):
        result = run("show", store, "s", "--format", form)
        assert result.exit_code == 0
        assert "\x1b" not in result.stdout
        assert "\\ud83d" in result.stdout
