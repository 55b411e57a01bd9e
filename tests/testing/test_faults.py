"""Faults on purpose: chosen by the seed, shown over HTTP, and overcome by the client's own retry."""

import json
import threading
import time
from collections import Counter

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answer
from sessioneval.testing.faults import BAD_LABEL, Faults, spoil
from sessioneval.testing.server import StandIn

HELLO = [{"role": "user", "content": "hello"}]


def hello(client, **options):
    return client.chat.completions.create(model="stand-in", messages=HELLO, **options)


def hello_often(client, times):
    for _ in range(times):
        hello(client)


@pytest.fixture(scope="module")
def first_only(client):
    """Return faults that the first sending of HELLO meets and the second does not."""
    fingerprint = hello(client).id.removeprefix("chatcmpl-")

    def found(fault):
        candidates = (Faults(**{f"{fault}_rate": 0.5}, seed=seed, retry_after_seconds=0.01) for seed in range(1000))
        wanted = [fault, "none"]
        return next(f for f in candidates if [f.choose(fingerprint, attempt) for attempt in (1, 2)] == wanted)

    return found


@pytest.mark.parametrize("fault", ["error", "too_many_requests", "reset"])
def test_a_retry_gets_past_a_passing_fault(connect, fault, first_only):
    """One retry layer, the client's, must be enough."""
    with StandIn(first_only(fault)) as server:
        completion = hello(connect(server, max_retries=2))
        assert completion.choices[0].message.content.endswith("hello")
        assert server.stats["by_fault"] == {fault: 1}
        assert (server.stats["requests"], server.stats["finished"], server.stats["repeated"]) == (2, 1, 0)


def test_a_hang_lasts_until_the_client_leaves(connect, first_only):
    """The client's time-out is the only way out, and its retry works."""
    with StandIn(first_only("hang")) as server:
        hello(connect(server, max_retries=1, timeout=0.3))
        assert server.stats["by_fault"] == {"hang": 1}
        assert server.stats["finished"] == 1


def test_a_server_that_closes_lets_hanging_requests_go(connect):
    """Leaving the block must not wait for a client that waits for the server."""
    ended = threading.Event()

    def wait_for_ever(client):
        with pytest.raises(openai.APIConnectionError):
            hello(client)
        ended.set()

    with StandIn(Faults(hang_rate=1)) as server:
        waiting = threading.Thread(target=wait_for_ever, args=(connect(server, timeout=60),))
        waiting.start()
        while waiting.is_alive() and not server.stats["by_fault"]:
            pass
    waiting.join(20)
    assert ended.is_set()


@pytest.mark.parametrize(
    ("faults", "error"),
    [
        (Faults(error_rate=1), openai.InternalServerError),
        (Faults(too_many_requests_rate=1, retry_after_seconds=0), openai.RateLimitError),
        (Faults(reset_rate=1), openai.APIConnectionError),
    ],
)
def test_a_lasting_fault_reaches_the_caller_as_its_own_error(connect, faults, error):
    """Each fault looks like the real one to the client."""
    with StandIn(faults) as server:
        with pytest.raises(error):
            hello(connect(server, max_retries=1))
        assert server.stats["finished"] == 0
        assert server.stats["requests"] == 2


def test_the_rate_limit_names_the_wait_and_the_client_keeps_it(connect):
    """Who comes too fast is told to wait, in both of the headers that clients read."""
    with StandIn(Faults(requests_per_minute=600)) as server:
        # 600 a minute let 10 through at once; what comes on top has to wait about 0.1 seconds.
        client = connect(server)
        with pytest.raises(openai.RateLimitError) as refused:
            hello_often(client, 200)
        headers = refused.value.response.headers
        assert int(headers["retry-after"]) == 1
        assert 0 < int(headers["retry-after-ms"]) <= 100
        assert headers["x-ratelimit-limit-requests"] == "600"
        assert server.stats["by_fault"] == {"rate_limit": 1}
        assert hello(connect(server, max_retries=5)).choices


def test_a_garbled_answer_is_no_json(connect, ask):
    """The judge has to see it as unusable."""
    with StandIn(Faults(garble_rate=1)) as server:
        completion = connect(server).chat.completions.create(
            model="stand-in", messages=ask("coherence", ("user", "hi"), labels="coherent, incoherent")
        )
        with pytest.raises(json.JSONDecodeError):
            json.loads(completion.choices[0].message.content)
        assert server.stats["finished"] == 0


def test_a_bad_label_is_well_formed_and_of_no_rubric(connect, ask, answer_text):
    """Only the rubric can tell that it is wrong."""
    with StandIn(Faults(bad_label_rate=1)) as server:
        completion = connect(server).chat.completions.create(
            model="stand-in", messages=ask("coherence", ("user", "hi"), labels="coherent, incoherent")
        )
        assert answer_text(completion)["label"] == BAD_LABEL


def test_a_refusal_has_no_content(connect):
    """OpenAI puts refusals beside the content."""
    with StandIn(Faults(refusal_rate=1)) as server:
        message = hello(connect(server)).choices[0].message
        assert message.content is None
        assert message.refusal
        streamed = [c.choices[0].delta.refusal for c in hello(connect(server), stream=True)]
        assert message.refusal in streamed


def test_latency_delays_and_a_client_that_left_is_not_counted_as_served(connect):
    """A killed engine must not look as if it had been answered."""
    with StandIn(Faults(latency_seconds=0.5)) as server:
        with pytest.raises(openai.APITimeoutError):
            hello(connect(server, timeout=0.1))
        hello(connect(server, timeout=10))
        assert (server.stats["requests"], server.stats["finished"], server.stats["repeated"]) == (2, 1, 0)
        assert server.stats["by_status"] == {"200": 1, "499": 1}


def test_the_same_seed_shows_the_same_faults():
    """A run that failed can be run again."""
    faults = Faults(error_rate=0.3, hang_rate=0.2, seed=7)
    chosen = [faults.choose(str(n), 1) for n in range(200)]
    assert chosen == [Faults(error_rate=0.3, hang_rate=0.2, seed=7).choose(str(n), 1) for n in range(200)]
    assert chosen != [Faults(error_rate=0.3, hang_rate=0.2, seed=8).choose(str(n), 1) for n in range(200)]


def test_rates_are_kept():
    """Over many requests each fault takes its share (3 sigma)."""
    counts = Counter(Faults(error_rate=0.1, garble_rate=0.05).choose(str(n), 1) for n in range(10_000))
    assert abs(counts["error"] - 1000) < 3 * 30
    assert abs(counts["garble"] - 500) < 3 * 22


@pytest.mark.parametrize(
    "values",
    [
        {"error_rate": 1.5},
        {"error_rate": -0.1},
        {"error_rate": float("nan")},
        {"error_rate": 0.6, "hang_rate": 0.6},
        {"latency_seconds": -1},
        {"latency_seconds": float("inf")},
        {"requests_per_minute": 0},
    ],
)
def test_impossible_faults_are_refused(values):
    """The message names the value and what is allowed."""
    with pytest.raises(InputError, match=r"not allowed: use|add up to more than 1"):
        Faults(**values)


def test_a_slow_answer_trickles_in_whole(connect):
    """A client that waits gets all of it; how long it takes is known."""
    with StandIn(Faults(slow_rate=1, slow_seconds=0.3)) as server:
        started = time.perf_counter()
        assert hello(connect(server)).choices[0].message.content.endswith("hello")
        assert time.perf_counter() - started >= 0.25
        assert (server.stats["finished"], server.stats["by_fault"]) == (1, {"slow": 1})


def test_a_truncated_answer_says_length(connect):
    """The finish reason is the only sign besides the missing end."""
    with StandIn(Faults(truncate_rate=1)) as server:
        choice = hello(connect(server)).choices[0]
        assert choice.finish_reason == "length"
        assert not choice.message.content.endswith("hello")
        assert server.stats["finished"] == 0


@given(text=st.text(), label=st.text())
def test_garbling_leaves_no_json(text, label):
    """Whatever was answered, half of it behind a wrong brace is never JSON."""
    answer = Answer(kind="judge", text=json.dumps({"explanation": text, "label": label}))
    with pytest.raises(ValueError, match=r".*"):
        json.loads(spoil(answer, "garble").text)
