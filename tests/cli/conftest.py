"""Stores made through the front door: OTLP JSON files written here, imported by the command line."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from sessioneval.cli.main import cli

NOON_NS = 1_795_176_000 * 10**9
SECOND_NS = 10**9


def attribute(key, value):
    """Return an attribute as OTLP JSON writes it."""
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value) if kind == "intValue" else value}}


def llm_span(number, history, answer, attributes, calls=()):
    """Return an LLM span with OpenInference messages."""
    flat = {"openinference.span.kind": "LLM", "llm.token_count.prompt": 10, "llm.token_count.completion": 5}
    for index, (role, text) in enumerate(history):
        flat[f"llm.input_messages.{index}.message.role"] = role
        flat[f"llm.input_messages.{index}.message.content"] = text
    flat["llm.output_messages.0.message.role"] = "assistant"
    flat["llm.output_messages.0.message.content"] = answer
    for index, (name, arguments) in enumerate(calls):
        prefix = f"llm.output_messages.0.message.tool_calls.{index}.tool_call"
        flat |= {f"{prefix}.id": f"call-{index}", f"{prefix}.function.name": name}
        flat[f"{prefix}.function.arguments"] = arguments
    start = NOON_NS + number * 60 * SECOND_NS
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": "chat",
        "kind": 1,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + SECOND_NS),
        "attributes": [attribute(key, value) for key, value in (flat | attributes).items()],
        "status": {},
    }


def chat(session_id, number=0, *, turns=2, calls=(), **attributes):
    """Return the spans of a session with one span a turn; numbers of sessions in one store are 100 apart."""
    more = {"session.id": session_id, **{key.replace("__", "."): value for key, value in attributes.items()}}
    history, spans = [("system", "Be kind.")], []
    for turn in range(turns):
        history.append(("user", f"Question {turn} about the long division of numbers?"))
        answer = f"Answer {turn}."
        spans.append(llm_span(100 * number + turn, history, answer, more, calls if turn == turns - 1 else ()))
        history.append(("assistant", answer))
    return spans


@pytest.fixture(name="chat")
def chat_fixture():
    """Hand out `chat`."""
    return chat


@pytest.fixture
def run():
    """Run the command line in this process; anything but a clean exit is an error of the test."""

    def invoke(*arguments):
        result = CliRunner().invoke(cli, [str(argument) for argument in arguments], prog_name="sessioneval")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def start():
    """Start the command line as a process of its own, as a user does."""
    started = []

    def popen(*arguments, **options):
        code = "from sessioneval.cli.main import main; main()"
        command = [sys.executable, "-c", code, *(str(argument) for argument in arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, **(pipes | options))
        started.append(process)
        return process

    yield popen
    for process in started:
        if process.poll() is None:
            process.kill()
        with process:  # closes its pipes and waits
            pass


@pytest.fixture
def write_spans(tmp_path):
    """Write spans as one line of OTLP JSON."""

    def write(*spans, name="spans.jsonl"):
        path = tmp_path / name
        request = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {"name": "test"}, "spans": spans}]}]}
        path.write_text(json.dumps(request) + "\n", encoding="utf-8")
        return path

    return write


@pytest.fixture
def make_store(tmp_path, write_spans, run):
    """Import spans into a new store and return its directory."""

    def make(*spans, name="traces"):
        source = write_spans(*spans, name=f"{name}.jsonl")
        result = run("import", source, "--store", tmp_path / name)
        assert result.exit_code == 0, result.output
        return tmp_path / name

    return make


@pytest.fixture
def store(make_store):
    """A store with three sessions of different users, sources and versions, a day's hour apart."""
    calls = [("look_up", '{"city": "Köln"}')]
    return make_store(
        *chat("first", 0, user__id="ada", session__source="web", agent__version="v1"),
        *chat("second", 1, user__id="bob", session__source="app", agent__version="v2", metadata='{"tier": "gold"}'),
        *chat("third", 2, user__id="ada", session__source="web", agent__version="v2", calls=calls),
    )


@pytest.fixture
def no_key(monkeypatch):
    """Take keys and addresses of this machine's environment away."""
    for name in [name for name in os.environ if name.startswith("OPENAI_")]:
        monkeypatch.delenv(name)
