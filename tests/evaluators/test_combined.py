"""Several rubrics in one call: one request, one evaluation a rubric, each an instrument of its own."""

import asyncio
from dataclasses import replace

import pytest

from sessioneval.errors import InputError, JudgeUnavailable
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.combined import combined
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_parts import ChecklistItem, Example
from sessioneval.evaluators.splits import split_of
from sessioneval.model.evaluation import Usage

DONE = Rubric(
    name="done",
    version="1",
    question="Is {{what}} done?",
    labels={"yes": 1, "no": 0},
    variables={"what": "{{it}}"},
    checklist=(ChecklistItem(id="how", question="How?"),),
)
POLITE = Rubric(name="polite", version="1", question="Polite?", labels={"kind": 5, "rude": -5})
OPTIONS = {"model": "m", "base_url": "http://localhost/v1"}


def item(name, answer, reason=""):
    return {"item": name, "answer": answer, "reason": reason}


def evaluated(parts, transcript, channel):
    async def main():
        return await asyncio.gather(*(part.through(channel).evaluate(transcript) for part in parts))

    return asyncio.run(main())


def test_one_call_answers_every_rubric(make, transcript):
    """Half the price without a cache; each row looks as if its rubric had been asked alone."""
    said = make.answer(
        "answered",
        answers=[item("done__how", "by sum"), item("done", "YES", "see [1]"), item("polite", "unsure")],
        findings=[{"category": "tone", "severity": "high", "message": 1, "note": "curt"}],
    )
    channel = make.channel(Completion(text=said, usage=Usage(calls=1, input_tokens=100)))
    parts = combined([DONE, POLITE], **OPTIONS)
    done, polite = evaluated(parts, transcript, channel)
    assert len(channel.calls) == 1
    assert (done.name, done.label, done.score, done.explanation) == ("done", "yes", 1.0, "see [1]")
    assert (polite.name, polite.label, polite.score) == ("polite", "unsure", None)
    assert (done.fields, polite.fields) == ({"how": "by sum"}, {})
    assert [row.identifier for row in (done, polite)] == [part.identifier for part in parts]
    assert done.is_flagged
    assert polite.is_flagged
    assert (done.usage.input_tokens, polite.usage.input_tokens) == (100, 0)
    assert done.evaluation_id != polite.evaluation_id


def test_the_question_holds_every_rubric(transcript):
    """Labels and definitions of each stand with its question, and no text of one is a variable of another."""
    part, _ = combined([DONE, "coherence"], **OPTIONS)
    text = part.judge.messages(transcript)[2]["content"]
    assert "- done (one of: yes, no, unsure): Is { {it}} done?" in text
    assert "- done__how (a short text): How?" in text
    assert "- coherence (one of: coherent, incoherent, unsure): Is the assistant coherent" in text
    assert "- coherent: Every turn of the assistant fits" in text
    assert text.index("- coherence__contradicts_itself") < text.index("- coherence (")


def test_a_rubric_without_a_usable_label_fails_alone(make, transcript):
    """The other labels were paid for and stand."""
    channel = make.channel(make.answer("answered", answers=[item("done", "perhaps"), item("polite", "kind")]))
    done, polite = evaluated(combined([DONE, POLITE], **OPTIONS), transcript, channel)
    assert (done.status, done.reason, done.label, done.score) == ("failed", "JudgeAnswerError", None, None)
    assert "no usable label for 'done'" in done.error
    assert (polite.status, polite.label, polite.score) == ("evaluated", "kind", 5.0)


def test_a_call_that_fails_fails_every_part(make, transcript):
    """No part is left without a decision, and the error is said on each."""

    class Down(make.channel):
        async def complete(self, call):
            self.calls.append(call)
            raise JudgeUnavailable("down")

    rows = evaluated(combined([DONE, POLITE], **OPTIONS), transcript, Down())
    assert [(row.name, row.status, row.reason) for row in rows] == [
        ("done", "failed", "JudgeUnavailable"),
        ("polite", "failed", "JudgeUnavailable"),
    ]


def test_parts_that_come_later_find_the_answer(make, transcript):
    """The scheduler lets the first judge of a prefix end before the others begin."""
    channel = make.channel(make.answer("answered", answers=[item("done", "yes"), item("polite", "kind")]))
    parts = [part.through(channel) for part in combined([DONE, POLITE], **OPTIONS)]

    async def main():
        return [await part.evaluate(transcript) for part in parts]

    assert [row.label for row in asyncio.run(main())] == ["yes", "kind"]
    assert len(channel.calls) == 1


def test_what_is_deferred_is_asked_again_later(make, transcript):
    """A batch answers in a later round: what came out of the first is no answer to keep."""

    class Deferred(BaseException):
        pass

    class Batch(make.channel):
        async def complete(self, call):
            if not self.calls:
                self.calls.append(call)
                raise Deferred
            return await super().complete(call)

    channel = Batch(make.answer("answered", answers=[item("done", "yes"), item("polite", "kind")]))
    part = combined([DONE, POLITE], **OPTIONS)[0].through(channel)

    async def main():
        with pytest.raises(Deferred):
            await part.evaluate(transcript)
        return await part.evaluate(transcript)

    assert asyncio.run(main()).label == "yes"


def test_a_part_that_is_given_up_leaves_the_call_to_the_others(make, transcript):
    """One worker's cancellation costs no other worker its answer, and nothing is paid twice."""

    class Held(make.channel):
        async def complete(self, call):
            await self.release.wait()
            return await super().complete(call)

    channel = Held(make.answer("answered", answers=[item("done", "yes"), item("polite", "kind")]))
    done, polite = (part.through(channel) for part in combined([DONE, POLITE], **OPTIONS))

    async def main():
        channel.release = asyncio.Event()
        given_up = asyncio.ensure_future(done.evaluate(transcript))
        other = asyncio.ensure_future(polite.evaluate(transcript))
        await asyncio.sleep(0)
        given_up.cancel()
        channel.release.set()
        return await other, await done.evaluate(transcript)

    assert [row.label for row in asyncio.run(main())] == ["kind", "yes"]
    assert len(channel.calls) == 1


def test_a_part_is_an_evaluator_with_a_fingerprint_of_its_own():
    """A label from a combined call is not mixed with one that was asked for alone, nor with another combination."""
    done, polite = combined([DONE, POLITE], **OPTIONS)
    other, _ = combined([DONE, "coherence"], **OPTIONS)
    alone = Judge(DONE, **OPTIONS)
    assert isinstance(done, Evaluator)
    assert len({done.identifier, polite.identifier, other.identifier, alone.identifier}) == 4
    assert done.prefix_key == alone.prefix_key
    assert (done.annotator_kind, done.model, done.labels, done.needs_context) == ("LLM", "m", DONE.labels, False)
    done.check()
    asyncio.run(done.aclose())


def test_what_cannot_be_combined_is_refused():
    """Said before anything is paid."""
    for rubrics in ([], [DONE], [DONE, DONE]):
        with pytest.raises(InputError, match="combined takes two rubrics or more, each once"):
            combined(rubrics, **OPTIONS)
    train = next(f"chat-{number}" for number in range(100) if split_of(f"chat-{number}") == "train")
    example = Example(session=train, split="train", excerpt="hi", label="yes")
    with pytest.raises(InputError, match="rubric 'done' has examples, which stand for one question"):
        combined([replace(DONE, examples=(example,)), POLITE], **OPTIONS)
