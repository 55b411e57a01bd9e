"""Every label of every signal, end to end: an app with the OTel SDK, Parquet files, transcripts, evaluations."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode

import sessioneval as se
from sessioneval.evaluators.signals.library import SIGNALS
from sessioneval.model.evaluation_row import from_row
from sessioneval.reader.contexts import with_context
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.store.store import Store

NOON_NS = 1_795_176_000 * 10**9
SECOND_NS = 10**9
KIND = "openinference.span.kind"


@dataclass(frozen=True)
class User:
    """The user says something: a new trace with an AGENT span."""

    text: str
    attributes: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """The model calls a tool, which answers or fails."""

    name: str
    arguments: object = field(default_factory=dict)
    result: str | None = "done"
    fails: bool = False


@dataclass(frozen=True)
class Say:
    """The model answers in words, or fails."""

    text: str = "Here you are."
    seconds: float = 1.0
    fails: bool = False
    attributes: dict = field(default_factory=dict)


def tool(name, **schema):
    """Return a tool definition as an instrumentor writes it; a schema without properties is none."""
    function = {"name": name, "description": f"Does {name}.", **({"parameters": schema} if schema else {})}
    return {"type": "function", "function": function}


class Recording:
    """Writes a session as an instrumented agent would, on a clock of its own."""

    def __init__(self, tracer, tools=()):
        self._tracer = tracer
        self._tools = {
            f"llm.tools.{number}.tool.json_schema": json.dumps(definition) for number, definition in enumerate(tools)
        }
        self._now_ns = NOON_NS
        self._history = []
        self._turn = None
        self._n_calls = 0

    def play(self, *steps):
        for step in steps:
            {User: self._user, Call: self._call, Say: self._say}[type(step)](step)
        if self._turn:
            self._turn.end(self._now_ns)

    def _span(self, name, kind, seconds, attributes, *, fails=False):
        parent = trace.set_span_in_context(self._turn)
        made = self._tracer.start_span(name, parent, attributes={KIND: kind, **attributes}, start_time=self._now_ns)
        self._now_ns += round(seconds * SECOND_NS)
        if fails:
            made.set_status(Status(StatusCode.ERROR, "it broke"))
        made.end(self._now_ns)

    def _user(self, step):
        if self._turn:
            self._turn.end(self._now_ns)
        attributes = {KIND: "AGENT", "input.value": step.text, **step.attributes}
        self._now_ns += SECOND_NS
        self._turn = self._tracer.start_span("turn", attributes=attributes, start_time=self._now_ns)
        self._history.append({"message.role": "user", "message.content": step.text})

    def _llm(self, answer, *, seconds, attributes, fails=False):
        sent = _flat("llm.input_messages", self._history)
        said = {} if fails else _flat("llm.output_messages", [answer])
        named = {"llm.model_name": "m", **self._tools, **attributes}
        self._span("chat", "LLM", seconds, {**sent, **said, **named}, fails=fails)

    def _call(self, step):
        self._n_calls += 1
        identifier = f"call-{self._n_calls}"
        written = step.arguments if isinstance(step.arguments, str) else json.dumps(step.arguments)
        prefix = "message.tool_calls.0.tool_call"
        named = {f"{prefix}.function.name": step.name, f"{prefix}.function.arguments": written}
        answer = {"message.role": "assistant", f"{prefix}.id": identifier, **named}
        self._llm(answer, seconds=0.5, attributes={})
        self._history.append(answer)
        if step.result is not None:
            told = {"tool.name": step.name, "tool.id": identifier, "output.value": step.result, "input.value": written}
            self._span(step.name, "TOOL", 0.25, told, fails=step.fails)
            self._history.append(
                {"message.role": "tool", "message.content": step.result, "message.tool_call_id": identifier}
            )

    def _say(self, step):
        answer = {"message.role": "assistant", "message.content": step.text}
        attributes = {"output.value": step.text, **step.attributes}
        self._llm(answer, seconds=step.seconds, attributes=attributes, fails=step.fails)
        if not step.fails:
            self._history.append(answer)


def _flat(prefix, messages):
    return {f"{prefix}.{number}.{key}": value for number, each in enumerate(messages) for key, value in each.items()}


ASK = User("Where is my parcel, please?")
DONE = Say()
LOOK = Call("look_up", {"order": "A-1"})
BROKEN = Call("look_up", {"order": "A-1"}, "no such order", fails=True)
LOOK_UP = tool(
    "look_up", type="object", properties={"order": {"type": "string"}}, required=["order"], additionalProperties=False
)
EXPECTED = json.dumps([{"name": "look_up", "arguments": {"order": "A-1"}}, {"name": "refund"}])
COUNTED = {"llm.token_count.prompt": 30, "llm.token_count.completion": 4, "llm.cost.total": 0.25}
SKIPPED = "skipped"

# Evaluator, what happens, its label, score or SKIPPED, and some of its fields.
CASES = [
    ("tool_errors", [ASK, LOOK, DONE], "clean", {"n_errors": 0, "n_calls": 1}),
    ("tool_errors", [ASK, BROKEN, DONE], "errors", {"n_errors": 1}),
    ("tool_error_rate", [ASK, BROKEN, LOOK, LOOK, LOOK, DONE], 0.25, {"n_executions": 4, "n_errors": 1}),
    ("tool_error_rate", [ASK, DONE], SKIPPED, {}),
    ("error_without_retry", [ASK, BROKEN, LOOK, DONE], "retried", {"n_errors": 1, "n_recovered": 1}),
    ("error_without_retry", [ASK, BROKEN, DONE], "not_retried", {"n_not_retried": 1, "n_recovered": 0}),
    ("error_without_retry", [ASK, BROKEN, DONE, ASK, LOOK, DONE], "not_retried", {"n_recovered": 1}),
    ("error_without_retry", [ASK, LOOK, DONE], SKIPPED, {}),
    ("abandoned_after_error", [ASK, BROKEN, Say("It failed.")], "abandoned", {"cause": "tool"}),
    ("abandoned_after_error", [ASK, DONE, ASK, Say(fails=True)], "abandoned", {"cause": "model"}),
    ("abandoned_after_error", [ASK, BROKEN, LOOK, DONE], "not_abandoned", {"cause": None, "n_errors": 1}),
    ("abandoned_after_error", [ASK, BROKEN, DONE, User("And now?"), DONE], "not_abandoned", {}),
    ("abandoned_after_error", [ASK, Say(fails=True), DONE], "not_abandoned", {"n_errors": 1}),
    ("abandoned_after_error", [ASK, DONE], SKIPPED, {}),
    ("repeated_tool_call", [ASK, LOOK, Call("look_up", {"order": "B-2"}), DONE], "not_repeated", {"n_calls": 2}),
    ("repeated_tool_call", [ASK, LOOK, LOOK, DONE], "repeated", {"n_repeated": 1, "n_consecutive": 1}),
    ("repeated_tool_call", [ASK, LOOK, Call("refund"), LOOK, DONE], "repeated", {"n_consecutive": 0}),
    ("repeated_tool_call", [ASK, BROKEN, LOOK, DONE], "not_repeated", {}),
    ("repeated_tool_call", [ASK, LOOK, DONE, ASK, LOOK, DONE], "not_repeated", {}),
    ("repeated_tool_call", [ASK, DONE], SKIPPED, {}),
    ("tool_loop", [ASK, LOOK, LOOK, DONE], "no_loop", {"n_rounds": 0, "cycle_length": 0, "tools": []}),
    ("tool_loop", [ASK, *[BROKEN] * 3, DONE], "loop", {"n_rounds": 3, "cycle_length": 1, "tools": ["look_up"]}),
    ("tool_loop", [ASK, Call("x"), *[LOOK, Call("refund")] * 4], "loop", {"n_rounds": 4, "cycle_length": 2}),
    ("tool_loop", [ASK, DONE], SKIPPED, {}),
    ("tool_argument_schema", [ASK, LOOK, DONE], "valid", {"n_calls": 1, "n_checked": 1, "n_invalid": 0}),
    ("tool_argument_schema", [ASK, Call("look_up", {}), DONE], "invalid", {"by_kind": {"missing": 1}}),
    (
        "tool_argument_schema",
        [ASK, Call("look_up", {"order": 7, "x": 1}), LOOK],
        "invalid",
        {"by_kind": {"unexpected": 1, "wrong_type": 1}, "n_invalid": 1, "n_calls": 2},
    ),
    ("tool_argument_schema", [ASK, Call("look_up", "{order"), DONE], "invalid", {"by_kind": {"not_json": 1}}),
    ("tool_argument_schema", [ASK, Call("fly"), DONE], "invalid", {"by_kind": {"unknown_tool": 1}}),
    ("tool_argument_schema", [ASK, Call("refund", {"a": 1}), DONE], SKIPPED, {}),
    ("tool_argument_schema", [ASK, DONE], SKIPPED, {}),
    (
        "expected_tool_calls",
        [User("Hi", {"session_eval.expected_actions": EXPECTED}), LOOK, Call("refund", {"a": 1}), DONE],
        "all_made",
        {"n_expected": 2, "n_made": 2, "missing": []},
    ),
    (
        "expected_tool_calls",
        [User("Hi", {"session_eval.expected_actions": EXPECTED}), LOOK, DONE],
        "some_missing",
        {"n_made": 1, "missing": ["refund"]},
    ),
    ("expected_tool_calls", [ASK, LOOK, DONE], SKIPPED, {}),
    ("repeated_user_message", [ASK, DONE, ASK, DONE], "repeated", {"n_repeated": 1, "n_user_messages": 2}),
    ("repeated_user_message", [ASK, DONE, User("Thanks."), DONE], "not_repeated", {"n_repeated": 0}),
    (
        "rephrased_user_message",
        [ASK, DONE, User("So where is my parcel now, please?")],
        "rephrased",
        {"n_rephrased": 1},
    ),
    ("rephrased_user_message", [ASK, DONE, ASK, DONE], "not_rephrased", {"n_rephrased": 0}),
    ("asks_for_person", [ASK, DONE, User("Let me talk to a human.")], "asked", {"n_requests": 1}),
    ("asks_for_person", [ASK, DONE], "not_asked", {"n_requests": 0}),
    ("escalated", [ASK, Call("transfer_to_human_agents"), DONE], "escalated", {"escalated_by": "tool"}),
    ("escalated", [ASK, Say("I'm transferring you to a human agent.")], "escalated", {"escalated_by": "message"}),
    ("escalated", [ASK, Call("transfer_to_human_agents", fails=True)], "not_escalated", {"is_escalated": False}),
    ("corrections", [ASK, DONE, User("No, I said the blue one."), DONE], 1.0, {"number_of_correction_per_session": 1}),
    ("corrections", [User("That's wrong."), DONE], 0.0, {"number_of_correction_per_session": 0}),
    (
        "turns_to_resolution",
        [ASK, DONE, User("And the blue one?"), DONE, User("Perfect, thanks!"), Say("Bye.")],
        2.0,
        {"user_turns_to_resolution": 2, "n_user_messages": 3},
    ),
    ("turns_to_resolution", [ASK, DONE], SKIPPED, {}),
    ("empty_answer", [ASK, LOOK, Say("")], "empty", {"n_empty": 1, "n_answers": 2}),
    ("empty_answer", [ASK, LOOK, DONE], "not_empty", {"n_empty": 0}),
    ("unanswered_session", [ASK, DONE], "answered", {}),
    ("unanswered_session", [ASK, DONE, ASK, Say(fails=True)], "unanswered", {}),
    ("turn_count", [ASK, DONE, ASK, DONE], 2.0, {"n_turns": 2}),
    ("tool_calls", [ASK, LOOK, LOOK, Call("x"), DONE], 3.0, {"n_tools": 2, "by_tool": {"look_up": 2, "x": 1}}),
    ("tokens", [ASK, LOOK, Say(attributes=COUNTED), ASK, Say(attributes=COUNTED)], 68.0, {"n_uncounted": 1}),
    ("tokens", [ASK, DONE], SKIPPED, {}),
    ("cost", [ASK, LOOK, Say(attributes=COUNTED), ASK, Say(attributes=COUNTED)], 0.5, {"n_unpriced": 1}),
    ("cost", [ASK, DONE], SKIPPED, {}),
    ("latency_p50", [ASK, *[Say(seconds=n) for n in (1, 2, 10)]], 2.0, {"n_model_calls": 3, "max_seconds": 10.0}),
    ("latency_p95", [ASK, *[Say(seconds=n) for n in (1, 2, 3)]], 2.9, {"min_seconds": 1.0}),
    ("time_to_first_answer", [ASK, LOOK, Say(seconds=2)], 0.5 + 0.25 + 2, {"answered_at": 3}),
    ("time_to_first_answer", [ASK, LOOK], SKIPPED, {}),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All cases as sessions of one store."""
    path = tmp_path_factory.mktemp("signals") / "traces"
    provider = se.register(path, set_global=False)
    for number, (_, steps, _, _) in enumerate(CASES):
        with se.session(f"case-{number}", tracer_provider=provider):
            Recording(provider.get_tracer("app"), tools=(LOOK_UP, tool("refund"))).play(*steps)
    provider.shutdown()
    return Store(path)


@pytest.fixture(scope="module")
def rows(store):
    """Every signal's evaluation of every case, as a run makes them and the store keeps them."""
    se.evaluate(store, list(SIGNALS))
    return {(row.session_id, row.name): row for row in map(from_row, store.evaluations().to_pylist())}


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{name}-{outcome}" for name, _, outcome, _ in CASES])
def test_a_session_made_for_an_outcome_has_it(rows, number):
    """What the documentation says of a label holds for spans as an app writes them."""
    name, _, outcome, fields = CASES[number]
    row = rows[f"case-{number}", name]
    decided = row.label or row.score if row.status == "evaluated" else row.status
    expected = outcome if isinstance(outcome, str) else pytest.approx(outcome, abs=1e-6)
    assert decided == expected, row
    assert {key: row.fields[key] for key in fields} == fields
    assert set(row.fields) == (set(SIGNALS[name].fields) if row.status == "evaluated" else set())


def test_every_label_of_every_signal_has_a_case():
    """A label that nobody has seen may not exist."""
    seen = {(name, outcome) for name, _, outcome, _ in CASES if isinstance(outcome, str)}
    assert {(name, label) for name, signal in SIGNALS.items() for label in signal.labels} <= seen
    assert {name for name, _, outcome, _ in CASES if outcome != SKIPPED} == set(SIGNALS)


def test_no_signal_fails(rows):
    """Each case goes to all of them."""
    assert {row.status for row in rows.values()} == {"evaluated", "skipped"}
    assert len(rows) == len(CASES) * len(SIGNALS)


def test_signals_that_read_the_context_say_so(store):
    """The reader fills contexts only for evaluators that ask; one that forgets to ask would judge nothing."""
    listing = list_sessions(store)
    transcripts = {each.session_id: each for each in with_context(listing, None, read_transcripts(listing))}
    bare = {
        key: se.Transcript(session=each.session, messages=each.messages, loss=each.loss)
        for key, each in transcripts.items()
    }
    for name, signal in SIGNALS.items():
        changed = any(
            asyncio.run(signal.evaluate(bare[key])).fields != asyncio.run(signal.evaluate(transcripts[key])).fields
            for key in transcripts
        )
        assert changed == signal.needs_context, name
