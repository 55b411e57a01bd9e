"""What the judges of a session are billed: the stand-in bills as providers do, in both regimes of prompt caches.

T is the tokens of one prompt; four judges that share nothing are billed 4.0 T.
"""

import asyncio
import json
from dataclasses import replace
from statistics import mean

import pytest
from span_factory import assistant, llm, table, transcripts, user

from sessioneval.errors import JudgeRefused
from sessioneval.evaluators.dialect import Dialect
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric_library import rubric_named
from sessioneval.runs.evaluating import evaluate
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

JUDGES = ["coherence", "correctness", "frustration", "goal_completion"]
N_SESSIONS = 12
KILOBYTES = 32


def talk(number, kilobytes=KILOBYTES):
    """Return the span of a session with so much text."""
    said = [(user, assistant)[turn % 2](f"{number} {turn} " + "words " * 165) for turn in range(kilobytes)]
    return llm(number + 1, said[:-1], said[-1:], trace=number + 1, at=float(number), session=f"s{number:02}")


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    made.append_spans(table(*(talk(number) for number in range(N_SESSIONS))))
    return made


@pytest.fixture
def transcript():
    (made,) = transcripts(talk(0, 8))
    return made


def billed(store, regime, **options):
    """Return the input that each session is billed, in T."""
    with StandIn(Faults(latency_seconds=0.02), prompt_cache=regime) as server:
        made = evaluate(store, JUDGES, model="stand-in", base_url=server.base_url, **options)
        assert (made.progress.evaluated, made.progress.failed) == (4 * N_SESSIONS, 0)
        assert len(server.bills) == N_SESSIONS
        return [bill["billed_input_tokens"] * bill["calls"] / bill["prompt_tokens"] for bill in server.bills.values()]


@pytest.mark.parametrize(
    ("regime", "prompt_cache", "most"),
    [("none", "none", 4.0), ("automatic", "none", 1.5), ("automatic", "key", 1.5), ("breakpoint", "breakpoint", 1.7)],
)
def test_a_sessions_judges_are_billed_for_about_one_prompt(store, regime, prompt_cache, most):
    """The first judge fills the cache, the others read it; 32 kB of conversation, all sessions at once."""
    assert most - 0.3 < mean(billed(store, regime, prompt_cache=prompt_cache)) <= most


@pytest.mark.parametrize(("regime", "most"), [("automatic", 1.4), ("breakpoint", 1.6)])
def test_the_rules_are_shared_by_all_sessions(store, regime, most):
    """One session after the other: only the first pays for the rules."""
    option = "breakpoint" if regime == "breakpoint" else "key"
    first, *others = billed(store, regime, prompt_cache=option, concurrency=1)
    assert max(others) < first
    assert mean(others) <= most


def test_without_a_breakpoint_the_newer_regime_costs_more_than_no_cache(store):
    """It writes a prefix that ends behind the question, for each judge anew: so the option matters."""
    assert mean(billed(store, "breakpoint", prompt_cache="none")) > 4.0


class Listener:
    """A channel that keeps the calls and answers none."""

    def __init__(self):
        self.calls = []

    async def complete(self, call):
        """Refuse."""
        self.calls.append(call)
        raise JudgeRefused("not asked")

    async def aclose(self):
        """Nothing to close."""


def request(rubric, transcript, **options):
    """Return a judge's request, as sent."""
    listener = Listener()
    judge = Judge(rubric, model="m", base_url="http://localhost:1/v1", **options)
    asyncio.run(judge.through(listener).evaluate(transcript))
    return Dialect().body(listener.calls[0])


def shared(one, other):
    """Return how many bytes two requests begin with in common."""
    return next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)


@pytest.mark.parametrize("prompt_cache", ["none", "key", "breakpoint", "cache_control"])
def test_requests_of_a_sessions_judges_are_equal_up_to_the_question(transcript, prompt_cache):
    """Model, response schema, rules and transcript, byte for byte; the question says first which evaluator asks."""
    first, *others = (request(name, transcript, prompt_cache=prompt_cache) for name in JUDGES)
    question = first.index(b"Evaluator: coherence")
    assert all(shared(first, other) >= question for other in others)
    assert question > 12_000


def test_another_rubric_changes_no_byte_before_the_question(transcript):
    """Else each edit of a rubric would cost a transcript."""
    rubric = rubric_named("coherence")
    other = replace(rubric, question=f"{rubric.question} Be strict.", labels={"yes": 1.0, "no": 0.0}, definitions={})
    one, two = request(rubric, transcript), request(other, transcript)
    assert shared(one, two) > one.index(b"Evaluator: coherence")
    assert json.loads(one)["response_format"] == json.loads(two)["response_format"]
