"""The stand-in through the real openai client: what OpenAI's endpoint would do, it does."""

import asyncio
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import openai
import pytest
from openai import AsyncOpenAI

from sessioneval.errors import InputError
from sessioneval.testing.answer import Answer
from sessioneval.testing.server import StandIn

HELLO = [{"role": "user", "content": "hello there"}]
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {
                "evidence": {"type": "array", "items": {"type": "string"}},
                "explanation": {"type": "string"},
                "label": {"type": "string"},
                "confidence": {"type": "number"},
                "suspect": {"type": "boolean"},
            },
        },
    },
}


def get(server, path, data=None):
    """Return status and parsed body of a plain request, errors included."""
    request = urllib.request.Request(server.base_url.removesuffix("/v1") + path, data=data)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_every_answer_says_that_it_comes_from_no_language_model(client):
    """Nobody may take the stand-in's numbers for a model's."""
    completion = client.chat.completions.create(model="gpt-4.1", messages=HELLO)
    assert completion.system_fingerprint == "stand-in-rules-v1"
    assert completion.model == "stand-in"
    assert completion.choices[0].message.content == "This is the stand-in, not a language model. You said: hello there"
    assert [model.id for model in client.models.list()] == ["stand-in"]


def test_the_written_rules_are_served(server):
    """The rules are visible where the answers come from."""
    status, text = get(server, "/")
    assert status == 200
    assert "not a language model" in text
    assert "just tell me" in text
    assert "the largest planet is Jupiter" in text


def test_usage_counts_four_characters_a_token(client):
    """The estimate can be redone by hand: 11 characters are 3 tokens, a message costs 4 more."""
    completion = client.chat.completions.create(model="stand-in", messages=HELLO)
    usage = completion.usage
    assert usage.prompt_tokens == 3 + 4
    assert usage.completion_tokens == -(-len(completion.choices[0].message.content) // 4)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_a_stream_holds_the_same_text_and_ends_with_the_usage(client):
    """Streaming changes the form and nothing else."""
    whole = client.chat.completions.create(model="stand-in", messages=HELLO)
    stream = client.chat.completions.create(
        model="stand-in", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.system_fingerprint for chunk in chunks} == {"stand-in-rules-v1"}


def test_a_stream_without_include_usage_has_none(client):
    """OpenAI sends usage only when asked; an app must cope with that."""
    chunks = list(client.chat.completions.create(model="stand-in", messages=HELLO, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


def test_parallel_tool_calls_for_two_orders(client, order_tools):
    """Two numbers in one message are two calls in one answer, with different ids."""
    asked = [{"role": "user", "content": "Where are my orders A-17 and B-2?"}]
    completion = client.chat.completions.create(model="stand-in", messages=asked, tools=order_tools)
    choice = completion.choices[0]
    calls = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert [json.loads(call.function.arguments) for call in calls] == [{"order_id": "A-17"}, {"order_id": "B-2"}]
    assert len({call.id for call in calls}) == 2
    assert all(call.id.startswith("call_") for call in calls)


def test_streamed_tool_calls_assemble_to_the_same_calls(client, order_tools):
    """Arguments come in pieces, as real models send them."""
    asked = [{"role": "user", "content": "Where are my orders A-17 and B-2?"}]
    whole = client.chat.completions.create(model="stand-in", messages=asked, tools=order_tools)
    with client.chat.completions.stream(model="stand-in", messages=asked, tools=order_tools) as stream:
        final = stream.get_final_completion()
    seen = [(c.id, c.function.name, c.function.arguments) for c in final.choices[0].message.tool_calls]
    assert seen == [(c.id, c.function.name, c.function.arguments) for c in whole.choices[0].message.tool_calls]


def test_a_json_schema_is_filled(client, ask, answer_text):
    """Properties that no rule knows get the emptiest value, in the schema's order."""
    messages = ask("frustration", ("user", "Just tell me!"), labels="not_frustrated, frustrated")
    completion = client.chat.completions.create(model="stand-in", messages=messages, response_format=SCHEMA)
    answer = answer_text(completion)
    assert list(answer) == ["evidence", "explanation", "label", "confidence", "suspect"]
    assert answer["label"] == "frustrated"
    assert "User message 0" in answer["explanation"]
    assert (answer["evidence"], answer["confidence"], answer["suspect"]) == ([], 0.9, False)


def test_json_object_answers_are_json(client, answer_text):
    """Endpoints without json_schema are asked for any object."""
    completion = client.chat.completions.create(
        model="stand-in", messages=HELLO, response_format={"type": "json_object"}
    )
    assert answer_text(completion)["answer"].endswith("hello there")


def test_the_async_client_is_served_concurrently(ask):
    """The engine sends many at once; the counts show how many were in flight and that none came twice."""

    async def judge_all(base_url):
        async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
            asked = [ask("coherence", ("user", f"question {n}"), ("assistant", "4")) for n in range(20)]
            return await asyncio.gather(
                *(client.chat.completions.create(model="stand-in", messages=messages) for messages in asked)
            )

    with StandIn() as server:
        completions = asyncio.run(judge_all(server.base_url))
        stats = server.stats
    assert {json.loads(c.choices[0].message.content)["label"] for c in completions} == {"a"}
    assert (stats["requests"], stats["different"], stats["finished"], stats["repeated"]) == (20, 20, 20, 0)
    assert stats["by_kind"] == {"judge": 20}
    assert stats["by_status"] == {"200": 20}


def test_a_repeated_request_is_seen(connect):
    """Tests of the engine prove with this that nothing finished is paid for again."""
    with StandIn() as server:
        client = connect(server)
        for _ in range(3):
            client.chat.completions.create(model="stand-in", messages=HELLO)
        assert json.loads(get(server, "/stats")[1]) == server.stats
        assert (server.stats["different"], server.stats["finished"], server.stats["repeated"]) == (1, 3, 2)
        assert get(server, "/reset", data=b"")[0] == 200
        assert (server.stats["requests"], server.stats["repeated"], server.stats["tokens"]["prompt"]) == (0, 0, 0)


def test_a_long_shared_prefix_counts_as_cached(connect):
    """The second judge of a session shares rules and transcript with the first."""
    transcript = {"role": "user", "content": "x" * 8000}
    with StandIn() as server:
        client = connect(server)
        cached = [
            client.chat.completions.create(
                model="stand-in", messages=[transcript, {"role": "user", "content": question}]
            ).usage.prompt_tokens_details.cached_tokens
            for question in ("first?", "second?")
        ]
    assert cached == [0, 1920]  # 2,004 tokens shared, in steps of 128


def test_a_missing_or_wrong_key_is_refused(connect):
    """A judge without the right key must end with one clear error."""
    with StandIn(api_key="right") as server:
        with pytest.raises(openai.AuthenticationError, match="API key is missing"):
            connect(server, api_key="wrong").chat.completions.create(model="stand-in", messages=HELLO)
        with pytest.raises(openai.AuthenticationError):
            connect(server, api_key="wrong").models.list()
        assert connect(server, api_key="right").chat.completions.create(model="stand-in", messages=HELLO).choices


def test_an_unknown_model_is_refused(connect):
    """With a list of models the stand-in refuses others, as any endpoint does."""
    refused = pytest.raises(openai.NotFoundError, match="'gpt-9' does not exist")
    with StandIn(models=["stand-in"]) as server, refused:
        connect(server).chat.completions.create(model="gpt-9", messages=HELLO)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "must be a JSON object, got []"),
        (b'{"model": "m"}', "messages must be a JSON array, got None"),
        (b'{"model": "m", "messages": []}', "at least one message"),
        (b'{"messages": [{"role": "user"}]}', "model must be a text"),
        (b'{"model": "m", "messages": [{"role": "boss"}]}', "messages[0].role must be one of system"),
        (b'{"model": "m", "messages": [{"role": "user", "content": 7}]}', "messages[0].content"),
        (b'{"model": "m", "messages": [{"role": "user"}], "n": 2}', "n must be 1"),
        (b'{"model": "m", "messages": [{"role": "user"}], "tools": [{}]}', "tools[].function"),
        (b'{"model": "m", "messages": [{"role": "user"}], "tool_choice": "required"}', "needs tools"),
        (b'{"model": "m", "messages": [{"role": "user"}], "response_format": {"type": "xml"}}', "response_format.type"),
    ],
)
def test_a_bad_body_is_refused_with_what_is_wrong(server, body, says):
    """One line says which field, what it holds and what is allowed, in OpenAI's error shape."""
    status, text = get(server, "/v1/chat/completions", data=body)
    error = json.loads(text)["error"]
    assert status == 400
    assert says in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "data", "status"), [("/v1/embeddings", b"{}", 404), ("/v1/chat/completions", None, 405)]
)
def test_what_is_not_there_is_an_error_in_the_same_shape(server, path, data, status):
    """A wrong base URL must read as one."""
    found, text = get(server, path, data=data)
    assert found == status
    assert "GET /" in json.loads(text)["error"]["message"]


def test_half_a_surrogate_pair_is_echoed(server):
    """Text that UTF-8 cannot carry arrives as an escape and leaves as one."""
    body = rb'{"model": "m", "messages": [{"role": "user", "content": "\ud800"}]}'
    status, text = get(server, "/v1/chat/completions", data=body)
    assert status == 200
    assert json.loads(text)["choices"][0]["message"]["content"].endswith("\ud800")


def test_another_answerer_takes_the_place_of_the_rules(connect):
    """A noisy oracle for statistics is such an answerer."""
    with StandIn(answerer=lambda request: Answer(kind="oracle", text=request.model)) as server:
        completion = connect(server).chat.completions.create(model="m-1", messages=HELLO)
        assert completion.choices[0].message.content == "m-1"
        assert server.stats["by_kind"] == {"oracle": 1}


def test_answers_are_not_held_back_by_the_network(server):
    """Head and body of an answer leave at once: 25 in a row on one connection stay far below 40 ms each."""
    address = urlsplit(server.base_url)
    body = json.dumps({"model": "m", "messages": HELLO}).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    times = []
    with socket.create_connection((address.hostname, address.port)) as connection:
        for _ in range(25):
            started = time.perf_counter()
            connection.sendall(request)
            while b"prompt_tokens" not in connection.recv(65_536):
                pass
            times.append(time.perf_counter() - started)
    assert statistics.median(times) < 0.03


def test_a_taken_port_is_one_clear_error():
    """The message names the address and the way out."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(InputError, match=r"cannot listen on 127\.0\.0\.1:\d+.*choose another --port"),
        StandIn(port=taken.getsockname()[1]),
    ):
        pass


def test_a_port_that_is_none_is_refused():
    """Ports end at 65,535."""
    with pytest.raises(InputError, match="port 70000"), StandIn(port=70_000):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_tells_when_it_is_ready_and_ends_when_told_to(number):
    """The command line prints the address as soon as requests are accepted, and Ctrl-C is no error."""
    code = "from sessioneval.testing.server import serve; serve(0, on_ready=lambda url: print(url, flush=True))"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        url = process.stdout.readline().decode().strip()
        with urllib.request.urlopen(url.removesuffix("/v1") + "/healthz") as response:
            assert json.load(response) == {"status": "ok"}
        os.kill(process.pid, number)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")


@pytest.mark.parametrize("module", ["httptools"])
def test_without_the_extra_the_install_command_is_named(module):
    """Core users who try the stand-in learn what to install."""
    code = f"import sys; sys.modules[{module!r}] = None; import sessioneval.testing.server"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingExtra" in done.stderr
    assert "pip install 'sessioneval[demo]'" in done.stderr
