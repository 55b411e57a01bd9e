"""A transcript, and a real HTTP server that answers chat completions as a script says."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sessioneval.evaluators.judge_answer import Completion
from sessioneval.model.message import Message
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript


def completion(content, *, refusal=None, finish_reason="stop", usage=None, model="answering-model"):
    """Return the body of a chat completion."""
    message = {"role": "assistant", "content": content, "refusal": refusal}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return {"object": "chat.completion", "model": model, "choices": [choice], "usage": usage}


def verdict(label, explanation="because of [1]"):
    """Return the body of a good answer."""
    usage = {"prompt_tokens": 100, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 60}}
    return completion(json.dumps({"explanation": explanation, "label": label}), usage=usage)


def answer(label="coherent", **parts):
    """Return a whole answer as text, every part of the schema in its place."""
    whole = {
        "n_user_messages": 1,
        "evidence": [],
        "findings": [],
        "answers": [],
        "reasoning": "because of [1]",
        "label": label,
        "confidence": 0.9,
    }
    return json.dumps({**whole, **parts})


class ScriptedChannel:
    """A channel that answers its n-th call with the n-th of its completions or texts, and the last from then on."""

    def __init__(self, *replies):
        self.replies = replies
        self.calls = []

    async def complete(self, call):
        self.calls.append(call)
        reply = self.replies[min(len(self.calls), len(self.replies)) - 1]
        return reply if isinstance(reply, Completion) else Completion(text=reply)

    async def aclose(self):
        """Nothing is open."""


class Scripted:
    """A server that answers its n-th request with the n-th of its replies, and the last one from then on.

    With `choose` set, it gives each reply instead. A reply is a body (dict as JSON, bytes as they are), or ``(status, body)``, or ``(status, body, headers)``.
    """

    def __init__(self):
        self.replies = [verdict("coherent")]
        self.choose = None
        self.requests = []
        self.raw_requests = []
        self.keys = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def answer(self, *replies):
        self.replies = list(replies)
        self.requests.clear()

    def next_reply(self, raw, key):
        self.raw_requests.append(raw)
        self.requests.append(json.loads(raw))
        self.keys.append(key)
        reply = self.choose() if self.choose else self.replies[min(len(self.requests), len(self.replies)) - 1]
        status, body, headers = (*reply, {})[:3] if isinstance(reply, tuple) else (200, reply, {})
        return status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers

    def _handler(self):
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status, body, headers = script.next_reply(raw, self.headers["Authorization"])
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Keep the tests' output clean."""

        return Handler


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    server = Scripted()
    yield server
    server.close()


def transcript_of(*messages, session_id="chat-1"):
    """Return a transcript; a message is a Message or ``(role, content)``."""
    moment = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    session = Session(
        session_id=session_id,
        anchor_span_id="00f067aa0ba902b7",
        start_time=moment,
        end_time=moment,
        n_spans=1,
        n_traces=1,
    )
    made = [m if isinstance(m, Message) else Message(role=m[0], content=m[1]) for m in messages]
    return Transcript(session=session, messages=tuple(made))


@pytest.fixture
def transcript():
    return transcript_of(("user", "What is 2 + 2?"), ("assistant", "4."))


@pytest.fixture(scope="session")
def make():
    """The builders above: pytest's importlib mode gives test files no way to import from here."""

    class Make:
        transcript = staticmethod(transcript_of)
        completion = staticmethod(completion)
        verdict = staticmethod(verdict)
        answer = staticmethod(answer)
        channel = staticmethod(ScriptedChannel)

    return Make


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    """No key or address of whoever runs the tests is used."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
