"""Calls through a Batch API, against the stand-in's: nothing is paid for twice and nothing is lost."""

import asyncio
import json
import os
import time
from datetime import timedelta

import pytest
from openai import OpenAI

from sessioneval.errors import JudgeRefused, JudgeUnavailable, StoreError
from sessioneval.evaluators.channel import CallDeferred, JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.runs.batch.answers import MAX_TRIES
from sessioneval.runs.batch.ledger import FOLDER, KEPT, Batch, Ledger
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.batch.provider import Provider
from sessioneval.runs.batch.request_files import FileLimits, request_line
from sessioneval.runs.batch.run_channel import BatchRunChannel
from sessioneval.runs.stopping import Stop
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.server import StandIn

KEYS = [f"{number:064x}" for number in range(10)]


def call(key, base_url, **more):
    """Return a call that is told from others by its key."""
    endpoint = Endpoint.of(base_url, "a-secret-key", timedelta(seconds=10), 0)
    asked = {"model": "stand-in", "messages": [{"role": "user", "content": f"say {key}"}], **more}
    return JudgeCall(endpoint=endpoint, key=key, **asked)


def calls(base_url, keys=KEYS, **more):
    return [call(key, base_url, **more) for key in keys]


class Stopping(Stop):
    """Stops a run at its first look at the provider."""

    def __call__(self, _progress):
        """Be told of a look."""
        self.request()


def ran(folder, asked, *, n_rounds=99, stop=None, **mode):
    """Ask for every call until nothing is deferred; return answers and errors by key, and the number of rounds."""
    answered, refused = {}, {}

    async def ask(channel):
        n_deferred = 0
        for one in asked:
            try:
                answered[one.key] = await channel.complete(one)
            except CallDeferred:
                n_deferred += 1
            except (JudgeRefused, JudgeUnavailable) as error:
                refused[one.key] = str(error)
        await channel.answer_deferred(stop or Stop())
        return n_deferred

    async def run():
        channel = BatchRunChannel(folder, BatchMode(poll=timedelta(0), **mode))
        try:
            for number in range(n_rounds):
                if not await ask(channel):
                    return number
            return n_rounds
        finally:
            await channel.aclose()

    return answered, refused, asyncio.run(run())


def batches(server):
    """Return the provider's batches, the oldest first."""
    with OpenAI(base_url=server.base_url, api_key="none") as client:
        return list(client.batches.list())[::-1]


def n_answered(server):
    return sum(batch.request_counts.completed for batch in batches(server))


def files(folder):
    return sorted(path.name for path in (folder / FOLDER).iterdir())


@pytest.fixture
def server():
    with StandIn() as running:
        yield running


def test_a_call_is_deferred_and_then_answered(tmp_path, server):
    """The first round writes, the second one knows; a finished run cleans up."""
    answered, refused, n_rounds = ran(tmp_path, calls(server.base_url))
    assert set(answered) == set(KEYS)
    assert not refused
    assert n_rounds == 1
    assert all(completion.usage.calls == 1 and completion.usage.input_tokens for completion in answered.values())
    assert files(tmp_path) == [".lock"]


def test_progress_counts_requests(tmp_path, server):
    """A batch may take a day: how far it is is all there is to see."""
    seen = []
    ran(tmp_path, calls(server.base_url), on_progress=seen.append)
    assert seen[-1].n_done == seen[-1].n_requests == len(KEYS)
    assert seen[-1].n_collected == seen[-1].n_batches == 1
    assert [progress.n_done for progress in seen] == sorted(progress.n_done for progress in seen)


def test_a_call_under_way_is_not_asked_again(tmp_path, server):
    """A run that was stopped while it waited starts again: its calls are with the provider already."""
    stop = Stopping()
    assert ran(tmp_path, calls(server.base_url), n_rounds=1, stop=stop, on_progress=stop)[0] == {}
    assert set(ran(tmp_path, calls(server.base_url))[0]) == set(KEYS)
    assert len(batches(server)) == 1


@pytest.mark.parametrize("limits", [FileLimits(n_requests=3), FileLimits(n_bytes=700)])
def test_large_rounds_are_split_over_files(tmp_path, server, limits):
    """Providers refuse files of more than 50,000 requests or 200 MB."""
    assert set(ran(tmp_path, calls(server.base_url), limits=limits)[0]) == set(KEYS)
    assert len(batches(server)) >= 4


def test_what_expired_or_failed_is_asked_again_and_nothing_else(tmp_path):
    """An expired batch has answered a part, and that part is paid for."""
    with StandIn(batches=BatchScript(expires={1: 4}, fails={2: 2})) as server:
        answered, _, n_rounds = ran(tmp_path, calls(server.base_url))
        assert (len(answered), n_rounds) == (len(KEYS), 3)
        assert [batch.request_counts.total for batch in batches(server)] == [10, 6, 2]
        assert n_answered(server) == len(KEYS)


def test_a_batch_that_somebody_cancelled_is_asked_again(tmp_path):
    """What it had answered is kept."""
    with StandIn(batches=BatchScript(polls=5)) as server:
        stop = Stopping()
        ran(tmp_path, calls(server.base_url), n_rounds=1, stop=stop, on_progress=stop)
        with OpenAI(base_url=server.base_url, api_key="none") as client:
            client.batches.cancel(batches(server)[0].id)
        assert set(ran(tmp_path, calls(server.base_url))[0]) == set(KEYS)
        assert [batch.status for batch in batches(server)] == ["cancelled", "completed"]
        assert n_answered(server) == len(KEYS)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (BatchScript(expires=dict.fromkeys(range(1, 99), 0)), "'expired'.*completion window expired"),
        (BatchScript(invalid=frozenset(range(1, 99))), "failed: This line is not parseable as valid JSON"),
        (BatchScript(fails=dict.fromkeys(range(1, 99), 10)), "HTTP 500"),
    ],
)
def test_a_call_that_never_gets_an_answer_is_given_up_with_the_providers_words(tmp_path, script, said):
    """Else a broken request would be sent for ever."""
    with StandIn(batches=script) as server:
        answered, refused, n_rounds = ran(tmp_path, calls(server.base_url))
        assert (answered, set(refused), n_rounds) == ({}, set(KEYS), MAX_TRIES)
        assert len(batches(server)) == MAX_TRIES
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(refused[KEYS[0]])


@pytest.mark.parametrize("lost", ["submitted", "uploaded"])
def test_a_crash_between_the_providers_answer_and_our_note_pays_for_nothing_twice(tmp_path, server, lost):
    """The batch exists at the provider, and our state does not know its name."""
    stop = Stopping()
    ran(tmp_path, calls(server.base_url), n_rounds=1, stop=stop, on_progress=stop)
    with Ledger.open(tmp_path) as ledger:
        (batch,) = ledger.batches()
        if lost == "submitted":
            ledger.save(batch, step="uploaded", batch_id=None)
        else:
            ledger.save(batch, step="submitted")
    assert set(ran(tmp_path, calls(server.base_url))[0]) == set(KEYS)
    assert len(batches(server)) == 1


def test_a_file_that_was_uploaded_and_never_submitted_is_written_again(tmp_path, server):
    """A later run may ask for a part of it only, and must not pay for the rest."""
    stop = Stopping()
    with StandIn() as other:
        ran(tmp_path, calls(other.base_url), n_rounds=1, stop=stop, on_progress=stop)
    with Ledger.open(tmp_path) as ledger:
        ledger.save(
            ledger.batches()[0], step="uploaded", batch_id=None, endpoint=calls(server.base_url)[0].endpoint.shown
        )
    assert set(ran(tmp_path, calls(server.base_url, KEYS[:2]))[0]) == set(KEYS[:2])
    assert [batch.request_counts.total for batch in batches(server)] == [2]


def test_two_runs_do_not_share_a_ledger(tmp_path):
    """Both would submit the same files."""
    with Ledger.open(tmp_path), pytest.raises(StoreError, match="another run"):
        Ledger.open(tmp_path)


@pytest.mark.parametrize("name", ["half.requests.jsonl", "half.part", "half.results.jsonl"])
def test_a_file_that_a_crash_left_without_a_state_is_removed(tmp_path, server, name):
    """Nobody was asked, so nothing is lost: the next round writes its calls again."""
    with Ledger.open(tmp_path) as ledger:
        (ledger.folder / name).write_bytes(request_line("k", b"{}")[:20])
    ran(tmp_path, calls(server.base_url))
    assert files(tmp_path) == [".lock"]


def test_a_state_that_cannot_be_read_is_said(tmp_path):
    """Another version of the package may have written it."""
    with Ledger.open(tmp_path) as ledger:
        (ledger.folder / "x.state.json").write_text('{"name": "x", "colour": "red"}')
    with pytest.raises(StoreError, match=r"colour.*remove it"):
        Ledger.open(tmp_path)


def test_two_addresses_are_batches_of_their_own(tmp_path, server):
    """Each provider gets what is meant for it, with its own key."""
    with StandIn() as other:
        answered, _, n_rounds = ran(tmp_path, [*calls(server.base_url, KEYS[:4]), *calls(other.base_url, KEYS[4:])])
        assert (set(answered), n_rounds) == (set(KEYS), 1)
        assert (n_answered(server), n_answered(other)) == (4, 6)


def test_a_batch_that_nobody_asks_for_holds_up_nobody(tmp_path, server):
    """A session that went on has other calls; an address may be asked no more. What was paid is kept for a month."""
    stop = Stopping()
    with StandIn(batches=BatchScript(polls=1_000)) as slow:
        ran(tmp_path, calls(slow.base_url), n_rounds=1, stop=stop, on_progress=stop)
        answered, _, _ = ran(tmp_path, calls(slow.base_url, []) + calls(server.base_url, ["other"]))
        assert set(answered) == {"other"}
    assert len(files(tmp_path)) == 3
    for path in (tmp_path / FOLDER).iterdir():
        long_ago = time.time() - KEPT.total_seconds() - 1
        os.utime(path, (long_ago, long_ago))
    ran(tmp_path, calls(server.base_url, ["third"]))
    assert files(tmp_path) == [".lock"]


def test_answers_that_a_run_did_not_ask_for_are_kept_for_one_that_does(tmp_path):
    """Judge all sessions, stop, look at one of them first: the others are paid for too."""
    stop = Stopping()
    with StandIn(batches=BatchScript(polls=2)) as slow:
        ran(tmp_path, calls(slow.base_url), n_rounds=1, stop=stop, on_progress=stop)
        assert set(ran(tmp_path, calls(slow.base_url, KEYS[:1]))[0]) == {KEYS[0]}
        assert set(ran(tmp_path, calls(slow.base_url))[0]) == set(KEYS)
        assert n_answered(slow) == len(KEYS)
    assert files(tmp_path) == [".lock"]


def test_no_room_at_the_provider_is_waited_for(tmp_path):
    """Enqueued tokens are limited: what does not fit is submitted when a batch has ended, and nothing fails."""
    with StandIn(batches=BatchScript(enqueued_token_limit=250)) as server:
        seen = []
        answered, refused, n_rounds = ran(
            tmp_path, calls(server.base_url), limits=FileLimits(n_requests=3), on_progress=seen.append
        )
        assert (set(answered), refused, n_rounds) == (set(KEYS), {}, 1)
        assert "failed" in {batch.status for batch in batches(server)}
        assert max(progress.n_waiting for progress in seen) >= 2
        assert n_answered(server) == len(KEYS)


def test_a_file_that_the_provider_never_has_room_for_is_made_smaller(tmp_path):
    """A small account's limit is below 200 MB."""
    with StandIn(batches=BatchScript(enqueued_token_limit=150)) as server:
        answered, refused, _ = ran(tmp_path, calls(server.base_url))
        assert (set(answered), refused) == (set(KEYS), {})
        assert n_answered(server) == len(KEYS)


def test_a_call_that_the_provider_never_has_room_for_is_given_up(tmp_path):
    """It cannot be made smaller."""
    with StandIn(batches=BatchScript(enqueued_token_limit=10)) as server:
        answered, refused, _ = ran(tmp_path, calls(server.base_url, KEYS[:2]))
    assert answered == {}
    assert all("Enqueued token limit" in error for error in refused.values())
    assert len(refused) == 2


def test_an_option_that_is_refused_is_left_out_in_the_next_batch(tmp_path):
    """As live calls do; reasoning models take no temperature."""
    with StandIn(refuses=["temperature", "json_schema"]) as server:
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": {"type": "object"}}}
        asked = calls(server.base_url, parameters={"temperature": 0.0}, response_format=form)
        answered, refused, n_rounds = ran(tmp_path, asked)
        assert (set(answered), refused) == (set(KEYS), {})
        assert n_rounds <= 3
        assert n_answered(server) == len(KEYS)


def test_a_call_that_is_refused_for_good_fails_with_the_providers_words(tmp_path):
    """It is not sent again."""
    with StandIn(models=["another"]) as server:
        answered, refused, n_rounds = ran(tmp_path, calls(server.base_url))
        assert (answered, len(refused), n_rounds) == ({}, len(KEYS), 1)
        assert "HTTP 404" in refused[KEYS[0]]


def test_broken_lines_of_results_are_asked_again(tmp_path, server):
    """What a provider sends is hostile input: other people's keys, nonsense, endless lines."""
    stop = Stopping()
    ran(tmp_path, calls(server.base_url), n_rounds=1, stop=stop, on_progress=stop)
    lines = [
        b"[" * 10_000,
        b'{"custom_id": 3}',
        b"null",
        b"\xff\xfe",
        b" " * (17 << 20),
        json.dumps({"custom_id": "unasked", "response": {"status_code": 200, "body": {}}}).encode(),
        json.dumps({"custom_id": KEYS[1], "response": {"status_code": True}}).encode(),
        json.dumps({"custom_id": KEYS[2], "response": []}).encode(),
        json.dumps({"custom_id": KEYS[0], "response": {"status_code": 200, "body": "a-secret-key"}}).encode(),
        json.dumps({"custom_id": KEYS[3], "response": {"status_code": 418, "body": "a-secret-key"}}).encode(),
    ]
    with Ledger.open(tmp_path) as ledger:
        (batch,) = ledger.batches()
        ledger.part_path(batch.name).write_bytes(b"\n".join(lines))
        ledger.collect(batch, "completed")
    answered, refused, _ = ran(tmp_path, calls(server.base_url))
    assert answered[KEYS[0]].text == ""
    assert set(answered) == set(KEYS) - {KEYS[3]}
    assert "a-secret-key" not in refused[KEYS[3]]


def test_a_ledger_in_memory_is_the_one_on_the_disk(tmp_path):
    """A later process sees what this one saved, the oldest first."""
    with Ledger.open(tmp_path) as ledger:
        for name in ("a", "b"):
            ledger.requests_path(name).write_bytes(request_line("k", b"{}"))
            ledger.save(Batch(name=name, endpoint="e", n_requests=1, dropped=["seed"]), step="submitted", batch_id="1")
        saved = ledger.batches()
    with Ledger.open(tmp_path) as ledger:
        assert ledger.batches() == saved
        assert list(ledger.keys(saved[0])) == ["k"]


def test_a_server_without_a_batch_api_says_so():
    """Most local servers have none."""

    async def refused():
        provider = Provider(call("", "http://127.0.0.1:9/v1").endpoint)
        try:
            with pytest.raises(JudgeUnavailable, match="does not answer"):
                await provider.status("batch_1")
        finally:
            await provider.aclose()

    asyncio.run(refused())
