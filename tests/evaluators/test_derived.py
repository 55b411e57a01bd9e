"""Judges of Reflexio and Datadog: the model answers, code decides; each label is reached through a real server."""

import asyncio
import json
from dataclasses import replace

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.agent_success import FAILURE_TYPES, AgentSuccessConfig, agent_success
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.goal_completeness import goal_completeness
from sessioneval.evaluators.shadow import shadow_comparison
from sessioneval.evaluators.tool_arguments import tool_argument_correctness
from sessioneval.evaluators.tool_selection import tool_selection
from sessioneval.model.context import SessionContext, ToolDefinition
from sessioneval.model.message import Message, ToolCall

SEARCH = ToolDefinition(
    name="search",
    description="Search the documentation.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
)
ALL = AgentSuccessConfig(sampling_rate=1.0)


def answered(make, label, **items):
    """Return the body of an answer; each item is a text, or a list of ``(subject, answer)`` for an open item."""
    entries = []
    for item, given in items.items():
        pairs = given if isinstance(given, list) else [(None, given)]
        for subject, answer in pairs:
            name = item if subject is None else f"{item}: {subject}"
            entries.append({"item": name, "answer": answer, "reason": f"because of {subject}"})
    record = {"evidence": [], "findings": [], "answers": entries, "reasoning": "See [1].", "label": label}
    return make.completion(json.dumps({**record, "confidence": 0.9}))


def calling(identifier, **arguments):
    """Return an assistant message that calls `search`."""
    call = ToolCall(id=identifier, name="search", arguments=arguments)
    return Message(role="assistant", content="", tool_calls=(call,), span_id=f"{identifier:0>16}")


@pytest.fixture
def with_tools(make):
    """One call that fits its schema, one that does not, and an answer without a call."""
    transcript = make.transcript(
        ("user", "How do I reset my password?"),
        calling("c1", query="reset password"),
        Message(role="tool", content="Settings > Security", tool_call_id="c1"),
        calling("c2", text="security"),
        Message(role="tool", content="error: query is required", tool_call_id="c2", is_error=True),
        Message(role="assistant", content="Open Settings.", span_id="00000000000000c3"),
    )
    return replace(transcript, context=SessionContext(tools=(SEARCH,)))


@pytest.fixture
def judged(scripted):
    """Evaluate with a server that gives the replies in order."""

    def run(factory, transcript, *replies, **options):
        scripted.answer(*replies)
        evaluator = factory(model="m", base_url=scripted.base_url, **options)
        assert isinstance(evaluator, Evaluator)

        async def once():
            evaluation = await evaluator.evaluate(transcript)
            await evaluator.aclose()
            return evaluation

        return asyncio.run(once())

    return run


def success(config=ALL):
    """Return the factory of an agent_success of a config."""
    return lambda **options: agent_success(config, **options)


def test_agent_success_has_reflexios_fields(judged, make, transcript):
    """Their names carry over, each with its type."""
    reply = answered(
        make,
        "success",
        failure_type="none",
        failure_reason="none",
        number_of_correction_per_session="0",
        user_turns_to_resolution="1",
        is_escalated="no",
    )
    row = judged(success(), transcript, reply)
    assert (row.name, row.label, row.score) == ("agent_success", "success", 1.0)
    assert row.fields == {
        "is_success": True,
        "failure_type": None,
        "failure_reason": None,
        "number_of_correction_per_session": 0,
        "user_turns_to_resolution": 1,
        "is_escalated": False,
    }


@pytest.mark.parametrize("failure_type", FAILURE_TYPES)
def test_each_failure_type_is_kept(judged, make, transcript, failure_type):
    """They are what the failures are counted by."""
    reply = answered(make, "failure", failure_type=failure_type, failure_reason="It guessed.", is_escalated="yes")
    row = judged(success(), transcript, reply)
    assert (row.label, row.score) == ("failure", 0.0)
    assert (row.fields["failure_type"], row.fields["failure_reason"]) == (failure_type, "It guessed.")
    assert row.fields["is_escalated"] is True


@pytest.mark.parametrize("given", ["none", "bad_luck", None])
def test_a_failure_always_has_a_type(judged, make, transcript, given):
    """A judge that contradicts itself or makes a type up leaves 'other'."""
    row = judged(success(), transcript, answered(make, "failure", **({"failure_type": given} if given else {})))
    assert row.fields["failure_type"] == "other"


def test_a_system_error_is_in_no_denominator(judged, make, transcript):
    """It says nothing about the agent's behaviour."""
    row = judged(success(), transcript, answered(make, "failure", failure_type="system_error"))
    assert (row.status, row.reason, row.label, row.score) == ("skipped", "system_error", None, None)
    assert row.usage.calls == 1


@pytest.mark.parametrize("number", ["many", "-1", "7", "1.5", "²", ""])
def test_a_number_that_cannot_be_is_none(judged, make, transcript, number):
    """The session has one user message; seven corrections are made up."""
    reply = answered(make, "success", number_of_correction_per_session=number, user_turns_to_resolution=number)
    fields = judged(success(), transcript, reply).fields
    assert fields["number_of_correction_per_session"] is fields["user_turns_to_resolution"] is None


def test_the_users_definition_and_tools_reach_the_prompt(judged, make, transcript, scripted):
    """Configured as at Reflexio: a success definition, the tools, what else to note."""
    config = AgentSuccessConfig(
        success_definition="The user has booked a table.",
        tool_can_use=(SEARCH,),
        metadata_definition="Which restaurant was it about?",
        sampling_rate=1.0,
    )
    row = judged(success(config), transcript, answered(make, "success", metadata="Osteria"))
    asked = scripted.requests[0]["messages"][-1]["content"]
    for words in ("The user has booked a table.", "Search the documentation.", "Which restaurant was it about?"):
        assert words in asked
    assert row.fields["metadata"] == "Osteria"


def test_agent_success_judges_one_session_in_twenty_by_default(judged, make):
    """The sampling is a hash of the id: the same sessions in every run."""
    skipped = [
        judged(agent_success, make.transcript(("user", "hi"), session_id=f"s{n}"), answered(make, "success")).reason
        for n in range(60)
    ]
    assert set(skipped) == {"not_sampled", None}
    assert 0 < skipped.count(None) < 12


def test_other_sources_are_not_judged(judged, make, transcript, scripted):
    """The allow-list of Reflexio's request_sources_enabled."""
    config = AgentSuccessConfig(sources=("prod",), sampling_rate=1.0)
    row = judged(success(config), transcript, answered(make, "success"))
    assert (row.status, row.reason, scripted.requests) == ("skipped", "source_not_enabled", [])
    of_prod = replace(transcript, session=replace(transcript.session, source="prod"))
    assert judged(success(config), of_prod, answered(make, "success")).label == "success"


def test_which_sessions_are_judged_is_no_part_of_the_fingerprint():
    """Raising the sample must not judge again what is judged; another definition must."""
    of = [agent_success(config, model="m", api_key="sk-test-test") for config in (ALL, None)]
    assert of[0].identifier == of[1].identifier
    other = agent_success(AgentSuccessConfig(success_definition="Paid."), model="m", api_key="sk-test-test")
    assert other.identifier != of[0].identifier


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_that_is_no_share_is_refused(rate):
    """5 instead of 0.05."""
    with pytest.raises(InputError, match="sampling_rate"):
        AgentSuccessConfig(sampling_rate=rate)


@pytest.mark.parametrize(
    ("answers", "label", "score"),
    [
        (["resolved"], "complete", 1.0),
        (["resolved", "unresolved"], "complete", 1.0),
        (["resolved", "unresolved", "unresolved"], "incomplete", 0.0),
        ([], "unsure", None),
    ],
)
def test_goals_are_incomplete_when_more_than_half_are_unresolved(judged, make, transcript, answers, label, score):
    """Datadog's rule, by code: whatever label the model chose."""
    intentions = [(f"goal {n}", answer) for n, answer in enumerate(answers)]
    row = judged(
        goal_completeness, transcript, answered(make, "incomplete", intention=intentions), completed_only=False
    )
    assert (row.label, row.score, row.fields["n_intentions"]) == (label, score, len(answers))
    assert [entry["intention"] for entry in row.fields["resolved"]] == [
        subject for subject, answer in intentions if answer == "resolved"
    ]


def test_goals_are_judged_when_the_session_is_marked_as_ended(judged, make, transcript, scripted):
    """A session that may go on has goals that may still be met."""
    reply = answered(make, "complete", intention=[("sum", "resolved")])
    row = judged(goal_completeness, transcript, reply)
    assert (row.status, row.reason, scripted.requests) == ("skipped", "not_complete", [])
    ended = replace(transcript, session=replace(transcript.session, is_complete=True))
    assert judged(goal_completeness, ended, reply).label == "complete"


@pytest.mark.parametrize(
    ("choices", "label", "counts"),
    [
        ([("1", "right"), ("[3]", "right")], "correct", (2, 0, 0, 0)),
        ([("1", "right"), ("3", "wrong")], "incorrect", (1, 1, 0, 0)),
        ([("1", "right"), ("3", "right"), ("5", "missing")], "incorrect", (2, 0, 1, 0)),
        ([("1", "right")], "correct", (1, 0, 0, 1)),
        ([], "unsure", (0, 0, 0, 2)),
        ([("0", "wrong"), ("99", "wrong"), ("x", "wrong"), ("5", "right"), ("1", "missing")], "unsure", (0, 0, 0, 2)),
    ],
)
def test_tool_selection_counts_choices_that_can_be_there(judged, make, with_tools, choices, label, counts):
    """Per LLM span, rolled up by code; choices of messages that are none are dropped."""
    row = judged(tool_selection, with_tools, answered(make, "correct", choice=choices))
    names = ("n_right", "n_wrong", "n_missing", "n_unjudged")
    assert row.label == label
    assert tuple(row.fields[name] for name in names) == counts


def test_tool_selection_names_the_span(judged, make, with_tools):
    """So that it can be shown on the trace."""
    row = judged(tool_selection, with_tools, answered(make, "correct", choice=[("1", "right"), ("5", "missing")]))
    assert [(span["span_id"], span["tools"]) for span in row.fields["spans"]] == [
        ("00000000000000c1", ["search"]),
        ("00000000000000c3", []),
    ]


def test_sessions_without_tools_are_skipped(judged, transcript, scripted):
    """There was nothing to choose."""
    row = judged(tool_selection, transcript)
    assert (row.status, row.reason, scripted.requests) == ("skipped", "no_tools", [])
    row = judged(tool_argument_correctness, transcript)
    assert (row.status, row.reason, scripted.requests) == ("skipped", "no_tool_calls", [])


def test_arguments_that_break_the_schema_are_invalid_whatever_the_model_says(judged, make, with_tools):
    """What code can decide is not a model's to decide."""
    row = judged(
        tool_argument_correctness, with_tools, answered(make, "correct", arguments=[("1.0", "right"), ("3.0", "right")])
    )
    assert (row.label, row.score) == ("incorrect", 0.0)
    assert [call["answer"] for call in row.fields["calls"]] == ["right", "invalid"]
    assert "'query' is a required property" in row.explanation


@pytest.mark.parametrize(
    ("answer", "label", "counts"),
    [("right", "correct", (0, 0)), ("wrong", "incorrect", (0, 1)), (None, "unsure", (0, 0))],
)
def test_valid_arguments_are_the_models_to_judge(judged, make, with_tools, answer, label, counts):
    """Whether they fit what was said."""
    valid = replace(with_tools, messages=with_tools.messages[:3])
    given = [] if answer is None else [("1.0", answer)]
    row = judged(tool_argument_correctness, valid, answered(make, "correct", arguments=given))
    assert (row.label, row.fields["n_invalid"], row.fields["n_wrong"]) == (label, *counts)
    assert row.fields["n_unjudged"] == (answer is None)


def test_no_model_is_asked_where_every_call_is_invalid(judged, with_tools, scripted):
    """The schema check is free."""
    broken = replace(with_tools, messages=(with_tools.messages[0], *with_tools.messages[3:]))
    row = judged(tool_argument_correctness, broken)
    assert (row.label, row.usage.calls, scripted.requests) == ("incorrect", 0, [])


@pytest.fixture
def shadowed(make):
    """Two turns, each with a shadow of its answer."""
    messages = []
    for turn in (1, 2):
        answer = Message(role="assistant", content=f"Served {turn}.", span_id=f"{turn:016}")
        messages += [("user", f"Question {turn}?"), answer]
    shadows = {f"{turn:016}": f"Shadow {turn}." for turn in (1, 2)}
    return replace(make.transcript(*messages), context=SessionContext(shadows=shadows))


class Preferring:
    """Answers for the response that holds certain words, wherever it stands."""

    def __init__(self, make, scripted, word):
        self._make, self._scripted, self._word = make, scripted, word

    def reply(self):
        asked = self._scripted.requests[-1]["messages"][-1]["content"]
        places = {name: asked.rfind(f"{name}") for name in ("Served", "Shadow")}
        first = min(places, key=places.get)
        return answered(self._make, "response_a" if first == self._word else "response_b")


@pytest.mark.parametrize("wins", ["Served", "Shadow"])
def test_the_better_response_wins_in_both_orders(judged, make, shadowed, scripted, wins):
    """Each turn is asked twice, with the two in both orders."""
    preferring = Preferring(make, scripted, wins)
    scripted.choose = preferring.reply
    row = judged(shadow_comparison, shadowed)
    assert (row.label, row.score) == (wins.lower(), {"Served": 1.0, "Shadow": 0.0}[wins])
    assert len(scripted.requests) == 4
    assert [turn["verdict"] for turn in row.fields["turns"]] == [wins.lower()] * 2


@pytest.mark.parametrize("label", ["response_a", "response_b", "tie", "unsure"])
def test_a_judge_that_prefers_a_place_gives_only_ties(judged, make, shadowed, label):
    """Position bias: it says the same whichever response stands there."""
    row = judged(shadow_comparison, shadowed, answered(make, label))
    assert (row.label, row.score, row.fields["n_tie"]) == ("tie", 0.5, 2)


def test_a_shadow_is_judged_by_what_was_said_before_it(judged, make, shadowed, scripted):
    """It did not steer the conversation, so what came after belongs to the served answer alone."""
    judged(shadow_comparison, shadowed, answered(make, "tie"))
    transcripts = {request["messages"][1]["content"] for request in scripted.requests}
    assert len(transcripts) == 2
    assert not any("Served 2" in text for text in transcripts)
    assert sum("Question 2?" in text for text in transcripts) == 1


def test_sessions_without_a_shadow_are_skipped(judged, transcript, scripted):
    """Most sessions."""
    row = judged(shadow_comparison, transcript)
    assert (row.status, row.reason, scripted.requests) == ("skipped", "no_shadow", [])


def test_a_turn_that_cannot_be_judged_fails_the_comparison(judged, make, shadowed):
    """Half the turns would be another question; what was paid is counted."""
    row = judged(shadow_comparison, shadowed, make.completion("no idea"))
    assert (row.status, row.reason, row.label) == ("failed", "JudgeAnswerError", None)
    assert row.usage.calls == 8
