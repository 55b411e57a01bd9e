"""Real sessions through the whole judge: prompt, answer, checks; nothing honest is taken for false."""

import asyncio
import gzip
import json
from datetime import UTC, datetime

import pytest
from shared_data import DATA, needs_data

from sessioneval.evaluators.judge import Judge
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.testing.server import StandIn

pytestmark = needs_data
N_OF_A_SET = 25


def calls(entry):
    return tuple(
        ToolCall(id=call.get("id") or "", name=call.get("name") or "", arguments=call.get("arguments"))
        for call in entry.get("tool_calls") or ()
    )


def transcripts():
    moment = datetime(2026, 11, 20, tzinfo=UTC)
    for path in sorted(DATA.glob("*/sessions.jsonl.gz")):
        lines = gzip.decompress(path.read_bytes()).decode().rstrip("\n").split("\n")
        for entry in map(json.loads, lines[:N_OF_A_SET]):
            session = Session(
                session_id=entry["session_id"],
                anchor_span_id="0" * 16,
                start_time=moment,
                end_time=moment,
                n_spans=1,
                n_traces=1,
            )
            messages = tuple(
                Message(role=each["role"], content=each.get("content") or "", tool_calls=calls(each))
                for each in entry["messages"]
            )
            yield Transcript(session=session, messages=messages)


@pytest.fixture(scope="module")
def rows():
    async def judge_all(judge, sessions):
        limit = asyncio.Semaphore(8)

        async def one(session):
            async with limit:
                return await judge.evaluate(session)

        try:
            return await asyncio.gather(*map(one, sessions))
        finally:
            await judge.aclose()

    with StandIn() as server:
        judge = Judge("goal_completion", model="m", base_url=server.base_url)
        return asyncio.run(judge_all(judge, list(transcripts())))


def test_every_session_is_judged(rows):
    """Long ones, broken JSON arguments and foreign alphabets included."""
    assert len(rows) >= 5 * N_OF_A_SET
    assert {row.status for row in rows} == {"evaluated"}


def test_an_honest_quote_is_always_found(rows):
    """The stand-in copies what it was shown, letter by letter; each of its quotes must come out as evidence."""
    assert [row.session_id for row in rows if row.is_unsupported] == []
    assert sum(len(row.evidence) for row in rows) >= 0.9 * len(rows)


def test_an_honest_count_is_never_suspected(rows):
    """The stand-in counts the user messages that it was shown, in windows too."""
    assert [row.session_id for row in rows if "canary" in row.metadata.get("injection_signs", [])] == []
