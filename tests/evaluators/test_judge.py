"""The judge through the front door: a real openai client, real HTTP."""

import asyncio
import json
import pickle
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.rubric import Rubric
from sessioneval.testing.answer import Answer
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

KEY = "sk-secret-0123456789"


def judge_at(server, rubric="coherence", **options):
    options = {"model": "m", "max_retries": 0, "timeout": timedelta(seconds=5), **options}
    return Judge(rubric, base_url=server.base_url, **options)


def evaluated(judge, transcript):
    """Evaluate and close in one event loop, as a run does."""

    async def main():
        try:
            return await judge.evaluate(transcript)
        finally:
            await judge.aclose()

    return asyncio.run(main())


def test_an_evaluation_says_everything_about_the_decision(scripted, transcript, make):
    """One row must be enough to know what was judged, by what, at which cost."""
    scripted.answer(make.verdict("INCOHERENT", "see [1]"))
    judge = judge_at(scripted)
    row = evaluated(judge, transcript)
    assert (row.name, row.label, row.score, row.explanation) == ("coherence", "incoherent", 0.0, "see [1]")
    assert (row.status, row.reason, row.error, row.annotator_kind) == ("evaluated", None, None, "LLM")
    assert (row.identifier, row.model, row.session_id) == (judge.identifier, "m", "chat-1")
    assert row.anchor_span_id == transcript.session.anchor_span_id
    assert (row.transcript_digest, row.n_messages) == (transcript.digest, 2)
    assert row.spans_digest == transcript.session.spans_digest
    assert row.judged_until == transcript.session.end_time
    assert (row.usage.calls, row.usage.input_tokens, row.usage.cached_tokens, row.usage.output_tokens) == (
        1,
        100,
        60,
        7,
    )
    assert row.duration_seconds > 0
    assert row.metadata == {"response_model": "answering-model"}
    assert row.evaluation_id
    assert row.created_at.tzinfo is not None


def test_the_stand_in_answers_the_four_judges(make):
    """The whole way with the server that ships: prompt, schema, rules, label, score."""
    session = make.transcript(("user", "What is 2 + 2?"), ("assistant", "2 + 2 = 4."), ("user", "Thank you, got it!"))
    with StandIn() as server:
        rows = [
            evaluated(judge_at(server, name), session)
            for name in ("coherence", "goal_completion", "frustration", "correctness")
        ]
    assert [row.label for row in rows] == ["coherent", "completed", "not_frustrated", "correct"]
    assert [row.score for row in rows] == [1.0] * 4


@pytest.mark.parametrize(
    "bad",
    [
        {"content": json.dumps({"label": "somewhat", "explanation": "a"})},
        {"content": "It was coherent."},
        {"content": ""},
        {"content": None, "refusal": "I cannot judge people."},
        {"content": '{"explanation": "a", "label": "coherent"}', "finish_reason": "length"},
    ],
    ids=["label", "prose", "empty", "refusal", "cut"],
)
def test_a_bad_answer_is_asked_for_once_more(scripted, transcript, make, bad):
    """One repair turns most slips into answers; both calls are paid for and both are counted."""
    scripted.answer(
        make.completion(**bad, usage={"prompt_tokens": 5, "completion_tokens": 1}), make.verdict("coherent")
    )
    row = evaluated(judge_at(scripted), transcript)
    assert (row.label, row.metadata["repaired"]) == ("coherent", True)
    assert (row.usage.calls, row.usage.input_tokens, row.usage.output_tokens) == (2, 105, 8)
    first, second = (request["messages"] for request in scripted.requests)
    assert second[:3] == first
    assert [message["role"] for message in second[3:]] == ["assistant", "user"]
    assert "cannot be used" in second[4]["content"]


def test_a_second_bad_answer_is_a_failure_without_label_or_score(scripted, transcript, make):
    """Not evaluated is not the lowest score."""
    scripted.answer(make.completion("no json", usage={"prompt_tokens": 5}), make.verdict("mostly"))
    row = evaluated(judge_at(scripted), transcript)
    assert (row.status, row.reason, row.label, row.score) == ("failed", "JudgeAnswerError", None, None)
    assert "label 'mostly' is not one of 'coherent', 'incoherent'" in row.error
    assert len(scripted.requests) == 2
    assert (row.usage.calls, row.usage.input_tokens) == (2, 105)


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(garble_rate=1.0), "JudgeAnswerError"),
        (Faults(bad_label_rate=1.0), "JudgeAnswerError"),
        (Faults(refusal_rate=1.0), "JudgeAnswerError"),
        (Faults(error_rate=1.0), "JudgeUnavailable"),
        (Faults(reset_rate=1.0), "JudgeUnavailable"),
        (Faults(too_many_requests_rate=1.0), "JudgeUnavailable"),
        (Faults(hang_rate=1.0), "JudgeUnavailable"),
    ],
)
def test_each_fault_of_a_server_is_a_failed_row_of_its_class(transcript, faults, reason):
    """One bad session, or a bad endpoint, is data and never an exception."""
    with StandIn(faults=faults) as server:
        row = evaluated(judge_at(server, timeout=timedelta(seconds=0.3)), transcript)
    assert (row.status, row.reason, row.label, row.score) == ("failed", reason, None, None)
    assert row.error


def test_nothing_listens_at_the_address(transcript):
    """An unreachable endpoint is said with its address."""
    with StandIn() as server:
        gone = server.base_url
    row = evaluated(Judge("coherence", model="m", base_url=gone, max_retries=0), transcript)
    assert row.reason == "JudgeUnavailable"
    assert gone in row.error


def test_a_wrong_key_is_refused_and_shown_nowhere(transcript):
    """Rows, errors and reprs are shared; keys are not."""
    with StandIn(api_key="the-right-key") as server:
        judge = judge_at(server, api_key=KEY)
        row = evaluated(judge, transcript)
    assert row.reason == "JudgeRefused"
    assert "401" in row.error
    assert KEY not in f"{row!r}{judge!r}"


def test_a_key_that_the_server_sends_back_is_cut_out(scripted, transcript, make):
    """Debugging proxies echo headers, in errors and in answers."""
    judge = judge_at(scripted, api_key=KEY)
    scripted.answer((403, {"error": {"message": f"no access for Bearer {KEY}"}}))
    refused = evaluated(judge, transcript)
    scripted.answer(make.verdict("coherent", f"Authorization: Bearer {KEY}"))
    good = evaluated(judge, transcript)
    scripted.answer(make.completion(f"Bearer {KEY}"))
    garbled = evaluated(judge, transcript)
    assert scripted.keys == [f"Bearer {KEY}"] * 4
    assert "[key]" in refused.error
    assert good.explanation == "Authorization: Bearer [key]"
    assert KEY not in f"{refused!r}{good!r}{garbled!r}"


def test_an_unknown_model_is_refused(transcript):
    """A wrong name is said once and clearly, not retried."""
    with StandIn(models=["known"]) as server:
        row = evaluated(judge_at(server, model="unknown", max_retries=3), transcript)
        assert server.stats["requests"] <= 1
    assert row.reason == "JudgeRefused"
    assert "'unknown'" in row.error


def test_retries_are_the_openai_clients_and_lead_to_an_answer(scripted, transcript, make):
    """429 and 5xx pass; the wait that the server asks for is honoured by the one layer that retries."""
    soon = {"retry-after-ms": "1"}
    scripted.answer((429, {"error": "slow"}, soon), (500, b"oops", soon), (503, {}, soon), make.verdict("coherent"))
    row = evaluated(judge_at(scripted, max_retries=3), transcript)
    assert (row.label, row.usage.calls) == ("coherent", 1)
    assert len(scripted.requests) == 4


def test_what_is_missing_is_said_before_the_first_call(transcript, monkeypatch):
    """Validate before the first paid call."""
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        Judge("coherence", model="m").check()
    with pytest.raises(InputError, match="OPENAI_API_KEY"):
        evaluated(Judge("coherence", model="m"), transcript)
    with pytest.raises(InputError, match="model of judge 'coherence' is ''"):
        Judge("coherence", model="", base_url="http://localhost/v1").check()
    with pytest.raises(InputError, match="temperature is -1"):
        Judge("coherence", model="m", base_url="http://localhost/v1", temperature=-1).check()
    with pytest.raises(InputError, match="seed is 'x'"):
        Judge("coherence", model="m", base_url="http://localhost/v1", seed="x").check()
    with pytest.raises(UnknownName, match="did you mean 'frustration'"):
        Judge("frustraton", model="m")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Judge("coherence", model="m").check()


def test_a_judge_shows_no_key_and_survives_pickling():
    """Process pools and logs."""
    judge = Judge("coherence", model="m", base_url="http://u:pass-word@localhost/v1?k=query-key", api_key=KEY)
    again = pickle.loads(pickle.dumps(judge))
    assert repr(again) == repr(judge) == "Judge('coherence', model='m', base_url='http://localhost/v1')"
    assert again.identifier == judge.identifier


def test_own_rubrics_are_judged_alike(scripted, transcript, make):
    """A rubric made by a user is a judge as good as the built-in ones."""
    polite = Rubric(name="polite", version="1", question="Polite?", labels={"yes": 5, "no": -5})
    scripted.answer(make.verdict("yes"))
    row = evaluated(judge_at(scripted, polite), transcript)
    assert (row.name, row.label, row.score) == ("polite", "yes", 5.0)


def test_judges_send_equal_bytes_up_to_the_question(scripted, make):
    """The provider sees one prefix: schema, rules and transcript byte for byte the same."""
    long = make.transcript(*(("user" if turn % 2 else "assistant", f"text {turn} " * 40) for turn in range(100)))
    scripted.answer(make.verdict("coherent"), make.verdict("correct"))
    for name in ("coherence", "correctness"):
        evaluated(judge_at(scripted, name), long)
    first, second = scripted.raw_requests
    common = next(at for at, (one, other) in enumerate(zip(first, second, strict=False)) if one != other)
    assert b" end>>" in first[:common]
    assert common / len(first) > 0.9
    assert len({json.dumps(request["response_format"]) for request in scripted.requests}) == 1


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(exclude_categories=()), max_size=200))
def test_whatever_a_model_says_the_judge_does_not_raise(stand_in_saying, transcript, text):
    """A hostile transcript can make a model say anything."""
    server, say = stand_in_saying
    say(text)
    row = evaluated(judge_at(server), transcript)
    assert row.status == "failed" or row.label in ("coherent", "incoherent")
    row.error and row.error.encode()


@pytest.fixture(scope="module")
def stand_in_saying():
    said = [""]

    def answer(_):
        return Answer(kind="judge", text=said[0].encode("utf-8", "replace").decode())

    def say(text):
        said[0] = text

    with StandIn(answerer=answer) as server:
        yield server, say


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), kind=st.sampled_from(["application/json", "text/html", "", "x/y; charset=nope"]))
def test_whatever_a_server_sends_the_judge_does_not_raise(scripted, transcript, body, kind):
    """Proxies and captive portals answer 200 with pages."""
    scripted.answer((200, body, {"Content-Type": kind}))
    row = evaluated(judge_at(scripted), transcript)
    assert (row.status, row.reason) == ("failed", "JudgeAnswerError")
