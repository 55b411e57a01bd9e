"""References and tools: where they come from, how the judge sees them, and what they do to a fingerprint."""

import asyncio
from dataclasses import replace

import pytest

from sessioneval.errors import UnknownName
from sessioneval.evaluators.base import judged_digest
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.context import SessionContext, ToolDefinition

BASE = {"name": "done", "version": "1", "question": "Done?", "labels": {"yes": 1, "no": 0}}
AGAINST = Rubric(**BASE, reference=("user_goal", "expected_actions"))
TOOL = ToolDefinition(name="refund", description="Pays back.", parameters={"type": "object"})


def judge_of(rubric, **options):
    return Judge(rubric, model="m", base_url="http://localhost/v1", **options)


@pytest.fixture
def session(transcript):
    attributes = {"session_eval.user_goal": "a refund", "session.expected_actions": [{"name": "refund"}]}
    return replace(transcript, context=SessionContext(tools=(TOOL,), attributes=attributes))


def question_of(judge, session):
    return judge.messages(session)[2]["content"]


def test_a_reference_is_an_attribute_of_the_session(session):
    """An app that knows the goal sets it on a span; the judge reads it in a fence of its own."""
    judge = judge_of(AGAINST)
    text = question_of(judge, session)
    lines = text[text.index("Reference, from") : text.index("\n\nReminder")].split("\n")
    nonce = lines[1].removeprefix("<<T:").split(" ")[0]
    assert lines[1:] == [
        f"<<T:{nonce} reference begin>>",
        f'<<T:{nonce} reference "user_goal">>',
        "a refund",
        f'<<T:{nonce} reference "expected_actions">>',
        '[{"name": "refund"}]',
        f"<<T:{nonce} reference end>>",
    ]
    assert judge.messages(session)[1]["content"].startswith(f"<<T:{nonce} begin>>")
    assert judge.needs_context is True


def test_a_table_takes_the_place_of_attributes(session):
    """Truth that was written after the session is in no span."""
    table = {"chat-1": {"user_goal": "an exchange", "expected_actions": "none", "secret": "x"}}
    judge = judge_of(AGAINST, reference=table)
    text = question_of(judge, session)
    assert "an exchange" in text
    assert "a refund" not in text
    assert "secret" not in text
    assert judge.needs_context is False


def test_a_rubric_that_names_no_reference_sees_no_table(session):
    """A run gives its table to all its judges; the truth must not sway those that do not ask for it."""
    table = {"chat-1": "the goal"}
    judge = judge_of(Rubric(**BASE), reference=table)
    assert "the goal" not in question_of(judge, session)
    assert judge.identifier == judge_of(Rubric(**BASE)).identifier
    assert "the goal" in question_of(judge_of(Rubric(**BASE, reference="reference"), reference=table), session)


def test_a_session_without_its_reference_is_skipped(make, session):
    """Judged without the truth it would be another instrument under the same name; and nothing is paid."""
    channel = make.channel("")
    table = {"chat-1": {"user_goal": "a refund"}, "chat-2": {"expected_actions": "x"}}
    for judge in (judge_of(AGAINST, reference=table), judge_of(AGAINST)):
        bare = replace(session, context=SessionContext(attributes={"session_eval.user_goal": "a refund"}))
        row = asyncio.run(judge.through(channel).evaluate(bare))
        assert (row.status, row.reason, row.usage.calls) == ("skipped", "no_reference", 0)
    assert channel.calls == []


def test_a_name_that_no_session_has_is_a_slip():
    """Every session would be skipped; that is said before the first."""
    judge = judge_of(AGAINST, reference={"chat-1": {"user_goals": "a refund", "expected_actions": "x"}})
    with pytest.raises(UnknownName, match="unknown reference 'user_goal'; did you mean 'user_goals'"):
        judge.check()


def test_tools_come_from_the_session_or_are_given(session):
    """A judge of tool choice must know what there was to choose from."""
    rubric = Rubric(**BASE, tools=True)
    judge = judge_of(rubric)
    text = question_of(judge, session)
    assert 'tool "refund">>\nPays back.\nArguments: {"type": "object"}\n' in text
    assert judge.needs_context is True
    given = judge_of(rubric, tools=[ToolDefinition(name="search", description="Finds.")])
    assert 'tool "search">>\nFinds.\n' in question_of(given, session)
    assert "refund" not in question_of(given, session)
    assert given.needs_context is False
    assert "not recorded" in question_of(judge, replace(session, context=SessionContext()))
    assert "Tools that" not in question_of(judge_of(Rubric(**BASE)), session)


def test_material_that_is_given_is_part_of_the_fingerprint():
    """Two truths are two instruments; their numbers are not mixed."""
    tools = Rubric(**BASE, tools=True)
    judges = [
        judge_of(AGAINST),
        judge_of(AGAINST, reference={"a": {"user_goal": "x", "expected_actions": "y"}}),
        judge_of(AGAINST, reference={"a": {"user_goal": "x", "expected_actions": "z"}}),
        judge_of(tools),
        judge_of(tools, tools=[TOOL]),
        judge_of(tools, tools=[replace(TOOL, description="Other.")]),
    ]
    assert len({judge.identifier for judge in judges}) == len(judges)


def test_a_judge_that_reads_the_context_has_judged_it(make, session):
    """When a reference is mended, the session is judged again; a judge that does not read it has nothing new to read."""
    changed = replace(session, context=replace(session.context, attributes={"session_eval.user_goal": "other"}))
    reads, ignores = judge_of(AGAINST), judge_of(Rubric(**BASE))
    assert judged_digest(ignores, session) == judged_digest(ignores, changed) == session.digest
    assert judged_digest(reads, session) != judged_digest(reads, changed)
    row = asyncio.run(reads.through(make.channel(make.answer("yes"))).evaluate(session))
    assert row.transcript_digest == judged_digest(reads, session)
