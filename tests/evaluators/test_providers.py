"""Any provider: answers in whatever form it has, Azure's two addresses, and keys that show nowhere."""

import asyncio
import io
import json
import logging
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from span_factory import table, turns

import sessioneval as se
from sessioneval.errors import JudgeRefused
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_answer import read_completion
from sessioneval.evaluators.judge_client import LIVE
from sessioneval.evaluators.judge_prompt import RESPONSE_FORMAT
from sessioneval.runs.run_list import list_runs
from sessioneval.store.store import Store
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

KEY = "sk-proj-5h0wn-n0where-Zq8"
FORMATS_OF_REFUSALS = [
    ([], {}),
    (["json_schema"], {"400": 1}),
    (["json_schema", "json_object"], {"400": 2}),
    (["json_schema", "json_object", "tools"], {"400": 3}),
    (["json_schema", "json_object", "tool_choice", "temperature"], {"400": 4}),
]


def call(endpoint, number=0, model="m", **parameters):
    return JudgeCall(
        endpoint=endpoint,
        model=model,
        messages=[{"role": "user", "content": f"hello {number}"}],
        parameters=parameters,
        response_format=RESPONSE_FORMAT,
    )


def gathered(*calls):
    """Make the calls all at once in one loop."""

    async def main():
        try:
            return await asyncio.gather(*map(LIVE.complete, calls), return_exceptions=True)
        finally:
            await LIVE.aclose()

    return asyncio.run(main())


def evaluated(judge, transcript):
    async def main():
        row = await judge.evaluate(transcript)
        await judge.aclose()
        return row

    return asyncio.run(main())


@pytest.mark.parametrize(("refuses", "refused"), FORMATS_OF_REFUSALS)
def test_every_way_of_asking_brings_the_same_answer(refuses, refused, transcript):
    """Whatever a server takes, the judge's row holds the same label, evidence and canary."""
    with StandIn(refuses=refuses) as server:
        row = evaluated(Judge("coherence", model="m", base_url=server.base_url), transcript)
        assert server.stats["by_status"] == {"200": 1, **refused}
    assert (row.status, row.label, row.is_unsupported) == ("evaluated", "coherent", False)
    assert row.evidence
    assert row.usage.calls == 1


@pytest.mark.parametrize("latency_seconds", [0.0, 0.05])
def test_a_hundred_calls_that_start_together_waste_one_for_each_refusal(latency_seconds):
    """Each would be refused for itself otherwise, and the log of the provider be full of errors."""
    with StandIn(faults=Faults(latency_seconds=latency_seconds), refuses=["json_schema", "temperature"]) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none", max_retries=0)
        answers = gathered(*(call(endpoint, number, temperature=0.0) for number in range(100)))
        assert all(answer.text for answer in answers)
        assert server.stats["by_status"] == {"200": 100, "400": 2}
        assert server.stats["peak_in_flight"] > (50 if latency_seconds else 0)


def test_calls_with_other_parameters_find_out_for_themselves():
    """What worked without a seed says nothing about seeds; what was refused before is not sent again."""
    with StandIn(refuses=["json_schema", "seed"]) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none", max_retries=0)

        async def main():
            await LIVE.complete(call(endpoint))
            await asyncio.gather(*(LIVE.complete(call(endpoint, number, seed=7)) for number in range(20)))
            await LIVE.complete(call(endpoint, temperature=0.0, seed=8))
            await LIVE.aclose()

        asyncio.run(main())
        assert server.stats["by_status"] == {"200": 22, "400": 2}


def test_what_one_model_refuses_another_model_is_asked(scripted, make):
    """A proxy serves many models; the worst of them must not set the level."""
    scripted.choose = lambda: (
        make.verdict("coherent") if scripted.requests[-1]["model"] == "new" else (400, {"error": "json_schema, tools"})
    )
    endpoint = Endpoint(base_url=scripted.base_url, api_key="none", max_retries=0)
    gathered(call(endpoint, model="old"), call(endpoint, model="new"))
    assert [r["response_format"]["type"] for r in scripted.requests if r["model"] == "new"] == ["json_schema"]


def test_a_pilot_that_fails_leaves_the_way_to_the_next():
    """A server error says nothing about formats, so somebody else finds out."""
    with StandIn(faults=Faults(error_rate=0.5, seed=3), refuses=["json_schema"]) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none", max_retries=20)
        answers = gathered(*(call(endpoint, number) for number in range(8)))
        assert all(answer.text for answer in answers)
        assert server.stats["by_status"]["200"] == 8
        assert server.stats["by_status"]["400"] <= 8


def test_a_silent_pilot_does_not_hold_the_others_up(scripted, make):
    """A server that takes its time is at work on an answer; the others wait for two seconds, not for its end."""
    release = threading.Event()

    def choose():
        if len(scripted.requests) == 1:
            release.wait(20)
        return make.verdict("coherent")

    scripted.choose = choose
    endpoint = Endpoint(base_url=scripted.base_url, api_key="none", max_retries=0)

    async def main():
        pilot = asyncio.create_task(LIVE.complete(call(endpoint)))
        others = [asyncio.create_task(LIVE.complete(call(endpoint, number))) for number in range(1, 4)]
        answers = await asyncio.wait_for(asyncio.gather(*others), 15)
        was_open = not pilot.done()
        release.set()
        await pilot
        await LIVE.aclose()
        return answers, was_open

    answers, was_open = asyncio.run(main())
    assert was_open
    assert len(answers) == 3


def test_a_service_tier_that_is_refused_fails_the_call_and_says_why():
    """Left out, it would cost twice what was asked for."""
    with StandIn(refuses=["service_tier"]) as server:
        endpoint = Endpoint(base_url=server.base_url, api_key="none", max_retries=0)
        (error,) = gathered(call(endpoint, service_tier="flex"))
        assert server.stats["by_status"] == {"400": 1}
    assert isinstance(error, JudgeRefused)
    assert "it has no service_tier 'flex' for model 'm', without which the price is another" in str(error)


def test_a_refused_cache_mark_is_taken_off(transcript):
    """The default of an address may be wrong for what stands behind it."""
    with StandIn(refuses=["prompt_cache_breakpoint", "prompt_cache_options"]) as server:
        judge = Judge("coherence", model="m", base_url=server.base_url, prompt_cache="breakpoint")
        row = evaluated(judge, transcript)
        assert (row.status, server.stats["by_status"]) == (
            "evaluated",
            {"200": 1, "400": server.stats["by_status"]["400"]},
        )


@pytest.mark.parametrize(
    "wrap",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "Here is my verdict.\n\n{}",
        '<think>Perhaps {{"label": "incoherent"}}?</think>\n{}',
        "Sure!\n```json\n{}\n```\n",
        "\ufeff \n{}",
    ],
)
def test_prose_and_fences_around_an_answer_do_no_harm(wrap, scripted, make, transcript):
    """Some servers take a schema and let the model write what it likes."""
    scripted.answer(make.completion(wrap.format(make.answer("coherent"))))
    row = evaluated(Judge("coherence", model="m", base_url=scripted.base_url), transcript)
    assert (row.status, row.label, len(scripted.requests)) == ("evaluated", "coherent", 1)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (
            {"content": None, "tool_calls": [{"function": {"name": "f", "arguments": '{"label": "a"}'}}]},
            '{"label": "a"}',
        ),
        ({"content": "so", "tool_calls": [{"function": {"arguments": {"label": "a"}}}]}, '{"label": "a"}'),
        ({"content": "so", "tool_calls": []}, "so"),
        ({"content": "so", "tool_calls": None}, "so"),
        ({"content": "so", "tool_calls": [None]}, "so"),
        ({"content": "so", "tool_calls": [{"function": {"arguments": 5}}]}, "so"),
        ({"content": "so", "tool_calls": [{"function": {"arguments": ""}}]}, "so"),
        ({"content": "so", "tool_calls": {"function": {}}}, "so"),
    ],
)
def test_the_arguments_of_a_call_are_the_answer(message, text):
    """Whatever else a server puts there is no answer, and no error either."""
    body = json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode()
    assert read_completion(body).text == text


class Recorder:
    """A server that records the head of each request and answers as it is told: ``(status, headers, body)``."""

    def __init__(self, status=200, headers=None, body=b""):
        self.reply = (status, headers or {}, body)
        self.paths, self.headers = [], []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def _handler(self):
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.paths.append(self.path)
                recorder.headers.append(dict(self.headers))
                status, headers, body = recorder.reply
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self):  # to a proxy
                self.do_POST()

            def do_GET(self):  # what a redirect would make of a call
                self.do_POST()

            def log_message(self, *_):
                """Keep the tests' output clean."""

        return Handler


def credentials(headers):
    return {name.lower(): value for name, value in headers.items() if name.lower() in ("authorization", "api-key")}


@pytest.mark.parametrize(
    ("base", "path", "sent"),
    [
        ("/v1", "/v1/chat/completions", {"authorization": f"Bearer {KEY}"}),
        ("/v1/chat/completions", "/v1/chat/completions", {"authorization": f"Bearer {KEY}"}),
        ("/openai/v1/", "/openai/v1/chat/completions", {"authorization": f"Bearer {KEY}"}),
        (
            "/openai/deployments/judge-4o?api-version=2024-10-21",
            "/openai/deployments/judge-4o/chat/completions?api-version=2024-10-21",
            {"api-key": KEY},
        ),
        (
            "/openai/deployments/judge-4o/chat/completions?api-version=2024-10-21",
            "/openai/deployments/judge-4o/chat/completions?api-version=2024-10-21",
            {"api-key": KEY},
        ),
    ],
)
def test_path_query_and_key_reach_the_server_as_it_wants_them(base, path, sent, make, transcript):
    """The classic address of Azure takes the key in a header of its own, and its version in the query."""
    with Recorder(body=json.dumps(make.verdict("coherent")).encode()) as server:
        judge = Judge("coherence", model="judge-4o", base_url=server.url + base, api_key=KEY)
        assert evaluated(judge, transcript).label == "coherent"
    assert (server.paths, [credentials(each) for each in server.headers]) == ([path], [sent])


def test_an_address_of_azure_gets_its_key_as_azure_wants_it(make, transcript, monkeypatch):
    """By name, through a proxy here, so that the host is Azure's and the request stays on this machine."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Recorder(body=json.dumps(make.verdict("coherent")).encode()) as server:
        monkeypatch.setenv("http_proxy", server.url)
        for key in (KEY, "eyJ0eXAi.eyJhdWQi.c2ln"):
            judge = Judge("coherence", model="d", base_url="http://name.openai.azure.com/openai/v1/", api_key=key)
            assert evaluated(judge, transcript).label == "coherent"
    assert server.paths == ["http://name.openai.azure.com/openai/v1/chat/completions"] * 2
    assert [credentials(each) for each in server.headers] == [
        {"api-key": KEY},
        {"authorization": "Bearer eyJ0eXAi.eyJhdWQi.c2ln"},
    ]


def test_user_and_password_of_an_address_are_sent_as_such(make, transcript):
    """Servers behind a reverse proxy ask for them; the key of the environment is not sent beside them."""
    with Recorder(body=json.dumps(make.verdict("coherent")).encode()) as server:
        url = server.url.replace("http://", "http://ann:pass%40word-1@")
        assert (
            evaluated(Judge("coherence", model="m", base_url=f"{url}/v1", api_key=KEY), transcript).label == "coherent"
        )
    assert [credentials(each) for each in server.headers] == [{"authorization": "Basic YW5uOnBhc3NAd29yZC0x"}]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_says_where_it_leads(status, transcript):
    """It would take key and transcript to an address that nobody chose."""
    with Recorder() as other, Recorder(status, {"Location": f"{other.url}/v1?token=secret-token"}) as server:
        judge = Judge("coherence", model="m", base_url=f"{server.url}/v1", api_key=KEY)
        row = evaluated(judge, transcript)
        assert (row.status, row.reason, other.paths, len(server.paths)) == ("failed", "JudgeRefused", [], 1)
        assert f"redirects (HTTP {status}) to '{other.url}/v1'; give base_url as where calls go" in row.error


QUERY, PASSWORD, BASIC = "s3cret-in-query", "s3cret-password", "YW5uOnMzY3JldC1wYXNzd29yZA"


def leaks(text, *secrets):
    return [secret for secret in (KEY, *secrets) if secret in text]


SECRETS = f"{KEY} {QUERY} {PASSWORD} {BASIC}=="
ECHO = json.dumps({"error": {"message": f"Incorrect API key provided: {SECRETS}", "code": "invalid_api_key"}}).encode()
FAILING = {
    "401 with the key": (401, {}, ECHO),
    "400 with the key": (400, {}, ECHO),
    "500 with the key": (500, {"retry-after-ms": "1"}, ECHO),
    "a page with the key": (403, {"Content-Type": "text/html"}, f"<html>{SECRETS}</html>".encode()),
    "a redirect with the key": (307, {"Location": f"http://ann:s3cret-password@elsewhere.example/{KEY}?k={KEY}"}, b""),
    "no redirect address": (302, {"Location": "http://[" + KEY}, b""),
    "an answer with the key": (200, {}, json.dumps({"choices": [{"message": {"content": SECRETS}}]}).encode()),
    "a refusal with the key": (200, {}, json.dumps({"choices": [{"message": {"refusal": SECRETS}}]}).encode()),
    "a model with the key": (
        200,
        {},
        json.dumps(
            {
                "model": KEY,
                "choices": [{"message": {"content": json.dumps({"label": "coherent", "reasoning": SECRETS})}}],
            }
        ).encode(),
    ),
    "a broken head": (200, {"Bad Name": KEY, "Transfer-Encoding": f"odd {KEY}"}, b""),
}


@pytest.fixture
def log(caplog):
    """Everything that any logger says, with tracebacks, as debug runs of users show it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root = logging.getLogger()
    root.addHandler(handler)
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "aiohttp.client", "asyncio", "sessioneval"):
        caplog.set_level(logging.DEBUG, logger=name)
    yield stream
    root.removeHandler(handler)


@pytest.mark.parametrize("reply", FAILING.values(), ids=FAILING)
@pytest.mark.parametrize(
    ("base", "secrets"),
    [(f"http://{{}}/v1?code={QUERY}", [QUERY]), (f"http://ann:{PASSWORD}@{{}}/v1", [PASSWORD, BASIC])],
    ids=["query", "password"],
)
def test_secrets_show_nowhere_after_a_run(reply, base, secrets, tmp_path, log, caplog, capfd, monkeypatch):
    """Not in the store's bytes, in what is printed or logged, in what a run returns, nor in what it raises."""
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    store = Store(tmp_path / "traces")
    store.append_spans(table(*turns(1, session="s0")))
    with Recorder(*reply) as server:
        base_url = base.format(server.url.removeprefix("http://"))
        judge = Judge("coherence", model="m", base_url=base_url, api_key=KEY, max_retries=1)
        result = se.evaluate(store, [judge])
        assert server.paths
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode("latin-1")
    columns = str(Store.existing(store.path).evaluations().to_pylist())
    said = "".join(capfd.readouterr()) + log.getvalue() + caplog.text + str([vars(each) for each in caplog.records])
    shown = f"{result!r} {result.failures!r} {list_runs(store)!r} {judge!r}"
    assert result.progress.evaluated + result.progress.failed == 1
    assert [leaks(text, *secrets) for text in (kept, columns, said, shown)] == [[], [], [], []]


@pytest.mark.parametrize("reply", FAILING.values(), ids=FAILING)
def test_errors_hold_no_secret_in_whatever_they_are_chained_to(reply):
    """Error trackers walk causes and contexts, and show the representation of what they find there."""
    with Recorder(*reply) as server:
        endpoint = Endpoint(base_url=f"{server.url}/v1?code={QUERY}", api_key=KEY, max_retries=1)
        found = gathered(call(endpoint))[0]
    assert leaks(chain(found) if isinstance(found, Exception) else repr(found), QUERY) == []


def test_an_unreachable_server_shows_no_secret():
    """The words of the operating system and of the HTTP client hold the address."""
    for host in ("127.0.0.1:1", "no-such-host.invalid"):
        url = f"http://ann:{PASSWORD}@{host}/v1?code={QUERY}"
        (error,) = gathered(call(Endpoint(base_url=url, api_key=KEY, max_retries=0)))
        assert host in str(error)
        assert leaks(chain(error, with_locals=True), PASSWORD, BASIC, QUERY) == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_password_of_a_proxy_shows_nowhere(scheme, monkeypatch):
    """Companies put it into the environment, and a proxy that refuses is an everyday error."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Recorder(407) as proxy:
        monkeypatch.setenv(f"{scheme}_proxy", proxy.url.replace("http://", f"http://ann:{PASSWORD}@"))
        (error,) = gathered(call(Endpoint(base_url=f"{scheme}://judge.example/v1", api_key=KEY, max_retries=0)))
        assert proxy.paths
    assert "407" in str(error)
    assert leaks(chain(error, with_locals=True), PASSWORD) == []


@pytest.mark.parametrize("reply", [(500, {"retry-after-ms": "1"}, b""), (401, {}, b""), FAILING["a broken head"]])
def test_the_local_variables_of_a_traceback_hold_no_key(reply):
    """Error trackers keep them too; what a server echoes may stand there, what we sent must not."""
    with Recorder(*reply) as server:
        (error,) = gathered(call(Endpoint(base_url=f"{server.url}/v1", api_key=KEY, max_retries=1)))
    assert leaks(chain(error, with_locals=True)) == []


def chain(error, *, with_locals=False):
    """Return the texts of an error and of all it is chained to, with the local variables of our frames."""
    texts, ahead = [], [error]
    while ahead:
        each = ahead.pop()
        ahead += [linked for linked in (each.__cause__, each.__context__) if linked is not None]
        shown = traceback.TracebackException.from_exception(each, capture_locals=with_locals)
        frames = [value for frame in shown.stack for value in (frame.locals or {}).values() if is_ours(frame)]
        texts += [repr(each), str(each), repr(each.args), repr(vars(each)), *shown.format_exception_only(), *frames]
    return "\n".join(texts)


def is_ours(frame):
    return "/sessioneval/" in frame.filename
