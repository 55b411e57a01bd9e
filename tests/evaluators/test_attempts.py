"""The one layer that retries: how often, how long it waits, and what it says in the end."""

import asyncio
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.attempts import AttemptFailed, Rejected, Retrying, retry_after, wait_before
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion

ENDPOINT = Endpoint(base_url="http://a/v1", api_key="none", max_retries=3)
CALL = JudgeCall(endpoint=ENDPOINT, model="m", messages=[])


class Scripted:
    """A channel that raises the errors of its script and then answers."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.n_calls = 0

    async def complete(self, _):
        self.n_calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return Completion(text="yes")


def retried(*errors):
    """Return the answer or error, the attempts made and the pauses taken."""
    inner, pauses = Scripted(*errors), []

    async def pause(seconds):
        pauses.append(seconds)

    async def main():
        try:
            return await Retrying(inner, pause).complete(CALL)
        except (JudgeRefused, JudgeUnavailable) as error:
            return error

    return asyncio.run(main()), inner.n_calls, pauses


def test_a_pause_is_what_the_server_asks_for_or_doubles():
    """The server knows best; without its word a crowd of clients must spread."""
    answer, n_calls, pauses = retried(AttemptFailed("a", 429, 2.5), AttemptFailed("b"), AttemptFailed("c", 500))
    assert (answer.text, n_calls, pauses[0]) == ("yes", 4, 2.5)
    assert 0.75 <= pauses[1] <= 1.0
    assert 1.5 <= pauses[2] <= 2.0


def test_after_the_last_attempt_the_last_error_is_told_with_the_number_of_attempts():
    """The row says what went wrong and how often it was tried."""
    error, n_calls, pauses = retried(*[AttemptFailed("http://a/v1 kept failing with HTTP 500: oops", 500)] * 9)
    assert (n_calls, len(pauses)) == (4, 3)
    assert type(error) is JudgeUnavailable
    assert str(error) == "http://a/v1 kept failing with HTTP 500: oops (4 attempts)"
    assert error.__cause__.status == 500


def test_what_is_rejected_for_good_is_not_tried_again():
    """Asking a wrong model name six times changes nothing."""
    error, n_calls, _ = retried(Rejected("no such model", 404))
    assert (type(error), str(error), n_calls) == (JudgeRefused, "no such model", 1)


def test_a_server_that_asks_for_an_hour_is_not_waited_for():
    """The run would stand still; the row says what was asked."""
    error, n_calls, pauses = retried(AttemptFailed("slow down", 429, 3_600.0))
    assert (n_calls, pauses) == (1, [])
    assert "asks to wait 3600 s" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "-1"}, None),
        ({}, None),
    ],
)
def test_the_servers_wait_is_read_in_all_its_forms(headers, seconds):
    """Milliseconds, seconds, dates; nonsense is no wait."""
    noon = 1_795_176_000.0
    assert retry_after(headers, lambda: noon) == seconds


@given(st.text(max_size=30), st.integers(1, 2_000))
def test_no_header_and_no_number_of_attempts_gives_a_wait_that_is_no_number(text, attempt):
    """Headers are what a server sends."""
    seconds = retry_after({"retry-after": text})
    assert wait_before(attempt, seconds) >= 0


def test_errors_survive_pickling():
    """Process pools and Ray send them around."""
    failed, rejected = (pickle.loads(pickle.dumps(each)) for each in (AttemptFailed("a", 429, 1.0), Rejected("b", 401)))
    assert (str(failed), failed.status, failed.retry_after_seconds) == ("a", 429, 1.0)
    assert (str(rejected), rejected.status) == ("b", 401)
