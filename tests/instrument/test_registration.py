"""`register()`: the app's one line, end to end with real instrumentors and real endpoints."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from sessioneval.errors import InputError
from sessioneval.instrument.exporter import ExportCounts
from sessioneval.instrument.registration import exporter_of, register
from sessioneval.instrument.session_scope import session


class _Endpoint(BaseHTTPRequestHandler):
    """Answers chat completions and OTLP; keeps what it was sent."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, dict(self.headers), body))
        is_chat = self.path.endswith("/chat/completions")
        answer = json.dumps(_COMPLETION).encode() if is_chat else b""
        self.send_response(200)
        self.send_header("Content-Type", "application/json" if is_chat else "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


_COMPLETION = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "test-model",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello!"}}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


@pytest.fixture
def endpoint():
    server = HTTPServer(("127.0.0.1", 0), _Endpoint)
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_openai_instrumentor_and_plain_spans_share_the_session(provider, endpoint, tmp_path, rows):
    """Journey 1: register, instrument, converse; every span of the turn is in the store with the session."""
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    try:
        with (
            openai.OpenAI(base_url=endpoint.url, api_key="none") as client,
            session("chat-42", user_id="u", agent_version="v2", tags=["a"], tracer_provider=provider) as chat,
            provider.get_tracer("app").start_as_current_span("turn"),
        ):
            client.chat.completions.create(model="test-model", messages=[{"role": "user", "content": "Hi"}])
            chat.complete()
    finally:
        OpenAIInstrumentor().uninstrument()
    assert provider.force_flush()
    found = {row["name"]: row for row in rows(tmp_path / "traces")}
    assert sorted(found) == ["ChatCompletion", "session.complete", "turn"]
    for row in found.values():
        assert row["attributes.session.id"] == "chat-42"
        assert row["attributes.user.id"] == "u"
        assert row["attributes.agent.version"] == "v2"
        assert row["attributes.tag.tags"] == ["a"]
    model_call = found["ChatCompletion"]
    assert model_call["parent_id"] == found["turn"]["context.span_id"]
    assert model_call["attributes.llm.output_messages"][0]["message.content"] == "Hello!"
    assert model_call["attributes.llm.token_count.total"] == 5


def test_a_chat_of_eighty_flattened_messages_keeps_its_session(provider, tmp_path, rows):
    """The SDK's default of 128 attributes evicts the oldest, session.id first."""
    with session("long chat", tracer_provider=provider):
        span = provider.get_tracer("app").start_span("turn")
        for n in range(80):
            span.set_attribute(f"llm.input_messages.{n}.message.role", "user")
            span.set_attribute(f"llm.input_messages.{n}.message.content", f"text {n}")
        span.end()
    provider.force_flush()
    [row] = rows(tmp_path / "traces")
    assert row["attributes.session.id"] == "long chat"
    assert len(row["attributes.llm.input_messages"]) == 80
    assert row["dropped_attributes_count"] == 0


@pytest.mark.parametrize("variable", ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"])
def test_the_attribute_limit_of_the_environment_wins(tmp_path, monkeypatch, variable):
    """An operator who sets a limit means it."""
    monkeypatch.setenv(variable, "7")
    provider = register(tmp_path, set_global=False)
    span = provider.get_tracer("app").start_span("turn", attributes={str(n): n for n in range(20)})
    span.end()
    provider.shutdown()
    assert len(span.attributes) == 7


def test_the_resource_names_the_service(tmp_path, rows):
    """Resource attributes given in code are kept beside the SDK's own."""
    provider = register(tmp_path, service_name="tutor", resource_attributes={"deployment": "blue"}, set_global=False)
    provider.get_tracer("app").start_span("turn").end()
    provider.shutdown()
    [row] = rows(tmp_path)
    resource = json.loads(row["resource"])
    assert (resource["service.name"], resource["deployment"]) == ("tutor", "blue")
    assert resource["telemetry.sdk.language"] == "python"


def test_without_batching_a_span_is_stored_when_end_returns(tmp_path, rows):
    """For debugging: look at the store while the app stands at a breakpoint."""
    provider = register(tmp_path, set_global=False, batch=False)
    provider.get_tracer("app").start_span("turn").end()
    assert [row["name"] for row in rows(tmp_path)] == ["turn"]
    provider.shutdown()


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "/v1/traces"),
        ("/", "/v1/traces"),
        ("/otlp/", "/otlp/v1/traces"),
        ("/v1/traces", "/v1/traces"),
        ("/v1/traces?tenant=a", "/v1/traces?tenant=a"),
        ("?tenant=a", "/v1/traces?tenant=a"),
    ],
)
def test_spans_also_go_to_an_otlp_endpoint(tmp_path, endpoint, rows, path, expected):
    """One app feeds the store and a backend; both get the same span with its session."""
    provider = register(tmp_path, otlp_endpoint=endpoint.url + path, otlp_headers={"x-key": "secret"}, set_global=False)
    with session("chat", tracer_provider=provider):
        provider.get_tracer("app").start_span("turn").end()
    provider.shutdown()
    [(sent_to, headers, body)] = endpoint.requests
    assert sent_to == expected
    assert headers["x-key"] == "secret"
    [span] = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert [(item.key, item.value.string_value) for item in span.attributes] == [("session.id", "chat")]
    assert [row["context.span_id"] for row in rows(tmp_path)] == [span.span_id.hex()]


def test_a_burst_loses_nothing(provider, tmp_path, rows):
    """20,000 spans at once are ten times the SDK's default queue."""
    tracer = provider.get_tracer("app")
    for _ in range(20_000):
        tracer.start_span("turn").end()
    provider.force_flush()
    assert exporter_of(provider).counts == ExportCounts(exported=20_000)
    assert len({row["context.span_id"] for row in rows(tmp_path / "traces")}) == 20_000


def test_a_store_that_cannot_be_written_does_not_disturb_the_app(tmp_path):
    """The counts tell what `force_flush` does not."""
    (tmp_path / "traces").write_text("a file")
    provider = register(tmp_path / "traces", set_global=False)
    provider.get_tracer("app").start_span("turn").end()
    assert provider.force_flush()
    assert exporter_of(provider).counts == ExportCounts(failed=1)
    provider.shutdown()


def test_wrong_sizes_are_refused_before_anything_is_set_up(tmp_path):
    """At start-up, with the value and the remedy."""
    with pytest.raises(InputError, match="max_queue_size is 0"):
        register(tmp_path, max_queue_size=0)


def test_only_registered_providers_have_an_exporter():
    """A provider of someone else is named in the error."""
    with pytest.raises(InputError, match="was not made by register"):
        exporter_of(TracerProvider(shutdown_on_exit=False))


def test_registering_twice_warns_and_both_providers_work(tmp_path, rows):
    """Notebooks run their cells again; the global provider stays the first, and nothing crashes at exit."""
    code = """
import sys
from opentelemetry import trace
from sessioneval.instrument.registration import register
first, second = register(sys.argv[1]), register(sys.argv[1])
assert trace.get_tracer_provider() is first
for provider in (first, second):
    provider.get_tracer("app").start_span("turn").end()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.strip() == "Overriding of current TracerProvider is not allowed"
    assert [row["name"] for row in rows(tmp_path)] == ["turn", "turn"]
