"""The demo: its table reads as written down beforehand, and it leaves nothing behind but the store."""

import io
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import openai
import pandas as pd
import pytest
from opentelemetry import trace
from rich.console import Console

from sessioneval.analysis.frames import evaluations_df, sessions_df, spans_df, transcript
from sessioneval.errors import InputError, JudgeUnavailable, StoreError
from sessioneval.instrument.registration import register
from sessioneval.runs.progress import Progress
from sessioneval.testing.answer import Answer, AnsweredCall
from sessioneval.testing.controlled_sessions import CONTROLLED_SESSIONS
from sessioneval.testing.demo.chat_model import chat_model
from sessioneval.testing.demo.controlled import replay
from sessioneval.testing.demo.pipeline import DemoResult, run
from sessioneval.testing.demo.support_app import MAX_STEPS, Enquiry, serve
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.server import StandIn

EXPECTED_TABLE = [
    ["case", "coherence", "goal_completion", "frustration", "correctness"],
    ["clean", "coherent", "completed", "not_frustrated", "correct"],
    ["incoherent", "incoherent", "completed", "not_frustrated", "incorrect"],
    ["goal not met", "coherent", "not_completed", "not_frustrated", "correct"],
    ["frustrated", "coherent", "completed", "frustrated", "correct"],
]


@dataclass(frozen=True)
class Run:
    """One demo: what it returned, what it printed, and the spans of its store."""

    result: DemoResult
    printed: str
    spans: pd.DataFrame


def demonstrated(store: Path, **options: str) -> Run:
    console = Console(file=io.StringIO(), width=80)
    result = run(store, console=console, **options)
    return Run(result, console.file.getvalue(), spans_df(store))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Run:
    """One run against the stand-in, in an environment without key or address."""
    with pytest.MonkeyPatch.context() as environment:
        for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
            environment.delenv(name, raising=False)
        return demonstrated(tmp_path_factory.mktemp("demo") / "traces")


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def printed_table(text: str, heading: str) -> list[list[str]]:
    """Return the cells of the table whose first heading is `heading`, from its heading to the empty line."""
    lines = text.splitlines()
    start = next(index for index, line in enumerate(lines) if line.split()[:2] == [heading, "coherence"])
    body = lines[start : next(index for index in range(start, len(lines)) if not lines[index].strip())]
    return [line.rsplit(None, 4) for line in map(str.strip, body) if "──" not in line]


def test_the_table_of_the_controlled_sessions_reads_as_written_down_beforehand(demo):
    """This table is what a newcomer sees first: each session fails where it was built to fail."""
    assert printed_table(demo.printed, "case") == EXPECTED_TABLE
    assert demo.result.differences == ()
    assert demo.result.exit_code == 0


def test_the_labels_are_those_in_the_parquet_files(demo):
    """A table that was not read back from disk would prove nothing about the pipeline."""
    rows = pd.read_parquet(demo.result.store / "evaluations")
    stored = {(row.session_id, row.name): row.label for row in rows.itertuples(index=False)}

    assert len(stored) == 36
    assert stored == {(sid, name): label for sid, found in demo.result.labels.items() for name, label in found.items()}


def test_the_stand_in_is_called_what_it_is(demo):
    """Nobody may take the written rules for a language model."""
    assert "It is NOT a language model" in " ".join(demo.printed.split())


def test_the_traced_apps_differ_as_their_users_do(demo):
    """The summary shows why one judges sessions: an impatient student and a distracted one stand out."""
    rows = {name: labels for name, *labels in printed_table(demo.printed, "session")}

    assert len(rows) == 6
    assert rows["photosynthesis"] == ["coherent", "completed", "not_frustrated", "correct"]
    assert rows["fractions"][2] == "frustrated"
    assert rows["the French Revolution"][1] == "not_completed"


def test_each_session_is_evaluated_on_its_anchor_span_only(demo):
    """One row of session_eval.* for each session is what Arize and Phoenix users expect."""
    evaluated = demo.spans[demo.spans["session_eval.coherence.label"].notna()]
    first = demo.spans.groupby("attributes.session.id")["start_time"].min()

    assert len(evaluated) == len(first) == 9
    assert evaluated.set_index("attributes.session.id")["start_time"].to_dict() == first.to_dict()


def test_neither_the_student_nor_the_judge_is_in_the_trace(demo):
    """Their calls are no part of the app; in the store they would be judged themselves."""
    texts = [
        message["message.content"]
        for messages in demo.spans["attributes.llm.input_messages"].dropna()
        for message in messages
        if message["message.role"] == "system"
    ]

    assert texts
    assert not [text for text in texts if "play a student" in text or "Evaluator:" in text]


def test_the_support_agent_calls_two_tools_at_once_below_one_agent_span(demo):
    """Parallel calls in a tree of AGENT, LLM and TOOL spans are what real agents leave."""
    session_id = next(sid for sid in demo.result.labels if sid.startswith("support-two-orders"))
    spans = demo.spans[demo.spans["attributes.session.id"] == session_id]
    agents = spans[spans["span_kind"] == "AGENT"]
    tools = spans[spans["span_kind"] == "TOOL"]
    talk = transcript(demo.result.store, session_id)

    assert agents["parent_id"].isna().all()
    assert set(tools["parent_id"]) < set(agents["context.span_id"])
    assert [len(message.tool_calls) for message in talk.messages if message.tool_calls] == [2, 1]
    assert talk.loss.calls_without_result == talk.loss.results_without_call == 0


def test_a_second_run_in_the_same_directory_adds_sessions_and_judges_only_them(tmp_path):
    """`make demo` twice must neither fail nor continue the sessions of the first run."""
    first = demonstrated(tmp_path / "traces")
    second = demonstrated(tmp_path / "traces")

    assert second.result.exit_code == 0
    assert second.result.progress.evaluated == 36
    assert printed_table(second.printed, "case") == EXPECTED_TABLE
    assert set(sessions_df(tmp_path / "traces").index) == {*first.result.labels, *second.result.labels}
    assert not first.result.labels.keys() & second.result.labels.keys()


def test_sessions_that_were_in_the_store_before_are_not_judged(tmp_path):
    """Who points the demo at a store of a million sessions and a real model must not pay for all of them."""
    provider = register(tmp_path / "traces", set_global=False)
    replay(CONTROLLED_SESSIONS[0], "mine", provider)
    provider.shutdown()
    shown = demonstrated(tmp_path / "traces")

    assert set(evaluations_df(tmp_path / "traces")["session_id"]) == set(shown.result.labels)
    assert "mine" not in shown.result.labels


def test_the_controlled_sessions_are_stored_as_a_chat_app_would_leave_them(demo):
    """One call a turn of the tutor, each with the whole history before it, and word for word what was written."""
    for written in CONTROLLED_SESSIONS:
        session_id = next(sid for sid in demo.result.labels if sid.startswith(written.session_id))
        spans = demo.spans[demo.spans["attributes.session.id"] == session_id]
        inputs = spans[spans["span_kind"] == "LLM"]["attributes.llm.input_messages"]
        said = [{"role": m.role, "content": m.content} for m in transcript(demo.result.store, session_id).messages]

        assert said == [dict(message) for message in written.messages]
        assert [len(messages) for messages in inputs] == list(range(1, len(written.messages), 2))


def test_nothing_is_left_behind_but_the_store(tmp_path, monkeypatch):
    """The demo is a function of a library: provider, client, server and environment are as before."""
    monkeypatch.setenv("NO_PROXY", "example.org")
    monkeypatch.delenv("no_proxy", raising=False)
    before = trace.get_tracer_provider(), openai.OpenAI.request, dict(os.environ), threading.active_count()

    demonstrated(tmp_path / "traces")

    assert before == (trace.get_tracer_provider(), openai.OpenAI.request, dict(os.environ), threading.active_count())


def test_a_proxy_of_the_environment_does_not_come_between(tmp_path, monkeypatch):
    """A company's proxy cannot reach the stand-in on this machine."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert demonstrated(tmp_path / "traces").result.exit_code == 0


def test_a_real_model_is_named_and_used_for_all_parts(tmp_path):
    """With --model the same way goes through any OpenAI-compatible endpoint."""
    with StandIn(api_key="sk-the-right-key", models=["model-7"]) as server:
        shown = demonstrated(tmp_path / "traces", model="model-7", base_url=server.base_url, api_key="sk-the-right-key")
        kinds = server.stats["by_kind"]

    assert f"Model model-7 at {server.base_url}" in shown.printed
    assert "stand-in" not in shown.printed.split("Next:")[0]
    assert "sk-the-right-key" not in shown.printed
    assert not shown.result.is_stand_in
    assert set(kinds) == {"tutor", "student", "support", "judge"}
    assert kinds["judge"] == 36


def contrary(request):
    """Judge all sessions incoherent in words that are no JSON for correctness; play the other parts by the rules."""
    given = answer_by_rules(request)
    if given.kind != "judge":
        return given
    asked = request.messages[-1].text.partition("\n")[0]
    if "correctness" in asked:
        return Answer(kind="judge", text="I would rather not say.")
    return (
        Answer(kind="judge", text='{"explanation": "so be it", "label": "incoherent"}')
        if "coherence" in asked
        else given
    )


def test_a_real_model_that_judges_otherwise_is_reported_and_failed_evaluations_have_no_label(tmp_path):
    """A model's opinion is no fault of the pipeline; an evaluation that failed is, and is never shown as a label."""
    with StandIn(answerer=contrary) as server:
        shown = demonstrated(tmp_path / "traces", model="contrary", base_url=server.base_url)

    assert "differs: clean: coherence is 'incoherent', expected 'coherent'" in shown.printed
    assert shown.result.progress.failed == 9
    assert shown.result.exit_code == 3
    assert "9 x correctness failed" in shown.printed
    assert [row[-1] for row in printed_table(shown.printed.replace("no label", "no_label"), "case")[1:]] == [
        "no_label"
    ] * 4


@pytest.mark.parametrize(
    ("is_stand_in", "differences", "failed", "exit_code"),
    [(True, (), 0, 0), (True, ("clean: ...",), 0, 1), (False, ("clean: ...",), 0, 0), (False, (), 2, 3)],
)
def test_the_exit_code_tells_a_fault_from_an_opinion(is_stand_in, differences, failed, exit_code):
    """The rules' labels are known, so another one is a fault; a language model may think otherwise."""
    result = DemoResult(
        store=Path(), labels={}, differences=differences, progress=Progress(failed=failed), is_stand_in=is_stand_in
    )

    assert result.exit_code == exit_code


def test_a_refusing_endpoint_is_one_clear_error_and_everything_is_torn_down(tmp_path):
    """A wrong key is the most common mistake; the key itself is never shown."""
    request = openai.OpenAI.request
    with StandIn(api_key="sk-the-right-key") as server, pytest.raises(JudgeUnavailable, match="check key") as caught:
        demonstrated(tmp_path / "traces", model="m", base_url=server.base_url, api_key="sk-a-wrong-key-42")

    assert "sk-a-wrong-key-42" not in str(caught.value)
    assert openai.OpenAI.request is request


@pytest.mark.parametrize(
    ("options", "said"),
    [({"base_url": "http://127.0.0.1:9/v1"}, "without a model"), ({"model": "m"}, "OPENAI_API_KEY")],
)
def test_a_model_that_cannot_be_asked_is_refused_before_anything_is_written(tmp_path, options, said):
    """Half a demo helps nobody."""
    with pytest.raises(InputError, match=said):
        demonstrated(tmp_path / "traces", **options)

    assert not (tmp_path / "traces").exists()


def test_a_store_that_cannot_be_written_is_said_so(tmp_path):
    """The exporter never raises into an app, so the demo has to look at its counts."""
    (tmp_path / "traces").write_text("in the way")

    with pytest.raises(StoreError, match="can be written to"):
        demonstrated(tmp_path / "traces")


def restless(request):
    """Call a tool that does not exist as long as any tool is offered."""
    if request.tools:
        return Answer(kind="support", calls=(AnsweredCall(id="call_1", name="time_travel", arguments="[]"),))
    return Answer(kind="support", text="I give up.")


def test_an_agent_whose_model_only_calls_tools_ends_with_an_answer(tmp_path):
    """A language model may call what there is not, again and again; every call gets a result and the turn ends."""
    provider = register(tmp_path / "traces", set_global=False)
    enquiry = Enquiry(name="n", user_id="u", messages=("Hello?",))
    with StandIn(answerer=restless) as server, chat_model("m", server.base_url, None) as model:
        serve(model, enquiry, "chat-1", provider)
        calls = server.stats["requests"]
    provider.shutdown()
    spans = spans_df(tmp_path / "traces")

    assert calls == MAX_STEPS + 1
    assert spans["attributes.output.value"].dropna().iloc[0] == "I give up."
    assert list(spans[spans["span_kind"] == "TOOL"]["status_code"]) == ["ERROR"] * MAX_STEPS


def test_the_command_exits_with_0_and_prints_the_table(tmp_path):
    """`make demo` is this command; it is the first thing that a newcomer types."""
    command = [sys.executable, "-c", "from sessioneval.cli.main import main; main()", "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert printed_table(done.stdout, "case") == EXPECTED_TABLE
    assert (tmp_path / "demo-traces" / "spans").is_dir()
