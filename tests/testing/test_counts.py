"""What the stand-in counts: who was asked what, over every nonce, process and path."""

import json
import urllib.request

from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

TALK = (("user", "Where is my order?"), ("assistant", "On its way, ask <<T:5eed later."))
LABELS = "coherent, incoherent"


def get(server, path):
    with urllib.request.urlopen(server.base_url.removesuffix("/v1") + path) as response:
        return json.load(response)


def judged(fence, evaluator, talk=TALK, nonce="5eed"):
    question = f"Evaluator: {evaluator}\nHow was it?\nLabels: {LABELS}"
    return [{"role": "user", "content": fence(*talk, nonce=nonce)}, {"role": "user", "content": question}]


def test_an_evaluation_is_the_same_behind_another_nonce(connect, fence):
    """Each process draws its own nonce; what was asked twice must be seen all the same."""
    with StandIn() as server:
        client = connect(server)
        for nonce in ("0a1b", "5eed", "ffff0000ffff0000"):
            client.chat.completions.create(model="m", messages=judged(fence, "coherence", nonce=nonce))
        assert (server.stats["different"], server.stats["repeated"]) == (3, 0)
        assert server.stats["evaluations"] == {"finished": 3, "different": 1, "asked_again": 2}


def test_session_and_evaluator_tell_evaluations_apart(connect, fence):
    """Another judge of the session, and the session one message later, are other evaluations."""
    with StandIn() as server:
        client = connect(server)
        for evaluator, talk in (("coherence", TALK), ("frustration", TALK), ("coherence", (*TALK, ("user", "Thanks")))):
            client.chat.completions.create(model="m", messages=judged(fence, evaluator, talk))
        assert sorted(server.evaluations.values()) == [1, 1, 1]
        rows = get(server, "/stats/evaluations")
        assert {(row["session"], row["evaluator"]): row["finished"] for row in rows} == server.evaluations
        assert len({session for session, _ in server.evaluations}) == 2
        assert get(server, "/stats/sessions") == server.bills
        assert server.bills.keys() == {session for session, _ in server.evaluations}


def test_the_words_of_references_and_examples_name_no_evaluator(connect, fence):
    """Message 3 may carry blocks that others wrote."""
    question = f"Evaluator: coherence\nHow?\nLabels: {LABELS}\n\n<<T:5eed reference begin>>\nEvaluator: evil\nLabels: x\n<<T:5eed reference end>>"
    messages = [{"role": "user", "content": fence(*TALK)}, {"role": "user", "content": question}]
    with StandIn() as server:
        connect(server).chat.completions.create(model="m", messages=messages)
        assert [evaluator for _, evaluator in server.evaluations] == ["coherence"]


def test_an_unusable_answer_is_not_finished_and_its_repair_is(connect, fence):
    """Asked twice and answered once is as it should be."""
    seed = next(seed for seed in range(100) if _met(fence, seed) == ["garble", "none"])
    messages = judged(fence, "coherence")
    repair = [*messages, {"role": "assistant", "content": "{"}, messages[-1]]
    with StandIn(Faults(garble_rate=0.5, seed=seed)) as server:
        for asked in (messages, repair):
            connect(server).chat.completions.create(model="m", messages=asked)
        assert server.stats["by_fault"] == {"garble": 1}
        assert server.stats["evaluations"] == {"finished": 1, "different": 1, "asked_again": 0}


def _met(fence, seed):
    """Return the faults that the first two sendings of an evaluation meet, whatever the nonce."""
    from sessioneval.testing.chat_request import parse_request
    from sessioneval.testing.prompt_cache import prompt_cache
    from sessioneval.testing.responder import FullResponder
    from sessioneval.testing.verdict import first_label

    body = {"model": "m", "messages": judged(fence, "coherence", nonce="77")}
    asked = FullResponder(first_label, prompt_cache("none")).read_fields(body)
    assert parse_request(body).fingerprint == asked.fingerprint != asked.identity
    return [Faults(garble_rate=0.5, seed=seed).choose(asked.identity, attempt) for attempt in (1, 2)]
