"""A Batch API that breaks, lies and forgets: nothing is paid for twice, nothing hangs, and the user is told."""

import asyncio
import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.channel import CallDeferred, JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.runs.batch.batch_status import read_status
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.batch.run_channel import BatchRunChannel
from sessioneval.runs.stopping import Stop

ANSWER = {"choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}
RESULT = json.dumps({"custom_id": "k", "response": {"status_code": 200, "body": ANSWER}}).encode()
FILE = (200, {"id": "file-1"})
SUBMITTED = (200, {"id": "batch-1", "status": "validating"})
DONE = {"id": "batch-1", "status": "completed", "output_file_id": "out", "request_counts": {"completed": 1}}
BROKEN_OFF = object()
QUOTA = {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}
BUSY = {"error": {"message": "Too many batches.", "code": "rate_limit_exceeded"}}


class Scripted:
    """A server whose replies are scripted by method and path; the last one of each is repeated.

    Args:
        replies: Path to replies: status and a JSON value or bytes, or `BROKEN_OFF`.
    """

    def __init__(self, **replies):
        self.replies = {key: list(value) for key, value in replies.items()}
        self.asked = []

    def __enter__(self):
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer("get")

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"] or 0))
                self.answer("post")

            def answer(self, method):
                path = self.path.removeprefix("/v1/").partition("?")[0]
                key = f"{method}_{path.replace('/', '_').replace('-', '')}"
                scripted.asked.append(key)
                replies = scripted.replies[key]
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
                status, body = (200, b"{") if reply is BROKEN_OFF else reply
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data) + 99 * (reply is BROKEN_OFF)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def script(**changed):
    """Return a server that answers one call well, but for what is changed."""
    usual = {
        "post_files": [FILE],
        "post_batches": [SUBMITTED],
        "get_batches": [(200, {"data": []})],
        "get_batches_batch1": [(200, DONE)],
        "get_files_out_content": [(200, RESULT)],
    }
    return Scripted(**usual | changed)


def ran(folder, server, stop=None):
    """Ask one call until it is answered; return the answer."""
    endpoint = Endpoint.of(server.base_url, "a-secret-key", timedelta(seconds=5), 0)
    call = JudgeCall(endpoint=endpoint, model="m", messages=[{"role": "user", "content": "?"}], key="k")

    async def run():
        channel = BatchRunChannel(folder, BatchMode(poll=timedelta(0)))
        try:
            while True:
                try:
                    return await channel.complete(call)
                except CallDeferred:
                    await channel.answer_deferred(stop or Stop())
        finally:
            await channel.aclose()

    return asyncio.run(run())


def test_the_script_itself_is_answered(tmp_path):
    """One upload, one batch, one look, one file."""
    with script() as server:
        assert ran(tmp_path, server).text == "yes"
        assert server.asked == ["post_files", "post_batches", "get_batches_batch1", "get_files_out_content"]


def test_429_on_submit_is_waited_for(tmp_path):
    """However long: another team's batches may hold the room for a day."""
    with script(post_batches=[(429, BUSY)] * 30 + [SUBMITTED]) as server:
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_files") == 1
        assert server.asked.count("post_batches") == 31


def test_an_account_without_money_is_told_at_once(tmp_path):
    """That 429 does not pass."""
    with (
        script(post_batches=[(429, QUOTA)]) as server,
        pytest.raises(JudgeRefused, match="exceeded your current quota"),
    ):
        ran(tmp_path, server)


@pytest.mark.parametrize("lost", [(500, {"error": "?"}), BROKEN_OFF, (200, b"<html>"), (200, {"id": None}), (504, b"")])
def test_a_submission_whose_answer_was_lost_is_looked_for_before_it_is_repeated(tmp_path, lost):
    """The provider has the batch all the same: a second one would be paid for too."""
    listed = {
        "data": [{"id": "other"}, "nonsense", {"id": "batch-1", "input_file_id": "file-1", "status": "in_progress"}]
    }
    with script(post_batches=[lost, SUBMITTED], get_batches=[(200, listed)]) as server:
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_batches") == 1


@pytest.mark.parametrize(
    "looks",
    [
        [
            (200, b"not JSON"),
            (200, [1]),
            (503, {}),
            (200, {"status": 7, "errors": 3, "request_counts": "x"}),
            (200, DONE),
        ],
        [(200, {**DONE, "output_file_id": None}), (200, DONE)],
    ],
)
def test_looks_that_bring_nonsense_are_repeated(tmp_path, looks):
    """A day of polling meets everything; a batch that names no results yet has not ended."""
    with script(get_batches_batch1=looks) as server:
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_batches") == 1


def test_a_provider_that_only_sends_nonsense_ends_the_run(tmp_path):
    """With a sentence; a later run goes on."""
    with script(get_batches_batch1=[(200, b"a-secret-key")]) as server:
        with pytest.raises(JudgeUnavailable, match="no JSON object") as raised:
            ran(tmp_path, server)
        assert "a-secret-key" not in str(raised.value)
        server.replies["get_batches_batch1"] = [(200, DONE)]
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_batches") == 1


def test_results_that_break_off_are_fetched_again(tmp_path):
    """Half a file is no file."""
    with script(get_files_out_content=[BROKEN_OFF, (200, RESULT)]) as server:
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_batches") == 1


def test_results_that_are_gone_are_asked_for_again(tmp_path):
    """Files are deleted after some weeks, and a run may go on after that; three times at most."""
    with script(get_files_out_content=[(404, {"error": {"message": "No such File object"}})]) as server:
        with pytest.raises(JudgeUnavailable, match="No such File object"):
            ran(tmp_path, server)
        assert server.asked.count("post_batches") == 3


def test_results_without_end_do_not_fill_the_disk(tmp_path):
    """More than a megabyte a call on average is no answer."""
    with (
        script(get_files_out_content=[(200, b" " * (2 << 20))]) as server,
        pytest.raises(JudgeRefused, match="without end"),
    ):
        ran(tmp_path, server)


def test_output_and_errors_are_two_files_that_may_end_without_a_line_break(tmp_path):
    """The last line of one and the first of the other must not become one."""
    broken = json.dumps({"custom_id": "another", "response": None, "error": {"code": "batch_expired"}}).encode()
    done = {**DONE, "error_file_id": "out", "output_file_id": "broken"}
    with script(get_batches_batch1=[(200, done)], get_files_broken_content=[(200, broken)]) as server:
        assert ran(tmp_path, server).text == "yes"


def test_a_batch_that_the_provider_does_not_know_is_said(tmp_path):
    """With another key it may; asking again would pay twice."""
    with script(get_batches_batch1=[(404, {"error": {"message": "No batch found"}})]) as server:
        with pytest.raises(JudgeRefused, match=r"No batch found"):
            ran(tmp_path, server)
        assert server.asked.count("post_batches") == 1


def test_ctrl_c_while_waiting_ends_the_run_at_once(tmp_path):
    """The poll is not waited for, and the batch stays with the provider."""
    stop = Stop()
    endless = {"id": "batch-1", "status": "in_progress"}

    async def run(server):
        endpoint = Endpoint.of(server.base_url, "a-secret-key", timedelta(seconds=5), 0)
        call = JudgeCall(endpoint=endpoint, model="m", messages=[], key="k")
        seen = asyncio.Event()
        channel = BatchRunChannel(tmp_path, BatchMode(poll=timedelta(hours=1), on_progress=lambda _: seen.set()))
        try:
            with pytest.raises(CallDeferred):
                await channel.complete(call)
            waiting = asyncio.create_task(channel.answer_deferred(stop))
            await seen.wait()
            stop.request()
            await asyncio.wait_for(waiting, 10)
        finally:
            await channel.aclose()

    with script(get_batches_batch1=[(200, endless), (200, DONE)]) as server:
        asyncio.run(run(server))
        assert ran(tmp_path, server).text == "yes"
        assert server.asked.count("post_batches") == 1


@pytest.mark.parametrize(
    "batch",
    [
        {},
        {
            "status": None,
            "errors": {"data": [None, {"message": 3}]},
            "request_counts": {"total": -1, "completed": True},
        },
        {"status": "completed", "output_file_id": 3, "error_file_id": [], "request_counts": {"failed": 10**30}},
        {"status": {"a": 1}, "errors": {"data": {"0": "x"}}},
    ],
)
def test_a_status_of_nonsense_is_read_as_far_as_it_holds(batch):
    """The API of a provider is anybody's code."""
    status = read_status(batch)
    assert (status.n_done, status.n_total, status.result_file_ids) == (0, 0, ())
    assert status.token_limit is None
