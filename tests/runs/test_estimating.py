"""Estimates: what a run would ask, without asking; the real run then asks just that."""

from datetime import timedelta

import pytest
from span_factory import llm, table, turns, user

from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.panel import Panel
from sessioneval.evaluators.registry import resolve
from sessioneval.model.evaluation import Usage
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.estimating import ASSUMED_CALL, estimate, prompts
from sessioneval.runs.evaluating import evaluate
from sessioneval.runs.limited_channel import Limits
from sessioneval.runs.prices import Price, Prices
from sessioneval.runs.run import Scope
from sessioneval.sessions.due import DueRule
from sessioneval.sessions.tokens import token_counter
from sessioneval.store.store import Store
from sessioneval.testing.server import StandIn

URL = "http://localhost:1/v1"
JUDGES = ["coherence", "frustration", "correctness", "goal_completion"]
N_SESSIONS = 5


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "traces")
    for number in range(N_SESSIONS):
        made.append_spans(table(*turns(2, session=f"s{number:02}", first=100 * number)))
    return made


def estimated(store, evaluators=JUDGES, **options):
    return estimate(store, evaluators, model="gpt-4o-mini", base_url=URL, **options)


def test_nothing_is_asked_or_written(store):
    """The address leads nowhere, and the folder of evaluations does not appear."""
    found = estimated(store)
    assert (found.n_sessions, found.n_evaluations, found.usage.calls) == (N_SESSIONS, 20, 20)
    assert not store.evaluations_folder.exists()


def test_the_run_makes_the_calls_that_were_estimated(store):
    """Same sessions, same judges, same number of calls; what was judged is not estimated again."""
    with StandIn() as server:
        before = estimate(store, JUDGES, model="stand-in", base_url=server.base_url)
        made = evaluate(store, JUDGES, model="stand-in", base_url=server.base_url)
        assert made.progress.usage.calls == before.usage.calls == 20
        after = estimate(store, JUDGES, model="stand-in", base_url=server.base_url)
    assert (after.n_evaluations, after.n_reused, after.usage) == (0, 20, Usage())


def test_judges_of_a_session_share_what_can_be_cached(store):
    """The first call pays for rules and transcript, the other three read them from the cache, in steps of 128."""
    one, four = estimated(store, ["coherence"]).usage, estimated(store).usage
    assert one.cached_tokens == 0
    assert 0 < four.cached_tokens <= 3 * one.input_tokens
    assert four.cached_tokens % 128 == 0


def test_money_is_counted_with_and_without_the_cache(store):
    """What the cache is worth is known before the run."""
    prices = Prices(table={"gpt-4o-mini": Price(input=1.0, output=10.0, cached=0.1)})
    found = estimated(store, prices=prices)
    (model,) = found.models
    assert model.cost_uncached_usd - model.cost_usd == pytest.approx(0.9e-6 * model.usage.cached_tokens)
    assert found.cost_usd == model.cost_usd


def test_a_model_without_a_price_has_no_estimate_of_money(store):
    """None, not 0."""
    assert estimate(store, JUDGES, model="mine", base_url=URL).cost_usd is None


def test_the_tokenizer_is_named(store):
    """Whether tokens were counted or estimated is said."""
    (model,) = estimated(store).models
    assert model.tokenizer == token_counter("gpt-4o-mini").name


@pytest.mark.parametrize(
    ("limits", "duration"),
    [
        (Limits(concurrency=1), 20 * ASSUMED_CALL),
        (Limits(concurrency=20), ASSUMED_CALL),
        (Limits(concurrency=20, rpm=10), timedelta(minutes=2)),
    ],
)
def test_the_narrowest_limit_sets_the_time(store, limits, duration):
    """Calls at once, calls a minute, tokens a minute."""
    assert estimated(store, limits=limits).duration == duration
    by_tokens = estimated(store, limits=Limits(concurrency=20, tpm=100))
    used = by_tokens.usage.input_tokens + by_tokens.usage.output_tokens
    assert by_tokens.duration == timedelta(minutes=used / 100)


def test_gates_and_code_evaluators_cost_nothing(store):
    """What is not sampled is not asked."""
    none = estimated(store, scope=Scope(rule=DueRule(sample=0.0)))
    assert (none.n_evaluations, none.usage.calls) == (0, 0)
    free = estimated(store, ["turn_count"])
    assert (free.n_evaluations, free.usage.calls, free.cost_usd) == (N_SESSIONS, 0, 0)


def test_every_vote_is_counted(store):
    """An upper bound: a panel's escalation is taken to happen."""
    cheap, strong = (Judge("coherence", model=model, base_url=URL) for model in ("cheap", "strong"))
    panel = Panel([cheap, cheap.again(1)], escalation=strong)
    found = estimate(store, [panel])
    assert {model.model: model.usage.calls for model in found.models} == {"cheap": 2 * N_SESSIONS, "strong": N_SESSIONS}


def test_prompts_are_those_that_would_be_sent(store):
    """`--dry-run --session` shows them."""
    listing = list_sessions(store)
    transcript = next(iter(read_transcripts(listing)))
    judge = resolve("coherence", model="m", base_url=URL)
    (call,) = prompts(judge, transcript)
    sent = tuple((message["role"], message["content"]) for message in judge.messages(transcript))
    assert call.prompt == sent


def test_a_batch_is_estimated_at_half_the_price_and_without_a_cache(tmp_path):
    """Not every provider's cache works inside a batch, and the estimate is an upper bound."""
    store = Store(tmp_path / "long")
    store.append_spans(table(llm(1, [user("words " * 2_000)])))
    table_of = {"gpt-4o-mini": Price(input=2.0, output=8.0, cached=0.2)}
    live, batch = (estimated(store, prices=Prices(table=table_of, service_tier=tier)) for tier in ("standard", "batch"))
    assert live.usage.cached_tokens > 0
    assert batch.usage.cached_tokens == 0
    assert batch.models[0].cost_usd == pytest.approx(live.models[0].cost_uncached_usd / 2)
