"""Prompt caches and the bill: the arithmetic of both regimes, computed through the real client."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import AsyncOpenAI

from sessioneval.errors import InputError
from sessioneval.testing.billing import OTHER, Ledger, Prices
from sessioneval.testing.chat_request import parse_request
from sessioneval.testing.faults import Faults
from sessioneval.testing.prompt_cache import AutomaticCache, BreakpointCache, prompt_cache
from sessioneval.testing.server import StandIn
from sessioneval.testing.tokens import prompt_tokens

TRANSCRIPT_TOKENS = 8000
EXPLICIT = {"mode": "explicit"}


def text_part(text, *, marked):
    return [{"type": "text", "text": text} | ({"prompt_cache_breakpoint": EXPLICIT} if marked else {})]


def judged(session, judge, *, marked=False, **fields):
    """Return what judge number `judge` asks about a session, in the order that shares the most."""
    transcript = f"<<T:5eed begin>>\n<<T:5eed 0 user>>\nsession {session} ".ljust(4 * TRANSCRIPT_TOKENS, "x")
    messages = [
        {"role": "system", "content": "The rules."},
        {"role": "user", "content": text_part(f"{transcript}\n<<T:5eed end>>", marked=marked)},
        {"role": "user", "content": f"Evaluator: judge_{judge}\nLabels: a, b"},
    ]
    return {"model": "m", "messages": messages, **fields}


def billed(regime, *, marked=False, sessions=5, judges=4, **fields):
    """Return the input billed for a session, in transcripts, one call after the other."""

    async def run(base_url):
        async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            for session in range(sessions):
                for judge in range(judges):
                    await client.chat.completions.create(**judged(session, judge, marked=marked), **fields)

    with StandIn(prompt_cache=regime, answerer="first-label") as server:
        asyncio.run(run(server.base_url))
        return [bill["billed_input_tokens"] / TRANSCRIPT_TOKENS for bill in server.bills.values()]


def options(mode):
    return {"extra_body": {"prompt_cache_options": {"mode": mode}}}


@pytest.mark.parametrize(
    ("regime", "fields", "expected"),
    [
        ("none", {}, 4.0),
        ("automatic", {}, 1.3),
        ("breakpoint", {"marked": True, **options("explicit")}, 1.55),
        ("breakpoint", {}, 5.0),
        ("breakpoint", {"marked": True}, 1.55),
        ("breakpoint", options("explicit"), 4.0),
    ],
)
def test_four_judges_of_a_session_cost_what_the_arithmetic_says(regime, fields, expected):
    """In transcripts: 4 uncached, 1.3 automatic, 1.55 with a breakpoint, 5 where the implicit one is left alone."""
    for transcripts in billed(regime, **fields):
        assert transcripts == pytest.approx(expected, abs=0.04)


def test_calls_that_are_sent_together_pay_together():
    """A prefix is cached when the first call has ended, not when it was sent: so an engine has to wait for one."""

    async def run(base_url):
        async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            calls = [client.chat.completions.create(**judged(0, judge)) for judge in range(4)]
            together = await asyncio.gather(*calls)
            after = await client.chat.completions.create(**judged(0, 9))
            return [c.usage.prompt_tokens_details.cached_tokens for c in (*together, after)]

    with StandIn(Faults(latency_seconds=0.3)) as server:
        *together, after = asyncio.run(run(server.base_url))
    assert together == [0, 0, 0, 0]
    assert after == pytest.approx(TRANSCRIPT_TOKENS, abs=128)


def test_usage_tells_what_was_written_only_where_writing_costs(connect):
    """As the provider's usage does."""
    with StandIn(prompt_cache="breakpoint") as server:
        first, second = (
            connect(server).chat.completions.create(**judged(0, judge, marked=True), **options("explicit"))
            for judge in range(2)
        )
    assert first.usage.prompt_tokens_details.cache_write_tokens == pytest.approx(TRANSCRIPT_TOKENS, abs=30)
    assert second.usage.prompt_tokens_details.cache_write_tokens == 0
    assert second.usage.prompt_tokens_details.cached_tokens == first.usage.prompt_tokens_details.cache_write_tokens
    with StandIn() as server:
        usage = connect(server).chat.completions.create(**judged(0, 0)).usage
    assert usage.prompt_tokens_details.cache_write_tokens is None


def requests_of(cache, *bodies):
    """Ask one after the other; return what each reads from the cache."""
    read = []
    for body in bodies:
        use = cache.look_up(parse_request(body))
        cache.remember(use)
        read.append(use.cached)
    return read


def said(*texts, **fields):
    return {"model": "m", "messages": [{"role": "user", "content": text} for text in texts], **fields}


@pytest.mark.parametrize(
    ("shared_characters", "cached"), [(4 * 1024 - 20, 0), (4 * 1024 - 16, 1024), (4 * 1151, 1152), (4 * 1150, 1152)]
)
def test_the_automatic_cache_counts_from_1024_tokens_in_steps_of_128(shared_characters, cached):
    """A message's 4 tokens of its own belong to the prefix; what differs within a message ends it."""
    shared = "x" * shared_characters
    bodies = [said(shared + "a" * 4000), said(shared + "b" * 4000)]
    assert requests_of(AutomaticCache(), *bodies) == [0, cached]


def test_a_changed_schema_tool_or_model_shares_nothing():
    """They are rendered before the first message."""
    long = "x" * 8000
    schema = {"type": "json_schema", "json_schema": {"name": "v", "schema": {"type": "object"}}}
    others = (said(long), said(long, response_format=schema), {**said(long), "model": "m-2"})
    for cache in (AutomaticCache(), BreakpointCache()):
        assert requests_of(cache, *others) == [0, 0, 0]


def test_breakpoints_match_only_exactly():
    """A longer prompt reads what ended at one of its own message ends, and nothing in between."""
    long = "x" * 8000
    assert requests_of(BreakpointCache(), said(long), said(long, "more")) == [0, 2004]
    assert requests_of(BreakpointCache(), said(long + "y" * 400), said(long)) == [0, 0]


def test_the_latest_four_breakpoints_are_written():
    """More are allowed and do nothing."""
    parts = [{"type": "text", "text": "x" * 8000, "prompt_cache_breakpoint": EXPLICIT} for _ in range(6)]
    cache = BreakpointCache()
    fields = {"model": "m", "prompt_cache_options": EXPLICIT}
    request = parse_request({**fields, "messages": [{"role": "user", "content": parts}]})
    assert len(cache.look_up(request).prefixes) == 4
    implicit = parse_request(
        {"model": "m", "messages": [{"role": "user", "content": parts}, *said("tail")["messages"]]}
    )
    use = cache.look_up(implicit)
    assert (len(use.prefixes), use.written) == (4, prompt_tokens(implicit))


def test_a_cache_control_mark_is_a_breakpoint_and_turns_the_implicit_one_off():
    """Proxies to Claude take this word; such models have no implicit breakpoint."""
    part = [{"type": "text", "text": "x" * 8000, "cache_control": {"type": "ephemeral"}}]
    messages = [{"role": "user", "content": part}, {"role": "user", "content": "y" * 8000}]
    use = BreakpointCache().look_up(parse_request({"model": "m", "messages": messages}))
    assert use.written == 2004


@given(
    texts=st.lists(st.text(), min_size=1, max_size=4),
    marks=st.lists(st.booleans(), min_size=4, max_size=4),
    regime=st.sampled_from(["automatic", "breakpoint", "none"]),
)
def test_nothing_is_counted_twice(texts, marks, regime):
    """Tokens read and written are never more than the prompt's, whatever it holds."""
    messages = [
        {"role": "user", "content": text_part(text * 999, marked=mark)}
        for text, mark in zip(texts, marks, strict=False)
    ]
    cache, request = prompt_cache(regime), parse_request({"model": "m", "messages": messages})
    for _ in range(2):
        use = cache.look_up(request)
        cache.remember(use)
        assert use.cached + (use.written or 0) <= prompt_tokens(request)
    if prompt_tokens(request) >= 2048 and regime != "none":
        assert use.cached >= 1024


def test_an_unknown_regime_is_refused():
    """The message names the known ones."""
    with pytest.raises(InputError, match="use one of automatic, breakpoint, none"):
        StandIn(prompt_cache="magic")


def usage_of(prompt, completion, cached=0, written=None):
    details = {"cached_tokens": cached} | ({} if written is None else {"cache_write_tokens": written})
    return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}


def test_the_bill_can_be_redone_by_hand():
    """1,000 tokens: 400 plain, 500 read at 0.1, 100 written at 1.25, and 10 of output at 8; then a batch at half."""
    ledger = Ledger(Prices(input_usd=2.0))
    ledger.charge("s", usage_of(1000, 10, cached=500, written=100))
    assert ledger.by_session()["s"] == {
        "calls": 1,
        "prompt_tokens": 1000,
        "cached_tokens": 500,
        "written_tokens": 100,
        "completion_tokens": 10,
        "billed_input_tokens": 575.0,
        "billed_output_tokens": 10,
        "usd": pytest.approx((575 + 80) * 2 / 1e6),
    }
    ledger.charge(OTHER, usage_of(1000, 10), discounted=True)
    assert ledger.total()["billed_input_tokens"] == 575 + 500
    assert ledger.total()["usd"] == pytest.approx((575 + 80 + 500 + 40) * 2 / 1e6)


def test_flex_costs_as_batches_do(connect):
    """Half, for the same call."""
    with StandIn(prompt_cache="none") as server:
        client = connect(server)
        for tier in ("default", "flex"):
            client.chat.completions.create(**said("x" * 396), service_tier=tier)
        assert server.stats["bill"]["billed_input_tokens"] == 103 * 1.5


def test_a_spoiled_answer_is_billed_all_the_same(connect):
    """Providers bill what they computed; nothing that failed before costs anything."""
    with StandIn(Faults(garble_rate=1)) as server:
        connect(server).chat.completions.create(**said("x"))
        assert (server.stats["finished"], server.stats["bill"]["calls"]) == (0, 1)


@pytest.mark.parametrize("prices", [{"cached": -1}, {"input_usd": float("nan")}])
def test_impossible_prices_are_refused(prices):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match="is not allowed: use a number from 0"):
        Prices(**prices)
