"""The noisy oracle: its errors are drawn at the rates that were asked for, and the same every time."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.testing.chat_request import parse_request
from sessioneval.testing.oracle import UNKNOWN_SESSION, Noise, NoisyOracle, Truth, session_key
from sessioneval.testing.server import StandIn

N = 2000
LABELS = "good, bad"


def first(n):
    return f"My question number {n} is this."


def truths(cohort=lambda _: ""):
    """Return the truth of N sessions, the even ones good."""
    return {first(n): Truth(labels={"q": "bad" if n % 2 else "good"}, cohort=cohort(n)) for n in range(N)}


@pytest.fixture
def label(ask):
    """Ask an oracle about session n; return the label."""

    def asked(oracle, n, *, evaluator="q", length=0, **fields):
        said = [("user", first(n)), ("assistant", "a" * length)]
        messages = ask(evaluator, *said, labels=LABELS)
        answer = oracle(parse_request({"model": "m", "messages": messages, **fields}))
        return json.loads(answer.text)["label"]

    return asked


def three_sigma(share, n):
    return 3 * (share * (1 - share) / n) ** 0.5


def test_without_noise_the_truth_is_answered(label):
    """A perfect judge, to begin with."""
    oracle = NoisyOracle(truths())
    assert [label(oracle, n) for n in range(4)] == ["good", "bad", "good", "bad"]


def test_sensitivity_and_specificity_are_kept(label):
    """Each over its own half of the sessions (3 sigma of 1,000)."""
    oracle = NoisyOracle(truths(), Noise(sensitivity=0.9, specificity=0.7), seed=3)
    counts = Counter((n % 2, label(oracle, n)) for n in range(N))
    assert counts[0, "good"] / 1000 == pytest.approx(0.9, abs=three_sigma(0.9, 1000))
    assert counts[1, "bad"] / 1000 == pytest.approx(0.7, abs=three_sigma(0.7, 1000))


def test_abstention_differs_by_truth(label):
    """A judge that is unsure of failures more often is what makes dropping its abstentions wrong."""
    oracle = NoisyOracle(truths(), Noise(abstention=0.1, negative_abstention=0.25))
    counts = Counter((n % 2, label(oracle, n)) for n in range(N))
    assert counts[0, "unsure"] / 1000 == pytest.approx(0.1, abs=three_sigma(0.1, 1000))
    assert counts[1, "unsure"] / 1000 == pytest.approx(0.25, abs=three_sigma(0.25, 1000))


def test_leniency_reaches_one_cohort_only(label):
    """The other cohort is judged as before."""
    noise = Noise(specificity=0.8, leniency={"b": 0.3})
    oracle = NoisyOracle(truths(lambda n: "b" if n % 4 == 1 else "a"), noise)
    plain = NoisyOracle(truths(), Noise(specificity=0.8))
    lenient = Counter(label(oracle, n) for n in range(1, N, 4))
    assert lenient["good"] / 500 == pytest.approx(0.5, abs=three_sigma(0.5, 500))
    assert [label(oracle, n) for n in range(3, N, 4)] == [label(plain, n) for n in range(3, N, 4)]


def test_length_moves_the_label_by_the_thousand_characters(label):
    """0.07 for every 1,000 characters, on top of what the judge says anyway."""
    oracle = NoisyOracle(truths(), Noise(specificity=0.9, length_bias=0.07))
    longer = Counter(label(oracle, n, length=3000) for n in range(1, N, 2))
    assert longer["good"] / 1000 == pytest.approx(0.1 + 0.21, abs=0.07 * 0.05 + three_sigma(0.31, 1000))


def test_repeats_flip_at_the_rate_and_the_first_time_never(label):
    """Sampling seeds 0 and none are the first time; each other seed is a repeat of its own."""
    oracle = NoisyOracle(truths(), Noise(sensitivity=0.8, specificity=0.8, flip_rate=0.2))
    base = [label(oracle, n) for n in range(N)]
    assert [label(oracle, n, seed=0) for n in range(N)] == base
    for seed in (1, 2):
        again = [label(oracle, n, seed=seed) for n in range(N)]
        flipped = sum(a != b for a, b in zip(base, again, strict=True)) / N
        assert flipped == pytest.approx(0.2, abs=three_sigma(0.2, N))
        assert again == [label(oracle, n, seed=seed) for n in range(N)]


def test_repeats_can_be_told_by_how_often_was_asked(label):
    """For engines that send no seed."""
    oracle = NoisyOracle(truths(), Noise(flip_rate=0.3), repeats_by="asked")
    base = [label(oracle, n) for n in range(N)]
    assert base == ["good", "bad"] * (N // 2)
    flipped = sum(a != b for a, b in zip(base, [label(oracle, n) for n in range(N)], strict=True)) / N
    assert flipped == pytest.approx(0.3, abs=three_sigma(0.3, N))


def test_evaluators_models_and_seeds_err_independently(label):
    """A panel of two models gains what independent votes gain: both wrong in a share of 0.09."""
    both = {text: Truth(labels={"q": "good", "r": "good"}) for text in map(first, range(N))}
    noise = Noise(sensitivity=0.7)
    oracle, other = NoisyOracle(both, noise), NoisyOracle(both, noise, seed=1)
    wrong = [label(oracle, n) == "bad" for n in range(N)]
    for again in (
        [label(oracle, n, evaluator="r") == "bad" for n in range(N)],
        [label(oracle, n, model="m-2") == "bad" for n in range(N)],
        [label(other, n) == "bad" for n in range(N)],
    ):
        together = sum(a and b for a, b in zip(wrong, again, strict=True)) / N
        assert together == pytest.approx(0.09, abs=three_sigma(0.09, N))


def test_noise_is_set_by_evaluator(label):
    """One judge may be good and another bad."""
    both = {first(n): Truth(labels={"q": "good", "r": "good"}) for n in range(50)}
    oracle = NoisyOracle(both, {"r": Noise(sensitivity=0.0), "*": Noise()})
    assert {label(oracle, n) for n in range(50)} == {"good"}
    assert {label(oracle, n, evaluator="r") for n in range(50)} == {"bad"}


@pytest.mark.parametrize("labels", ["a, b, c", "a, b, c, unsure"])
def test_more_than_two_labels_have_their_wrong_ones_spread(ask, labels):
    """A missed positive becomes any of the others, never an abstention."""
    oracle = NoisyOracle({first(n): Truth(labels={"q": "a"}) for n in range(300)}, Noise(sensitivity=0.0))
    said = Counter()
    for n in range(300):
        messages = ask("q", ("user", first(n)), labels=labels)
        said[json.loads(oracle(parse_request({"model": "m", "messages": messages})).text)["label"]] += 1
    assert said.keys() == {"b", "c"}


def test_a_positive_label_that_is_not_the_first_can_be_named(label):
    """Rubrics order their labels as they like."""
    oracle = NoisyOracle(truths(), Noise(positive="bad", sensitivity=0.0))
    assert {label(oracle, n) for n in range(20)} == {"good"}


def test_findings_ride_beside_a_label_that_does_not_show_them(ask):
    """A session that passes with a severe finding has to be flagged; so the oracle can report one."""
    finding = {"category": "phantom cart", "severity": "high", "message": 1, "note": "invented an item"}
    oracle = NoisyOracle({first(0): Truth(labels={"q": "good"}, findings=(finding,))})
    answer = oracle(parse_request({"model": "m", "messages": ask("q", ("user", first(0)), labels=LABELS)}))
    values = json.loads(answer.text)
    assert (values["label"], values["findings"]) == ("good", [finding])
    assert values["evidence"] == [{"message": 0, "quote": first(0)}]
    assert values["n_user_messages"] == 1


def test_an_unknown_session_is_counted_and_not_guessed(connect, ask):
    """A test whose truths do not fit its sessions must see it."""
    with StandIn(answerer=NoisyOracle(truths())) as server:
        client = connect(server)
        for messages in (ask("q", ("user", "never heard of"), labels=LABELS), ask("other", ("user", first(0)))):
            client.chat.completions.create(model="m", messages=messages)
        client.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
        assert server.stats["by_kind"] == {UNKNOWN_SESSION: 2, "echo": 1}


def test_a_later_window_is_known_by_the_opening_it_repeats(fence):
    """Windows of a long session do not show its first message whole."""
    long = "Why is it so? " * 100
    oracle = NoisyOracle({long: Truth(labels={"q": "bad"})})
    inside = f"<<T:5eed window 2 of 2>>\n<<T:5eed opening of the session>>\n{long[:400]}\n<<T:5eed [… 9 characters …]>>\n{long[-90:]}"
    text = fence(("user", "And then?")).replace("<<T:5eed begin>>", f"<<T:5eed begin>>\n{inside}")
    messages = [{"role": "user", "content": text}, {"role": "user", "content": f"Evaluator: q\nLabels: {LABELS}"}]
    assert json.loads(oracle(parse_request({"model": "m", "messages": messages})).text)["label"] == "bad"


@given(st.text(min_size=1))
def test_white_space_does_not_hide_a_session(text):
    """Renderers may lay text out differently."""
    assert session_key(text) == session_key("  " + "\n ".join(text.split()))


def test_two_sessions_that_look_alike_are_refused():
    """The oracle would give one of them the other's truth."""
    with pytest.raises(InputError, match="differ only in white space"):
        NoisyOracle({"a b": Truth(labels={}), "a  b": Truth(labels={})})


@pytest.mark.parametrize("values", [{"sensitivity": 1.1}, {"flip_rate": -0.1}, {"negative_abstention": 2}])
def test_impossible_noise_is_refused(values):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match="is not allowed: use a share"):
        Noise(**values)
