"""The cheap answers: right in form for any judge, at a cost that does not count."""

import json

import pytest

from sessioneval.errors import InputError
from sessioneval.testing.faults import BAD_LABEL, Faults
from sessioneval.testing.process import StandInProcess
from sessioneval.testing.server import StandIn

TALK = (("user", "Where is it?"), ("assistant", "Here."), ("user", "Thanks!"))
SCHEMA = {
    "type": "object",
    "properties": {
        "n_user_messages": {"type": "integer"},
        "answers": {"type": "array", "items": {"type": "object"}},
        "reasoning": {"type": "string"},
        "label": {"type": "string"},
    },
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "v", "schema": SCHEMA}}


@pytest.mark.parametrize("answerer", ["first-label", "constant"])
def test_the_first_label_is_answered_in_the_schemas_shape(connect, ask, answer_text, answerer):
    """An engine that is measured has to accept every answer."""
    with StandIn(answerer=answerer) as server:
        client = connect(server)
        for evaluator, labels in (
            ("coherence", "coherent, incoherent"),
            ("tone", "kind, rude"),
            ("tone", "calm, loud"),
        ):
            for talk in (TALK, (*TALK, ("user", "Bye"))):
                messages = ask(evaluator, *talk, labels=labels)
                completion = client.chat.completions.create(model="m", messages=messages, response_format=FORMAT)
                answer = answer_text(completion)
                assert list(answer) == ["n_user_messages", "answers", "reasoning", "label"]
                assert answer["label"] == labels.split(",")[0]
                assert completion.usage.prompt_tokens > 10
        assert (server.stats["requests"], server.stats["finished"], server.stats["different"]) == (6, 6, 6)
        assert server.stats["by_kind"] == {"judge": 6}


def test_users_are_counted_for_the_canary_by_all_but_the_constant(connect, ask, answer_text):
    """A wrong number would mark every verdict as suspect."""
    with StandIn(answerer="first-label") as server:
        completion = connect(server).chat.completions.create(
            model="m", messages=ask("tone", *TALK), response_format=FORMAT
        )
        assert answer_text(completion)["n_user_messages"] == 2


@pytest.mark.parametrize("answerer", ["rules", "first-label"])
def test_the_items_of_a_checklist_are_answered(connect, ask, answer_text, answerer):
    """With an allowed answer each; open items with none."""
    checklist = (
        "Checklist, for answers:\n- is_rude (one of: yes, no): Rude?\n- why (a short text): Why?\n"
        "- intents (any number of entries, each a short text): Which?\n"
    )
    messages = ask("coherence", *TALK, labels=f"coherent, incoherent\n\n{checklist}\nReminder: - x (one of: a): b")
    with StandIn(answerer=answerer) as server:
        completion = connect(server).chat.completions.create(model="m", messages=messages, response_format=FORMAT)
    answers = answer_text(completion)["answers"]
    assert [(entry["item"], entry["answer"]) for entry in answers] == [("is_rude", "yes"), ("why", "none")]


def test_constant_answers_meet_faults_and_refusals_too(connect, ask, answer_text):
    """What is measured under faults must be the same server."""
    messages = ask("tone", *TALK)
    with StandIn(Faults(bad_label_rate=1), answerer="constant", refuses=["seed"]) as server:
        client = connect(server)
        assert answer_text(client.chat.completions.create(model="m", messages=messages))["label"] == BAD_LABEL
        raw = client.chat.completions.with_raw_response
        assert raw.create(model="m", messages=messages).status_code == 200
        assert server.stats["by_fault"] == {"bad_label": 2}
    with StandIn(answerer="constant", models=["m"]) as server:
        body = {"model": "m-2", "messages": messages}
        with pytest.raises(Exception, match="does not exist here"):
            connect(server).chat.completions.create(**body)


def test_an_answerer_that_raises_is_a_500_and_not_a_hang(connect):
    """The client must not wait for an answer that never comes."""

    def broken(_request):
        raise ValueError("no idea")

    with StandIn(answerer=broken) as server:
        with pytest.raises(Exception, match="answerer of the stand-in failed: ValueError"):
            connect(server).chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert server.stats["by_status"] == {"500": 1}


def test_an_unknown_name_is_refused():
    """The message names the known ones."""
    with pytest.raises(InputError, match="use a function or one of rules, first-label, constant"):
        StandIn(answerer="magic")


def test_another_process_serves_the_same(connect, ask):
    """It takes no time from the client that is measured, and tells the same numbers."""
    with StandInProcess(Faults(latency_seconds=0.01), answerer="first-label") as server:
        connect(server).chat.completions.create(model="m", messages=ask("tone", *TALK, labels="kind, rude"))
        assert server.stats["finished"] == 1
        assert [evaluator for _, evaluator in server.evaluations] == ["tone"]
        assert json.dumps(server.bills)
        assert server.cpu_seconds() > 0
        server.reset()
        assert server.stats["requests"] == 0


def test_a_process_that_cannot_start_says_why():
    """The error is that of the server, not of a pipe."""
    with pytest.raises(InputError, match="port 70000"), StandInProcess(port=70_000):
        pass
