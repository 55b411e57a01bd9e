"""`sessioneval evaluate`."""

import json
import signal

import pytest

from sessioneval.analysis.frames import evaluations_df, spans_df
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

RUBRIC = 'name = "polite"\nversion = "1"\nquestion = "Polite?"\n[labels]\nyes = 1\nno = 0\n'


@pytest.fixture
def stand_in():
    """The stand-in model on a free port."""
    with StandIn() as server:
        yield server


def judge(server, *names):
    """Return arguments that judge by the stand-in."""
    return [*names, "--model", "stand-in", "--base-url", server.base_url]


def test_every_session_is_judged_and_a_second_run_calls_nobody(run, store, stand_in):
    """The counts line, the shares with their n and interval, the anchor spans."""
    first = run("evaluate", store, *judge(stand_in, "coherence", "goal_completion"), "turn_count")
    assert (first.exit_code, first.stderr) == (0, "")
    assert first.stdout.splitlines()[-1] == "3 sessions, 9 evaluations: 9 new, 0 reused, 0 failed, 0 skipped"
    assert "coherence         coherent        3 of 3   100.0 % [43.9, 100.0]" in first.stdout
    assert "turn_count   3   2 [from 6 sessions on]" in first.stdout
    assert spans_df(store)["session_eval.coherence.label"].notna().sum() == 3
    stand_in.reset()
    second = run("evaluate", store, *judge(stand_in, "coherence", "goal_completion"), "turn_count")
    assert second.stdout.splitlines()[-1] == "3 sessions, 9 evaluations: 0 new, 9 reused, 0 failed, 0 skipped"
    assert second.stdout.splitlines()[:-1] == first.stdout.splitlines()[:-1]
    assert stand_in.stats["requests"] == 0


def test_programs_get_the_result_and_people_the_counts(run, store):
    """JSON on stdout, the line on stderr."""
    result = run("evaluate", store, "tool_errors", "--format", "json", "--session", "first")
    answer = json.loads(result.stdout)
    assert (answer["sessions"], answer["evaluations"], answer["new"]) == (1, 1, 1)
    assert [(row["label"], row["n"], row["of"]) for row in answer["results"]] == [("clean", 1, 1), ("errors", 0, 1)]
    assert result.stderr == "1 sessions, 1 evaluations: 1 new, 0 reused, 0 failed, 0 skipped\n"
    lines = run("evaluate", store, "tool_errors", "--format", "csv", "--session", "first").stdout.splitlines()
    assert lines[0].startswith("evaluator,status,label,reason,n,of,share,")
    assert len(lines) == 3


def test_some_failures_are_exit_code_3_and_grouped_by_error(run, store):
    """A failed judgement has no label, is in no share and is tried again."""
    with StandIn(Faults(garble_rate=1.0)) as broken:
        result = run("evaluate", store, *judge(broken, "coherence"), "turn_count")
    assert result.exit_code == 3
    assert result.stdout.splitlines()[-1] == "3 sessions, 6 evaluations: 3 new, 0 reused, 3 failed, 0 skipped"
    assert [line.split()[:3] for line in result.stdout.splitlines() if "JudgeAnswerError" in line] == [
        ["coherence", "JudgeAnswerError", "3"]
    ]
    assert "coherent " not in result.stdout
    with StandIn() as mended:
        again = run("evaluate", store, *judge(mended, "coherence"), "turn_count")
    assert again.stdout.splitlines()[-1] == "3 sessions, 6 evaluations: 3 new, 3 reused, 0 failed, 0 skipped"


def test_a_key_is_never_shown(run, store):
    """Not in a message, not in the store."""
    with StandIn(api_key="right-key-0123456789") as locked:
        result = run("evaluate", store, *judge(locked, "coherence"), "--api-key", "wrong-key-0123456789")
    assert result.exit_code == 3
    assert "JudgeRefused" in result.stdout
    assert "wrong-key" not in result.output + evaluations_df(store, history=True).to_csv()


def test_a_rubric_file_is_an_evaluator(run, store, stand_in, tmp_path):
    """Anything that ends in .toml is a path."""
    path = tmp_path / "polite.toml"
    path.write_text(RUBRIC)
    assert run("evaluate", store, *judge(stand_in, path)).exit_code == 0
    assert set(evaluations_df(store)["name"]) == {"polite"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [(["--sample", "0"], "not_sampled"), (["--completed-only"], "not_complete"), (["--idle", "900000d"], "not_idle")],
)
def test_what_is_not_due_is_skipped_with_its_reason(run, store, options, reason):
    """Why there is no score has an answer."""
    result = run("evaluate", store, "turn_count", *options)
    assert result.exit_code == 0
    assert result.stdout == f"3 sessions, 3 evaluations: 0 new, 0 reused, 0 failed, 3 skipped ({reason} 3)\n"


def test_the_completion_marker_can_be_another(run, make_store, chat):
    """Apps mark the end of a session in their own words."""
    store = make_store(*chat("ended", turns=1, phase="over"), *chat("open", 1, turns=1))
    result = run("evaluate", store, "turn_count", "--completed-only", "--completion", "phase=over")
    assert "1 new, 0 reused, 0 failed, 1 skipped" in result.stdout


def test_filters_choose_what_is_judged(run, store):
    """As for every reading command."""
    run("evaluate", store, "turn_count", "--user", "bob")
    assert evaluations_df(store)["session_id"].tolist() == ["second"]


def test_concurrency_must_be_positive(run, store):
    """Zero workers would wait for ever."""
    result = run("evaluate", store, "turn_count", "--concurrency", "0")
    assert (result.exit_code, result.stderr) == (2, "error: concurrency 0 is too small; use 1 or more\n")


def test_ctrl_c_keeps_what_is_finished_and_the_next_run_goes_on(run, start, make_store, chat):
    """Exit code 130, one line, no traceback; nothing is paid for twice."""
    store = make_store(*(span for number in range(60) for span in chat(f"s{number}", number, turns=1)))
    with StandIn(Faults(latency_seconds=0.1)) as slow:
        process = start("evaluate", store, *judge(slow, "coherence"), "--concurrency", "2")
        while slow.stats["requests"] < 8:
            if process.poll() is not None:
                pytest.fail(process.stderr.read().decode())
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert process.returncode == 130
    assert errors.decode().split("\n")[-2:] == [
        "stopped; finished evaluations are kept, run the same command again to go on",
        "",
    ]
    assert "Traceback" not in errors.decode()
    kept = len(evaluations_df(store))
    assert kept >= 4
    with StandIn() as server:
        rest = run("evaluate", store, *judge(server, "coherence"))
        assert server.stats["requests"] == 60 - kept
    assert f"{60 - kept} new, {kept} reused" in rest.stdout
