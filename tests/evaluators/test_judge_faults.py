"""A thousand bad answers: not one reaches storage as a label or as evidence."""

import asyncio
import json
import random

import pytest

from sessioneval.evaluators.evidence import normalised
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_answer import Completion, read_completion
from sessioneval.model.evaluation_row import from_row, to_row

N_FAULTS = 1_000
LABELS = ("coherent", "incoherent", "unsure")
WORDS = ("parcel", "depot", "refund", "order", "lost", "sent", "address", "courier", "today", "never", "promised")


def body(content, **choice):
    message = {"role": "assistant", "content": content, **choice.pop("message", {})}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop", **choice}]}).encode()


def wrong_label(draw, answer):
    near = ["Coherent!", "not coherent", "coherent, incoherent", "", "yes", "1", "coher ent", "\u0441oherent", "label"]
    return body(answer(label=draw.choice([*near, draw.choice(WORDS)])))


def wrong_type(draw, answer):
    return body(answer(label=draw.choice([None, 1, True, ["coherent"], {"label": "coherent"}])))


def refusal(draw, answer):
    said = draw.choice([None, "", answer()])
    return body(said, message={"refusal": f"I will not judge {draw.choice(WORDS)}."})


def truncated(draw, answer):
    text = answer()
    return body(text[: draw.randrange(1, len(text) - 1)], finish_reason=draw.choice(["length", "stop"]))


def cut_but_whole(_, answer):
    return body(answer(), finish_reason="length")


def filtered(_, answer):
    return body(answer(), finish_reason="content_filter")


def empty(draw, _):
    return draw.choice([b"", b"null", b"{}", b'{"choices": []}', body(""), body(None), body(" \n")])


def prose(draw, _):
    return body(f"The session is {draw.choice(LABELS)}, as [{draw.randrange(9)}] shows.")


def garbled(draw, answer):
    raw = bytearray(answer().encode())
    raw[0] = raw[-1] = draw.randrange(128, 256)
    return body(bytes(raw).decode("latin-1"))


def two_objects(_, answer):
    return body(f"{answer(label='coherent')} or rather {answer(label='coherent')} or so")


LABEL_FAULTS = (
    wrong_label, wrong_type, refusal, truncated, cut_but_whole, filtered, empty, prose, garbled, two_objects,
)  # fmt: skip


def invented_quote(draw, session):
    index = draw.randrange(len(session.messages))
    return {"message": index, "quote": " ".join(draw.choices(WORDS, k=8)).upper()}


def misplaced_quote(draw, session):
    index, other = draw.sample(range(len(session.messages)), 2)
    return {"message": index, "quote": session.messages[other].content}


def changed_quote(draw, session):
    index = draw.randrange(len(session.messages))
    words = session.messages[index].content.split()
    words[draw.randrange(1, len(words) - 1)] = "…"
    return {"message": index, "quote": " ".join(words)}


def wrong_index(draw, session):
    index = draw.choice([len(session.messages), -1, -2, 10**9, 1.5, "0", None, True, [0]])
    return {"message": index, "quote": session.messages[0].content}


def no_quote(draw, _):
    return draw.choice([None, "a quote", 7, [], {}, {"message": 0}, {"message": 0, "quote": 5}])


QUOTE_FAULTS = (invented_quote, misplaced_quote, changed_quote, wrong_index, no_quote)


@pytest.fixture
def session(make):
    draw = random.Random(5)
    turns = [" ".join(draw.choices(WORDS, k=12)) + f" {number}" for number in range(10)]
    return make.transcript(*(("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(turns)))


@pytest.fixture
def stored(make, session):
    """Evaluate with the given completions, write the row, and return what is read back."""
    judge = Judge("coherence", model="m", base_url="http://localhost/v1")

    def evaluate(*completions):
        channel = make.channel(*completions)
        return from_row(to_row(asyncio.run(judge.through(channel).evaluate(session)))), channel

    return evaluate


def test_no_bad_answer_becomes_a_label(stored, make):
    """Each is asked for once more and then is a failure that says what it was; never a label, never a score."""
    reasons = set()
    for number in range(N_FAULTS // 2):
        draw = random.Random(number)
        fault, again = draw.choices(LABEL_FAULTS, k=2)
        replies = [read_completion(each(draw, make.answer)) for each in (fault, again)]
        row, channel = stored(*replies)
        assert (row.status, row.reason, row.label, row.score) == ("failed", "JudgeAnswerError", None, None), fault
        assert (row.evidence, row.findings, row.fields, len(channel.calls)) == ((), (), {}, 2), fault
        reasons.add(row.error.partition("the last one: ")[2][:20])
    assert len(reasons) > 5


def test_no_false_quote_becomes_evidence(stored, make, session):
    """The label stands, the quote does not, and the row says that it rested on one."""
    for number in range(N_FAULTS // 2):
        draw = random.Random(number)
        fault = draw.choice(QUOTE_FAULTS)
        good = {"message": 3, "quote": session.messages[3].content}
        given = [fault(draw, session)] if draw.random() < 0.5 else [good, fault(draw, session)]
        row, _ = stored(Completion(text=make.answer(evidence=given, n_user_messages=5)))
        assert (row.status, row.label, row.is_unsupported) == ("evaluated", "coherent", True), fault
        assert [kept.quote for kept in row.evidence] == [good["quote"]] * (len(given) - 1), fault
        assert all(normalised(kept.quote) in normalised(session.messages[3].content) for kept in row.evidence)


def test_one_bad_answer_is_mended_by_a_good_one(stored, make):
    """The thousand failures above are not failures of asking again."""
    for number, fault in enumerate(LABEL_FAULTS):
        bad = read_completion(fault(random.Random(number), make.answer))
        row, channel = stored(bad, make.answer(n_user_messages=5))
        assert (row.status, row.label, row.metadata["repaired"]) == ("evaluated", "coherent", True)
        assert len(channel.calls) == 2
