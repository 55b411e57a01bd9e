"""The live channel: negotiation, tracing, sharing and closing."""

import asyncio
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sessioneval.errors import JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.judge_client import LIVE, WIRE
from sessioneval.evaluators.judge_prompt import RESPONSE_FORMAT
from sessioneval.evaluators.wire import chat_url
from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn

HELLO = [{"role": "user", "content": "hello"}]


def endpoint_of(server, **options):
    return Endpoint(**{"base_url": server.base_url, "api_key": "none", "max_retries": 0, **options})


def call(endpoint, model="m", parameters=None):
    return JudgeCall(
        endpoint=endpoint,
        model=model,
        messages=HELLO,
        parameters=parameters or {},
        response_format=RESPONSE_FORMAT,
    )


def in_loop(endpoint, *calls):
    """Make the calls (model, parameters) one after another in one loop, and close."""

    async def main():
        try:
            return [await LIVE.complete(call(endpoint, model, parameters)) for model, parameters in calls]
        finally:
            await LIVE.aclose()

    return asyncio.run(main())


def refused(message, param=None):
    return 400, {"error": {"message": message, "param": param, "code": "unsupported"}}


def test_response_formats_are_negotiated_down_and_remembered(scripted, make):
    """Old servers know no schema; asking each of them the same refused thing on every session costs a call each."""
    good = make.verdict("coherent")
    scripted.answer(refused("response_format json_schema is not supported"), refused("'response_format'"), good)
    in_loop(endpoint_of(scripted), ("m", {}), ("m", {}))
    asked = [request.get("response_format", {}).get("type") for request in scripted.requests]
    assert asked == ["json_schema", "json_object", None, None]


def test_what_one_model_refuses_another_is_asked(scripted, make):
    """A proxy serves many models; one of them must not make the others worse."""
    good = make.verdict("coherent")
    scripted.answer(refused("no", "response_format"), good)
    in_loop(endpoint_of(scripted), ("old", {}), ("new", {}))
    asked = [request["response_format"]["type"] for request in scripted.requests]
    assert asked == ["json_schema", "json_object", "json_schema"]


def test_parameters_that_a_model_refuses_are_left_out(scripted, make):
    """Reasoning models take no temperature; that is no reason not to judge with them."""
    scripted.answer(refused("Unsupported value", "temperature"), make.verdict("coherent"))
    in_loop(endpoint_of(scripted), ("m", {"temperature": 0.0, "seed": 7}))
    first, second = scripted.requests
    assert (first["temperature"], first["seed"]) == (0.0, 7)
    assert "temperature" not in second
    assert second["seed"] == 7


def test_parameters_of_none_are_not_sent(scripted):
    """None means the provider's default, not null."""
    in_loop(endpoint_of(scripted), ("m", {"temperature": None, "seed": None}))
    assert not {"temperature", "seed"} & set(scripted.requests[0])


def test_a_request_refused_for_another_reason_is_not_asked_again(scripted):
    """A transcript over the context length stays over it."""
    scripted.answer(refused("maximum context length is 8192 tokens", "messages"))
    with pytest.raises(JudgeRefused, match="maximum context length is 8192 tokens"):
        in_loop(endpoint_of(scripted), ("m", {}))
    assert len(scripted.requests) == 1


def test_an_error_that_echoes_the_prompt_does_not_spoil_later_calls(scripted, make):
    """Some servers answer 422 with the whole request, which holds every word that negotiation looks for."""
    echo = (422, {"error": {"message": "invalid: response_format json_schema temperature seed"}})
    scripted.answer(echo)
    endpoint = endpoint_of(scripted)

    async def main():
        with pytest.raises(JudgeRefused):
            await LIVE.complete(call(endpoint, parameters={"temperature": 0.0}))
        scripted.answer(make.verdict("coherent"))
        await LIVE.complete(call(endpoint, parameters={"temperature": 0.0}))
        await LIVE.aclose()

    asyncio.run(main())
    assert scripted.requests[0]["response_format"]["type"] == "json_schema"
    assert scripted.requests[0]["temperature"] == 0.0


@pytest.mark.parametrize(
    "reply",
    [
        (429, {"error": {"message": "you exceeded your quota", "code": "insufficient_quota"}}),
        (503, {"error": {"message": "gone for good"}}, {"x-should-retry": "false"}),
    ],
    ids=["quota", "server says so"],
)
def test_what_waiting_does_not_cure_is_not_tried_again(scripted, reply):
    """A quota that is used up is a 429 too; six attempts a call would only delay the news."""
    scripted.answer(reply)
    with pytest.raises(JudgeRefused, match=reply[1]["error"]["message"]):
        in_loop(endpoint_of(scripted, max_retries=5), ("m", {}))
    assert len(scripted.requests) == 1


def test_an_answer_without_end_is_cut_off(scripted):
    """A body of gigabytes would take the run's memory with it."""
    scripted.answer((200, b" " * (17 << 20)))
    with pytest.raises(JudgeUnavailable, match="longer than"):
        in_loop(endpoint_of(scripted), ("m", {}))


def test_a_query_of_the_address_goes_with_every_call(scripted):
    """Azure names its API version there."""
    endpoint = endpoint_of(scripted, base_url=f"{scripted.base_url}/?api-version=1")
    assert str(chat_url(endpoint.base_url)).endswith("/v1/chat/completions?api-version=1")
    in_loop(endpoint, ("m", {}))
    assert len(scripted.requests) == 1


def test_the_proxy_of_the_environment_is_used_and_its_exceptions_are_not(scripted, monkeypatch):
    """Companies reach providers through one, and their own servers not."""
    for name in ("no_proxy", "NO_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", scripted.base_url.removesuffix("/v1"))
    in_loop(Endpoint(base_url="http://judge.example/v1", api_key="none", max_retries=0), ("m", {}))
    assert len(scripted.requests) == 1
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    in_loop(endpoint_of(scripted), ("m", {}))
    assert len(scripted.requests) == 2


@pytest.fixture
def spans():
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    yield exporter
    instrumentor.uninstrument()


def test_judge_calls_are_not_traced(spans, scripted, transcript):
    """A judge in a traced app must not write its own calls into the store that it reads."""

    async def main():
        judge = Judge("coherence", model="m", base_url=scripted.base_url)
        row = await judge.evaluate(transcript)
        await judge.aclose()
        async with openai.AsyncOpenAI(base_url=scripted.base_url, api_key="none") as own:
            await own.chat.completions.create(model="m", messages=HELLO)
        return row

    assert asyncio.run(main()).label == "coherent"
    assert len(scripted.requests) == 2
    assert len(spans.get_finished_spans()) == 1, "only the app's own call is traced"


def test_judges_of_one_endpoint_share_one_client(scripted):
    """One connection pool, whatever the number of judges; another key is another client."""

    async def main():
        first, second = WIRE.connection(endpoint_of(scripted)), WIRE.connection(endpoint_of(scripted))
        other = WIRE.connection(endpoint_of(scripted, api_key="another"))
        await LIVE.aclose()
        return first is second, first is other

    assert asyncio.run(main()) == (True, False)


def test_closing_waits_for_calls_under_way_and_judging_goes_on():
    """Two runs in one notebook share a client; the one that ends first must not cut the other off."""
    with StandIn(faults=Faults(latency_seconds=0.2)) as server:
        endpoint = endpoint_of(server)

        async def main():
            before = WIRE.connection(endpoint)
            under_way = asyncio.create_task(LIVE.complete(call(endpoint)))
            await asyncio.wait([under_way], timeout=0.05)
            await LIVE.close(endpoint)
            await LIVE.close(endpoint)
            fresh = WIRE.connection(endpoint)
            answers = await asyncio.gather(under_way, LIVE.complete(call(endpoint)))
            await LIVE.aclose()
            return before is fresh, [answer.text for answer in answers]

        same, texts = asyncio.run(main())
    assert not same
    assert all(texts)


def test_a_judge_can_be_used_in_one_loop_after_another(scripted, transcript):
    """asyncio.run makes a loop each time; a client of a closed loop would be dead."""
    judge = Judge("coherence", model="m", base_url=scripted.base_url)
    labels = []
    for _ in range(2):

        async def main():
            row = await judge.evaluate(transcript)
            await judge.aclose()
            return row.label

        labels.append(asyncio.run(main()))
    assert labels == ["coherent", "coherent"]


def test_a_call_ends_even_if_the_answer_drips(drip, transcript):
    """A time-out per read alone would let a server hold a worker for ever."""
    judge = Judge("coherence", model="m", base_url=drip, timeout=timedelta(seconds=0.4), max_retries=0)

    async def main():
        row = await judge.evaluate(transcript)
        await judge.aclose()
        return row

    row = asyncio.run(main())
    assert row.reason == "JudgeUnavailable"
    assert "no whole answer" in row.error


@pytest.fixture
def drip():
    """Serve one byte of a body every tenth of a second."""
    stopped = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while not stopped.wait(0.1):
                try:
                    self.wfile.write(b" ")
                except OSError:
                    return

        def log_message(self, *_):
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    stopped.set()
    server.shutdown()
    server.server_close()
