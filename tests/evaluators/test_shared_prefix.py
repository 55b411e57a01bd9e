"""What a hundred long sessions cost four judges, in both cache regimes of the billing simulator."""

import asyncio
import random

import pytest

from sessioneval.evaluators.judge import Judge
from sessioneval.testing.server import StandIn

FOUR = ("coherence", "correctness", "frustration", "goal_completion")
N_SESSIONS = 100
WORDS = ("parcel", "depot", "refund", "order", "lost", "sent", "address", "courier", "today", "never", "promised")


def sessions(make):
    """Return sessions as agents leave them behind: 100,000 characters, most of them tool results."""
    draw = random.Random(7)
    page = [" ".join(draw.choices(WORDS, k=60)) for _ in range(200)]
    for number in range(N_SESSIONS):
        messages = [
            (
                "user" if at % 4 == 0 else "tool" if at % 4 == 2 else "assistant",
                f"{number} {at} {' '.join(draw.sample(page, 3))}",
            )
            for at in range(88)
        ]
        yield make.transcript(*messages, session_id=f"chat-{number}")


def judged(make, server, prompt_cache):
    """Judge every session: the first judge of a session ends before the others of that session begin."""
    options = {"model": "gpt-5.6", "base_url": server.base_url, "prompt_cache": prompt_cache}
    judges = [Judge(name, **options) for name in FOUR]

    async def judge_session(session, limit):
        async with limit:
            first = await judges[0].evaluate(session)
            return [first, *await asyncio.gather(*(judge.evaluate(session) for judge in judges[1:]))]

    async def main():
        limit = asyncio.Semaphore(8)
        try:
            return await asyncio.gather(*(judge_session(session, limit) for session in sessions(make)))
        finally:
            await judges[0].aclose()

    return [row for rows in asyncio.run(main()) for row in rows]


@pytest.mark.parametrize(
    ("regime", "prompt_cache", "most", "least"),
    [("breakpoint", "breakpoint", 1.6, 1.5), ("automatic", "key", 1.4, 1.25), ("breakpoint", "none", 5.1, 4.0)],
)
def test_four_judges_cost_little_more_than_one(make, regime, prompt_cache, most, least):
    """Billed input by session in units of one prompt: 4 uncached, 5 where each judge writes a cache that none reads."""
    with StandIn(prompt_cache=regime) as server:
        rows = judged(make, server, prompt_cache)
        bills = server.bills
    assert len(rows) == len(FOUR) * N_SESSIONS
    assert {row.status for row in rows} == {"evaluated"}
    assert len(bills) == N_SESSIONS
    prompt_tokens = {row.session_id: row.usage.input_tokens for row in rows}
    billed = [
        sum(row_cost(row) for row in rows if row.session_id == each) / prompt_tokens[each] for each in prompt_tokens
    ]
    assert {row.n_windows for row in rows} == {1}
    assert all(least <= each <= most for each in billed), (min(billed), max(billed))


def row_cost(row):
    """Return what a row's input is billed at, in tokens at the plain price."""
    usage = row.usage
    plain = usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens
    return plain + 0.1 * usage.cached_tokens + 1.25 * usage.cache_write_tokens
