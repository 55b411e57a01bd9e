"""Judging a store: everything once, nothing lost, nothing paid for twice, whatever happens meanwhile."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from span_factory import llm, span, table, turns, user

from sessioneval.analysis.frames import evaluations_df, sessions_df
from sessioneval.errors import InputError, JudgeUnavailable, StoreError
from sessioneval.evaluators.code import evaluator
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric import Rubric
from sessioneval.runs.evaluating import evaluate, evaluate_async
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.selection import Selection
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.server import StandIn

APP = Path(__file__).parent / "apps" / "judging.py"
JUDGES = ["coherence", "frustration"]
N_SESSIONS = 12


@pytest.fixture
def server():
    with StandIn() as running:
        yield running


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    for number in range(N_SESSIONS):
        made.append_spans(table(*turns(2, session=f"s{number:02}", first=100 * number)))
    return made


def judge(store, server, evaluators=JUDGES, **options):
    return evaluate(store, evaluators, model="stand-in", base_url=server.base_url, **options)


def evaluated(store):
    """Return how often each (session, evaluator) was evaluated."""
    return Counter(
        (row["session_id"], row["name"]) for row in store.evaluations().to_pylist() if row["status"] == "evaluated"
    )


def every_pair_once():
    return Counter((f"s{number:02}", name) for number in range(N_SESSIONS) for name in JUDGES)


class Trap:
    """The stand-in's rules, and something that happens when a given request arrives."""

    def __init__(self):
        self.n_requests = 0
        self.at = {}

    def __call__(self, request):
        self.n_requests += 1
        if action := self.at.pop(self.n_requests, None):
            action()
        return answer_by_rules(request)


@pytest.fixture
def trap():
    return Trap()


@pytest.fixture
def trapped(trap):
    with StandIn(answerer=trap) as running:
        yield running


def start(store, server, *evaluators, concurrency=4):
    arguments = [str(store.path), server.base_url, str(concurrency), *(evaluators or JUDGES)]
    return subprocess.Popen(
        [sys.executable, APP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_every_session_is_judged_by_every_evaluator(store, server):
    """The row holds what was judged, by whom, how and for how much."""
    made = judge(store, server)
    assert evaluated(store) == every_pair_once()
    assert server.stats["finished"] == made.progress.evaluated == made.progress.done == made.progress.planned == 24
    first = min(made.evaluations, key=lambda each: (each.session_id, each.name))
    session = sessions_df(store).loc["s00"]
    assert (first.session_id, first.name, first.label, first.score) == ("s00", "coherence", "coherent", 1.0)
    assert (first.annotator_kind, first.model, first.run_id) == ("LLM", "stand-in", made.run_id)
    assert first.anchor_span_id == session["anchor_span_id"]
    assert (first.judged_until, first.n_messages) == (session["end_time"], 5)
    assert first.usage.calls == 1
    assert first.usage.input_tokens > 0
    assert first.transcript_digest
    assert made.failures == []
    assert made.started_at <= first.created_at <= made.ended_at


def test_second_run_makes_no_call_and_writes_no_row(store, server):
    """A nightly run over the same sessions is free."""
    judge(store, server)
    rows = store.evaluations().num_rows
    server.reset()
    made = judge(store, server).progress
    assert (server.stats["requests"], made.reused, made.evaluated) == (0, 24, 0)
    assert store.evaluations().num_rows == rows


def test_session_that_went_on_is_stale_then_judged_again(store, server):
    """Only what changed is paid for."""
    judge(store, server)
    more = [*turns(2, session="s03", first=300), llm(900, [user("and now?")], trace=900, at=500, session="s03")]
    store.append_spans(table(*more))
    stale = sessions_df(store)["session_eval.coherence.is_stale"]
    assert stale[stale].index.tolist() == ["s03"]
    server.reset()
    assert judge(store, server).progress.evaluated == server.stats["requests"] == 2
    assert not sessions_df(store)["session_eval.coherence.is_stale"].any()


def test_new_spans_without_new_words_are_not_paid_for(store, server):
    """A database span that arrives late changes nothing that a judge reads."""
    judge(store, server)
    store.append_spans(table(span(901, trace=301, kind="UNKNOWN", parent=301, at=2, session="s03")))
    server.reset()
    made = judge(store, server).progress
    assert (server.stats["requests"], made.reused, made.planned, made.done) == (0, 24, 2, 2)


def test_judgement_carried_over_to_new_spans_is_not_stale(store, server):
    """The conversation was judged as it is, so the frame must not ask for a judgement that costs nothing and never comes."""
    judge(store, server)
    store.append_spans(table(span(901, trace=301, kind="UNKNOWN", parent=301, at=2, session="s03")))
    stale = sessions_df(store).loc["s03", "session_eval.coherence.is_stale"]
    before = evaluations_df(store).set_index(["session_id", "name"]).loc[("s03", "coherence")]
    judge(store, server)
    after = evaluations_df(store).set_index(["session_id", "name"]).loc[("s03", "coherence")]
    assert (stale, sessions_df(store).loc["s03", "session_eval.coherence.is_stale"]) == (True, False)
    assert (after["label"], after["explanation"], after["calls"]) == (before["label"], before["explanation"], 0)
    assert judge(store, server).progress.planned == 0


def test_changed_rubric_is_another_judge(store, server):
    """Its number must not be mixed with the old one, so all sessions are judged again, and the old rows stay."""
    texts = {"name": "politeness", "labels": {"polite": 1.0, "rude": 0.0}, "question": "Is the assistant polite?"}
    judge(store, server, [Rubric(version="1", **texts)])
    made = judge(store, server, [Rubric(version="2", **texts)])
    assert (made.progress.evaluated, made.progress.reused) == (12, 0)
    assert set(evaluated(store).values()) == {2}
    assert len(evaluations_df(store)) == 12


def test_failures_are_rows_and_are_tried_again(store):
    """A failure is never a score; the next run repairs it and pays for nothing else."""
    with StandIn(Faults(refusal_rate=0.6)) as server:
        first = judge(store, server)
    assert 0 < first.progress.failed < 24
    assert {each.status for each in first.failures} == {"failed"}
    assert all(each.score is None and each.label is None and each.error for each in first.failures)
    assert first.progress.failures.total() == len(first.failures) == first.progress.failed
    with StandIn() as server:
        second = judge(store, server)
        assert server.stats["requests"] == first.progress.failed
    assert (second.progress.evaluated, second.progress.failed) == (first.progress.failed, 0)
    assert evaluated(store) == every_pair_once()
    assert (evaluations_df(store)["status"] == "evaluated").all()


def test_evaluator_that_raises_fails_its_own_sessions_only(store, server):
    """One odd session must not end a run of a million."""

    @evaluator
    def picky(transcript):
        if transcript.session_id == "s05":
            raise ValueError("odd \ud800 session")
        return True

    made = judge(store, server, [picky, "turn_count"])
    assert (made.progress.evaluated, made.progress.failed) == (23, 1)
    assert made.failures[0].session_id == "s05"


def test_skips_are_written_once_with_their_reason(store, server):
    """The question "why is there no score" has one answer for each session, not one for each night."""
    store.append_spans(table(span(990, trace=990, kind="LLM", session="silent")))
    rule = DueRule(sample=0.5)
    first = judge(store, server, rule=rule)
    rows = store.evaluations().num_rows
    second = judge(store, server, rule=rule)
    assert store.evaluations().num_rows == rows == 26
    assert first.progress.skip_reasons == second.progress.skip_reasons
    assert set(first.progress.skip_reasons) == {"not_sampled"} | (set(first.progress.skip_reasons) & {"no_messages"})
    everything = judge(store, server)
    assert everything.progress.skip_reasons == Counter(no_messages=2)
    assert everything.progress.done == everything.progress.planned
    rows_after = store.evaluations().num_rows
    again = judge(store, server)
    assert again.progress.skip_reasons == Counter(no_messages=2)
    assert again.progress.done == again.progress.planned == 2
    assert store.evaluations().num_rows == rows_after
    assert evaluations_df(store).set_index("session_id").loc["silent", "reason"].tolist() == ["no_messages"] * 2


def test_evaluator_that_does_not_apply_says_so_once(store, server):
    """None means "not for this session"; the row is there, and no second one every night."""

    @evaluator
    def rare(transcript):
        return 1.0 if transcript.session_id == "s00" else None

    first = judge(store, server, [rare])
    rows = store.evaluations().num_rows
    second = judge(store, server, [rare])
    assert (first.progress.evaluated, first.progress.skipped) == (1, 11)
    assert (second.progress.reused, second.progress.skipped) == (1, 11)
    assert store.evaluations().num_rows == rows == 12


def test_session_with_damaged_spans_is_not_judged_by_half(store, server):
    """A judgement of what happens to be readable would stand for ever as the judgement of the session."""
    (path,) = store.append_spans(table(*turns(2, session="torn", first=5000)))
    with_text = pq.ParquetFile(path).metadata.row_group(0)
    chunks = [with_text.column(n) for n in range(with_text.num_columns)]
    damaged = next(
        each for each in chunks if each.path_in_schema.endswith("output_messages.list.element.message.content")
    )
    content = bytearray(path.read_bytes())
    start = damaged.dictionary_page_offset
    content[start : start + damaged.total_compressed_size] = b"\xff" * damaged.total_compressed_size
    path.write_bytes(content)
    made = judge(store, server).progress
    assert (made.evaluated, made.skip_reasons) == (24, Counter(unreadable_spans=2))
    path.unlink()
    store.append_spans(table(*turns(2, session="torn", first=5000)))
    assert judge(store, server).progress.evaluated == 2


def test_idle_sessions_wait_unless_marked(store, server):
    """A conversation that may go on would be judged twice."""
    store.append_spans(table(span(991, trace=991, session="s04", at=60, SESSION_STATUS="completed")))
    made = judge(store, server, rule=DueRule(idle=timedelta(days=36_500)))
    assert {session for session, _ in evaluated(store)} == {"s04"}
    assert made.progress.skip_reasons == Counter(not_idle=22)


def test_selected_sessions_only(store, server):
    """What is not selected gets no row at all."""
    made = judge(store, server, selection=Selection(session_ids=frozenset({"s01", "s02"})))
    assert (made.progress.n_sessions, made.progress.evaluated) == (2, 4)
    assert {row["session_id"] for row in store.evaluations().to_pylist()} == {"s01", "s02"}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_a_bound(store, concurrency):
    """A paid endpoint limits how much may be asked at once."""
    with StandIn(Faults(latency_seconds=0.02)) as server:
        judge(store, server, concurrency=concurrency)
        assert server.stats["peak_in_flight"] == concurrency


def test_progress_is_told_after_every_decision(store, server):
    """It grows by one, ends at the plan, and adds up with the tokens."""
    seen = []
    made = judge(store, server, on_progress=seen.append)
    done = [each.done for each in seen]
    assert done == sorted(done)
    assert set(done) == set(range(25))
    assert seen[-1] == made.progress
    assert made.progress.usage.calls == 24
    assert made.progress.labels.total() == 24


def test_a_notebook_may_call_it(store, server):
    """A loop is running there already."""

    async def cell():
        return judge(store, server), await evaluate_async(store, JUDGES, model="stand-in", base_url=server.base_url)

    blocking, awaited = asyncio.run(cell())
    assert (blocking.progress.evaluated, awaited.progress.reused) == (24, 24)


@pytest.mark.parametrize(
    ("evaluators", "options", "words"),
    [
        (["coherense"], {}, "did you mean 'coherence'"),
        ([], {}, "no evaluator given"),
        (["coherence", "coherence"], {}, "given twice"),
        (["coherence"], {"model": None}, "model"),
        (["coherence"], {"concurrency": 0}, "concurrency 0 is too small"),
        (["coherence"], {"base_url": "localhost:8000"}, "localhost:8000"),
        ([3], {}, "3 is no evaluator"),
    ],
    ids=str,
)
def test_wrong_arguments_are_told_before_any_call_and_any_row(store, server, evaluators, options, words):
    """Half a run with a typing mistake in it costs money."""
    options = {"model": "stand-in", "base_url": server.base_url} | options
    with pytest.raises(InputError, match=words):
        evaluate(store, evaluators, **options)
    assert server.stats["requests"] == 0
    assert not store.evaluations_folder.exists()


def test_wrong_path_is_told_before_any_call(tmp_path, server):
    """The same for the store."""
    with pytest.raises(StoreError, match="no store at"):
        judge(tmp_path / "trcaes", server)
    assert server.stats["requests"] == 0


def test_unreachable_endpoint_fails_every_pair_with_its_reason(store, server):
    """The run ends, each row says why, and nothing is a score."""
    url = server.base_url
    gone = Judge("coherence", model="m", base_url=url.replace(url.rsplit(":", 1)[1], "1/v1"), max_retries=0)
    made = evaluate(store, [gone])
    assert made.progress.failures == Counter({("coherence", JudgeUnavailable.__name__): 12})
    assert evaluations_df(store)["score"].isna().all()


def test_store_without_sessions_is_done_at_once(tmp_path, server):
    """An app that has not said a word yet."""
    (tmp_path / "spans").mkdir()
    assert judge(tmp_path, server).progress.n_sessions == 0


@pytest.mark.parametrize("crashes", [(1,), (5, 6), (2, 1, 8, 3)])
def test_kill_at_any_request_pays_for_no_finished_evaluation_twice(store, trapped, trap, crashes):
    """Finished means: its answer was written; only what was in flight may be asked again."""
    for at in crashes:
        app = start(store, trapped)
        trap.at[trap.n_requests + at] = app.kill
        app.communicate()
        assert app.returncode == -signal.SIGKILL
        trap.at.clear()
    app = start(store, trapped)
    out, err = app.communicate()
    assert app.returncode == 0, err
    assert sum(map(int, out.split())) == 24
    assert evaluated(store) == every_pair_once()
    assert trapped.stats["requests"] <= 24 + 4 * len(crashes)
    assert not list(store.evaluations_folder.glob(".journal-*"))


def test_finished_evaluations_are_read_while_the_run_goes_on(store, trapped, trap):
    """A notebook beside a long run shows what is done so far."""
    seen = []
    reached = threading.Event()
    trap.at[20] = lambda: (seen.append(sum(evaluated(store).values())), reached.set())
    judge(store, trapped, concurrency=4)
    assert reached.is_set()
    assert 15 <= seen[0] <= 19


def test_interrupt_keeps_what_is_finished(store, trapped, trap):
    """Ctrl-C is how people stop a run that costs too much."""
    app = start(store, trapped)
    trap.at[10] = lambda: os.kill(app.pid, signal.SIGINT)
    _, err = app.communicate()
    assert app.returncode != 0
    assert "KeyboardInterrupt" in err
    kept = sum(evaluated(store).values())
    assert 6 <= kept < 24
    assert not list(store.evaluations_folder.glob(".journal-*"))
    made = judge(store, trapped).progress
    assert (made.reused, made.evaluated) == (kept, 24 - kept)


def test_two_runs_at_once_do_not_harm_each_other(store, server):
    """Two cron jobs overlap: work may be done twice, but nothing is lost or torn."""
    runs = [start(store, server, "coherence", "frustration"), start(store, server, "frustration", "coherence")]
    errors = [app.communicate()[1] for app in runs]
    assert [app.returncode for app in runs] == [0, 0], errors
    assert set(evaluated(store)) == set(every_pair_once())
    assert len(evaluations_df(store)) == 24
    assert judge(store, server).progress.reused == 24
