"""Several votes, one verdict: majorities, ties, failures and escalation through a real server."""

import asyncio
import json

import pytest

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.panel import Panel, flip_rate


def judges(base_url, *models, rubric="coherence"):
    return [Judge(rubric, model=model, base_url=base_url) for model in models]


@pytest.fixture
def by_model(scripted, make):
    """Let each model answer with its label (or with what is no answer), as confidently as told."""

    def answer(confidence=0.9, **labels):
        def reply():
            label = labels[scripted.requests[-1]["model"]]
            record = {"reasoning": f"{label}, see [1]", "label": label, "confidence": confidence}
            return make.completion("nonsense" if label is None else json.dumps(record))

        scripted.choose = reply

    return answer


def verdict(panel, transcript):
    async def once():
        evaluation = await panel.evaluate(transcript)
        await panel.aclose()
        return evaluation

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("labels", "label", "score"),
    [
        (("coherent", "coherent", "incoherent"), "coherent", 1.0),
        (("incoherent", "incoherent", "coherent"), "incoherent", 0.0),
        (("coherent", "incoherent", "unsure"), "unsure", None),
        (("unsure", "unsure", "coherent"), "unsure", None),
        ((None, "coherent", "coherent"), "coherent", 1.0),
        ((None, "coherent", "incoherent"), "unsure", None),
    ],
)
def test_the_majority_decides_and_a_tie_is_unsure(scripted, by_model, transcript, labels, label, score):
    """A judge without a usable answer has no vote."""
    by_model(**dict(zip("abc", labels, strict=True)))
    row = verdict(Panel(judges(scripted.base_url, *"abc")), transcript)
    assert (row.name, row.status, row.label, row.score) == ("coherence", "evaluated", label, score)
    assert row.metadata["n_votes_failed"] == labels.count(None)
    assert len(row.votes) == 3


def test_votes_name_the_verdict_and_carry_the_cost(scripted, by_model, transcript):
    """Each vote becomes a row; the sum over all rows is what was paid."""
    by_model(a="coherent", b="incoherent", c="coherent")
    panel = Panel(judges(scripted.base_url, *"abc"))
    row = verdict(panel, transcript)
    assert {vote.vote_of for vote in row.votes} == {panel.identifier} == {row.identifier}
    assert [vote.model for vote in row.votes] == ["a", "b", "c"]
    assert [vote.usage.calls for vote in row.votes] == [1, 1, 1]
    assert row.usage.calls == 0
    assert row.vote_of is None
    assert row.metadata["votes"] == {"coherent": 2, "incoherent": 1}
    assert row.metadata["flip_rate"] == pytest.approx(2 / 3)
    assert row.explanation == "coherent, see [1]"


def test_a_panel_without_a_usable_vote_fails(scripted, by_model, transcript):
    """With the reason of its first judge."""
    by_model(a=None, b=None)
    row = verdict(Panel(judges(scripted.base_url, "a", "b")), transcript)
    assert (row.status, row.reason, row.label) == ("failed", "JudgeAnswerError", None)


def test_a_judge_may_be_asked_again(scripted, by_model, transcript):
    """Repeats: the same judge, other votes, so calls are not taken for one another."""
    by_model(a="coherent")
    (judge,) = judges(scripted.base_url, "a")
    row = verdict(Panel([judge, judge.again(1), judge.again(2)]), transcript)
    assert len({vote.identifier for vote in row.votes}) == 3
    assert (row.label, row.metadata["flip_rate"]) == ("coherent", 0.0)


@pytest.mark.parametrize(
    ("labels", "confidence", "is_escalated"),
    [
        (("coherent", "coherent"), 0.9, False),
        (("coherent", "incoherent"), 0.9, True),
        (("coherent", "coherent"), 0.5, True),
        (("coherent", "coherent"), None, False),
        (("unsure", "unsure"), 0.9, True),
        ((None, "coherent"), 0.9, True),
    ],
)
def test_doubt_goes_to_the_strong_judge(scripted, by_model, transcript, labels, confidence, is_escalated):
    """Disagreement, an unsure or missing vote, or little confidence; the strong judge's vote decides alone."""
    by_model(confidence, **dict(zip("ab", labels, strict=True)), strong="incoherent")
    (strong,) = judges(scripted.base_url, "strong")
    row = verdict(Panel(judges(scripted.base_url, "a", "b"), escalation=strong), transcript)
    assert row.metadata["is_escalated"] is is_escalated
    assert row.label == ("incoherent" if is_escalated else "coherent")
    assert len(row.votes) == 2 + is_escalated


def test_one_cheap_judge_may_escalate(scripted, by_model, transcript):
    """Cheap first, strong where it is in doubt."""
    by_model(0.2, cheap="coherent", strong="incoherent")
    cheap, strong = judges(scripted.base_url, "cheap", "strong")
    assert verdict(Panel([cheap], escalation=strong), transcript).label == "incoherent"


def test_a_panel_is_an_evaluator_with_its_own_fingerprint():
    """Its verdicts are never mixed with those of one of its judges; the order of judges does not matter."""
    a, b = judges("http://localhost:1/v1", "a", "b")
    panel = Panel([a, b])
    assert isinstance(panel, Evaluator)
    assert panel.identifier not in {a.identifier, b.identifier}
    assert panel.identifier == Panel([b, a]).identifier
    assert panel.identifier != Panel([a, b], escalation=a.again(1)).identifier
    assert panel.model == "a, b"


def test_what_is_no_panel_is_refused():
    """Each of these would give a number that means something else than people think."""
    a, b = judges("http://localhost:1/v1", "a", "b")
    (other,) = judges("http://localhost:1/v1", "a", rubric="frustration")
    for wrong, said in (([a], "no majority"), ([a, other], "one question"), ([a, a], "are the same")):
        with pytest.raises(InputError, match=said):
            Panel(wrong)
    with pytest.raises(InputError, match="min_confidence"):
        Panel([a, b], min_confidence=70)


def test_the_flip_rate_counts_pairs():
    """Source: 'The Coin Flip Judge?' counts disagreeing pairs of runs."""
    assert flip_rate(["a"]) is None
    assert flip_rate(["a", "a", "a"]) == 0
    assert flip_rate(["a", "b"]) == 1
