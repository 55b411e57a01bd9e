"""Bar D1: every judge of the library and each of its labels, from an app's spans in Parquet to the row in the store.

The model is the stand-in behind real HTTP; what it answers to a case is written beside the case. The labels of the
free signals are reached in the same way in tests/evaluators/test_signal_labels.py.
"""

import json
import re
from dataclasses import dataclass, field

import pytest
from evaluators_tables import fields_of, rows, table

import sessioneval as se
from sessioneval.evaluators.agent_success import FAILURE_TYPES, AgentSuccessConfig, agent_success
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.registry import names
from sessioneval.evaluators.rubric import UNSURE
from sessioneval.evaluators.rubric_library import rubric_named, rubric_names
from sessioneval.evaluators.signals.library import SIGNALS
from sessioneval.model.evaluation_row import from_row
from sessioneval.sessions.selection import Selection
from sessioneval.store.store import Store
from sessioneval.testing.answer import Answer
from sessioneval.testing.judge_prompt import judge_prompt
from sessioneval.testing.server import StandIn

KIND = "openinference.span.kind"
SHADOW = "session_eval.shadow_content"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Call:
    """The model calls a tool, which answers."""

    name: str
    arguments: dict
    result: str = "done"


@dataclass(frozen=True)
class Turn:
    """The user says something, and the agent does some steps: tool calls, and texts that it answers."""

    user: str
    steps: tuple[Call | str, ...]
    shadow: str = ""
    shadow_on: str = "llm"


@dataclass(frozen=True)
class Case:
    """A session that is made for an outcome: a label, or SKIPPED with its reason.

    `answers` is what the model says to the checklist, as ``(item, answer)``; `prefers` is the text that a pairwise
    judge likes better, wherever it stands.
    """

    name: str
    turns: tuple[Turn, ...]
    outcome: str
    label: str = UNSURE
    answers: tuple[tuple[str, str], ...] = ()
    prefers: str = ""
    fields: dict = field(default_factory=dict)
    reason: str | None = None
    source: str = "app"
    is_complete: bool = True
    n_calls: int = 1


def talk(user, *steps, **shadow):
    return Turn(user, steps, **shadow)


CANCEL = Call("cancel", {"order": "A-1"}, "cancelled")
CANCELLED = talk("Please cancel order A-1.", CANCEL, "Order A-1 is cancelled.")
UNCLEAR = talk("Hm, never mind then.", "As you wish, I am here.")
# For each label of a rubric a session that a careful reader would give it.
TALKS = {
    ("coherence", "coherent"): (talk("Open on Monday?", "It is closed on Mondays."), talk("Tuesday?", "Yes, all day.")),
    ("coherence", "incoherent"): (
        talk("Open on Monday?", "It is closed on Mondays."),
        talk("So?", "Come on Monday, we are open."),
    ),
    ("goal_completion", "completed"): (CANCELLED,),
    ("goal_completion", "not_completed"): (talk("Please cancel order A-1.", "I will look into it some day."),),
    ("frustration", "not_frustrated"): (CANCELLED, talk("Thank you, that was quick!", "You are welcome, goodbye.")),
    ("frustration", "frustrated"): (
        talk("Cancel A-1.", "Which order do you mean?"),
        talk("I SAID A-1!!!", "Which order?"),
    ),
    ("correctness", "correct"): (talk("What is 17 times 3?", "17 times 3 is 51."),),
    ("correctness", "incorrect"): (talk("What is 17 times 3?", "17 times 3 is 41."),),
}


def said_to(item, turn):
    """Return what the model says to a checklist item in the n-th case: in the end each allowed answer was given."""
    if item.is_open:
        return tuple((f"{item.id}: thing {n}", answer) for n, answer in enumerate(item.answers))
    return ((item.id, item.answers[turn % len(item.answers)]),)


def rubric_case(name, label, turn):
    answers = tuple(pair for item in rubric_named(name).checklist for pair in said_to(item, turn))
    closed = {item.id: dict(answers)[item.id] for item in rubric_named(name).checklist if not item.is_open}
    open_ones = {
        item.id: [
            {"subject": f"thing {n}", "answer": answer, "reason": f"because of {item.id}"}
            for n, answer in enumerate(item.answers)
        ]
        for item in rubric_named(name).checklist
        if item.is_open
    }
    turns = TALKS.get((name, label), (UNCLEAR,))
    return Case(name, turns, label, label=label, answers=answers, fields=closed | open_ones)


RUBRIC_CASES = [
    rubric_case(name, label, turn)
    for name in rubric_names()
    for turn, label in enumerate((*rubric_named(name).labels, UNSURE))
]


def success(label, failure_type, outcome=None, **more):
    answers = {
        "failure_type": failure_type,
        "failure_reason": "It went wrong.",
        "number_of_correction_per_session": "1",
        "user_turns_to_resolution": "2" if label == "success" else "0",
        "is_escalated": "no",
        "metadata": "a parcel",
    }
    turns = (CANCELLED, talk("No, the other one.", "Done, order A-2 is cancelled."))
    return Case("agent_success", turns, outcome or label, label=label, answers=tuple(answers.items()), **more)


AGENT_SUCCESS_CASES = [
    success(
        "success",
        "none",
        fields={
            "is_success": True,
            "failure_type": None,
            "failure_reason": None,
            "number_of_correction_per_session": 1,
            "user_turns_to_resolution": 2,
            "is_escalated": False,
            "metadata": "a parcel",
        },
    ),
    *(
        success("failure", kind, fields={"is_success": False, "failure_type": kind, "failure_reason": "It went wrong."})
        for kind in FAILURE_TYPES
    ),
    success(UNSURE, "none", fields={"is_success": None, "failure_type": None}),
    success("failure", "system_error", SKIPPED, reason="system_error"),
    success("success", "none", SKIPPED, reason="source_not_enabled", source="elsewhere", n_calls=0),
]

RESOLVED, UNRESOLVED = ("intention: cancel A-1", "resolved"), ("intention: a refund", "unresolved")
GOAL_CASES = [
    Case(
        "goal_completeness",
        (CANCELLED,),
        "complete",
        answers=(RESOLVED, UNRESOLVED),
        fields={
            "resolved": [{"intention": "cancel A-1", "reason": "because of intention"}],
            "unresolved": [{"intention": "a refund", "reason": "because of intention"}],
            "n_intentions": 2,
        },
    ),
    Case("goal_completeness", (CANCELLED,), "incomplete", answers=(UNRESOLVED,), fields={"n_intentions": 1}),
    Case("goal_completeness", (UNCLEAR,), UNSURE, fields={"n_intentions": 0}),
    Case("goal_completeness", (CANCELLED,), SKIPPED, reason="not_complete", is_complete=False, n_calls=0),
]

# In these sessions message 1 calls a tool, 2 is its result, 3 an answer without a call.
SELECTION_CASES = [
    Case(
        "tool_selection",
        (CANCELLED,),
        "correct",
        answers=(("choice: 1", "right"),),
        fields={"n_right": 1, "n_wrong": 0, "n_missing": 0, "n_unjudged": 0},
    ),
    Case("tool_selection", (CANCELLED,), "incorrect", answers=(("choice: 1", "wrong"),), fields={"n_wrong": 1}),
    Case(
        "tool_selection",
        (CANCELLED,),
        "incorrect",
        answers=(("choice: 1", "right"), ("choice: 3", "missing")),
        fields={"n_right": 1, "n_missing": 1},
    ),
    Case("tool_selection", (CANCELLED,), UNSURE, fields={"n_unjudged": 1, "spans": []}),
]
ARGUMENT_CASES = [
    Case(
        "tool_argument_correctness",
        (CANCELLED,),
        "correct",
        answers=(("arguments: 1.0", "right"),),
        fields={"n_calls": 1, "n_invalid": 0, "n_wrong": 0, "n_unjudged": 0},
    ),
    Case(
        "tool_argument_correctness",
        (CANCELLED,),
        "incorrect",
        answers=(("arguments: 1.0", "wrong"),),
        fields={"n_wrong": 1},
    ),
    Case(
        "tool_argument_correctness",
        (talk("Please cancel order A-1.", Call("cancel", {"number": 1}), "Done, it is cancelled."),),
        "incorrect",
        fields={"n_invalid": 1},
        n_calls=0,
    ),
    Case("tool_argument_correctness", (CANCELLED,), UNSURE, fields={"n_unjudged": 1}),
    Case("tool_argument_correctness", (UNCLEAR,), SKIPPED, reason="no_tool_calls", n_calls=0),
]


def shadowed(outcome, prefers, shadow_on, **more):
    turns = (talk("Where is it?", CANCEL, "In the served depot.", shadow="In the shadow depot.", shadow_on=shadow_on),)
    counts = {f"n_{each}": int(each == outcome) for each in ("served", "tie", "shadow")}
    label = UNSURE if outcome == "tie" else ""
    return Case("shadow_comparison", turns, outcome, label=label, prefers=prefers, fields=counts, n_calls=2, **more)


SHADOW_CASES = [
    *(shadowed("served", "served depot", where) for where in ("llm", "agent", "wrapper")),
    *(shadowed("shadow", "shadow depot", where) for where in ("llm", "agent", "wrapper")),
    shadowed("tie", "", "llm"),
    Case("shadow_comparison", (UNCLEAR,), SKIPPED, reason="no_shadow", n_calls=0),
]
CASES = [*RUBRIC_CASES, *AGENT_SUCCESS_CASES, *GOAL_CASES, *SELECTION_CASES, *ARGUMENT_CASES, *SHADOW_CASES]
# A session without tools on offer: nothing could be selected.
CASES.append(Case("tool_selection", (UNCLEAR,), SKIPPED, reason="no_tools", n_calls=0, source="bare"))
IDS = [f"{number}-{case.name}-{case.reason or case.outcome}" for number, case in enumerate(CASES)]

TOOLS = {
    "llm.tools.0.tool.json_schema": json.dumps(
        {
            "type": "function",
            "function": {
                "name": "cancel",
                "description": "Cancels an order.",
                "parameters": {
                    "type": "object",
                    "properties": {"order": {"type": "string"}},
                    "required": ["order"],
                    "additionalProperties": False,
                },
            },
        }
    )
}


class App:
    """An instrumented agent: a span around each turn, one of the agent in it, and under that its model and tool calls."""

    def __init__(self, tracer, tools):
        self._tracer, self._tools = tracer, tools
        self._history = []

    def play(self, turn, mark):
        self._history.append({"message.role": "user", "message.content": mark + turn.user})
        with self._tracer.start_as_current_span("request") as wrapper:
            self._shadow(wrapper, turn, "wrapper")
            taken_in = {KIND: "AGENT", "input.value": mark + turn.user}
            with self._tracer.start_as_current_span("agent", attributes=taken_in) as agent:
                self._shadow(agent, turn, "agent")
                for number, step in enumerate(turn.steps):
                    (self._say if isinstance(step, str) else self._call)(turn, number, step)

    def _shadow(self, span, turn, where):
        if turn.shadow and turn.shadow_on == where:
            span.set_attribute(SHADOW, turn.shadow)

    def _model(self, answer):
        attributes = {KIND: "LLM", **self._tools, **flat("llm.input_messages", self._history)}
        self._history.append(answer)
        attributes |= flat("llm.output_messages", [answer])
        return self._tracer.start_as_current_span("chat", attributes=attributes)

    def _say(self, turn, _, text):
        with self._model({"message.role": "assistant", "message.content": text}) as span:
            self._shadow(span, turn, "llm")

    def _call(self, _, number, call):
        prefix, identifier = "message.tool_calls.0.tool_call", f"call-{len(self._history)}-{number}"
        written = json.dumps(call.arguments)
        answer = {"message.role": "assistant", f"{prefix}.id": identifier, f"{prefix}.function.name": call.name}
        with self._model({**answer, f"{prefix}.function.arguments": written}):
            pass
        executed = {KIND: "TOOL", "tool.name": call.name, "tool.id": identifier, "output.value": call.result}
        with self._tracer.start_as_current_span(call.name, attributes=executed):
            pass
        result = {"message.role": "tool", "message.content": call.result, "message.tool_call_id": identifier}
        self._history.append(result)


def flat(prefix, messages):
    return {f"{prefix}.{number}.{key}": value for number, each in enumerate(messages) for key, value in each.items()}


def scripted(request):
    """Answer as the case says that the transcript's first message names, with a quote of the last message shown."""
    prompt = judge_prompt(request)
    case = CASES[int(re.search(r"Case (\d+):", prompt.messages[0].text)[1])]
    assert prompt.evaluator == case.name
    question = request.messages[-1].text
    label = case.label or preferred(question, case.prefers)
    last = prompt.messages[-1]
    record = {
        "n_user_messages": len(prompt.of_role("user")),
        "evidence": [{"message": last.index, "quote": last.text}],
        "findings": [{"category": "tone", "severity": "low", "message": last.index, "note": "curt"}],
        "answers": [
            {"item": item, "answer": answer, "reason": f"because of {item.partition(':')[0]}"}
            for item, answer in case.answers
        ],
        "reasoning": f"See [{last.index}].",
        "label": label,
        "confidence": 0.75,
    }
    return Answer(kind="judge", text=json.dumps(record))


def preferred(question, text):
    """Return the place at which the better answer stands."""
    shown = question.split('reference "response_b">>')
    return "response_a" if text in shown[0] else "response_b"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """All cases as sessions of one store, written by the SDK through the exporter."""
    path = tmp_path_factory.mktemp("library") / "traces"
    provider = se.register(path, set_global=False)
    for number, case in enumerate(CASES):
        with se.session(f"case-{number}", source=case.source, tracer_provider=provider) as chat:
            app = App(provider.get_tracer("app"), {} if case.source == "bare" else TOOLS)
            for place, turn in enumerate(case.turns):
                app.play(turn, f"Case {number}: " if place == 0 else "")
            if case.is_complete:
                chat.complete()
    provider.shutdown()
    return Store(path)


@pytest.fixture(scope="module")
def evaluations(store):
    """The row of each case, judged through `evaluate` and read back from Parquet."""
    config = AgentSuccessConfig(sources=("app",), sampling_rate=1.0, metadata_definition="What was it about?")
    with StandIn(answerer=scripted) as server:
        options = {"model": "stand-in", "base_url": server.base_url}
        for name in dict.fromkeys(case.name for case in CASES):
            ids = frozenset(f"case-{number}" for number, case in enumerate(CASES) if case.name == name)
            spec = agent_success(config, **options) if name == "agent_success" else name
            se.evaluate(store, [spec], selection=Selection(session_ids=ids), **options)
    return {row.session_id: row for row in map(from_row, store.evaluations().to_pylist())}


@pytest.mark.parametrize("number", range(len(CASES)), ids=IDS)
def test_a_session_made_for_an_outcome_has_it(evaluations, number):
    """Label, score and fields as the page of evaluators lists them."""
    case, row = CASES[number], evaluations[f"case-{number}"]
    decided = row.label if row.status == "evaluated" else row.status
    assert (row.name, decided, row.reason, row.error) == (case.name, case.outcome, case.reason, None)
    scores = dict(pair.rsplit(" ", 1) for pair in table()[case.name][2].split(", "))
    assert row.score == (float(scores[row.label]) if row.label in scores else None)
    assert {key: row.fields[key] for key in case.fields} == case.fields
    if row.status == "evaluated":
        assert set(row.fields) == set(fields_of(case.name))
    assert row.usage.calls == case.n_calls


@pytest.mark.parametrize("number", range(len(CASES)), ids=IDS)
def test_evidence_leads_to_a_span_of_the_session(store, evaluations, number):
    """What a judge says can be followed to the trace: quotes, findings and the entries of lists name spans."""
    transcript, row = se.transcript(store, f"case-{number}"), evaluations[f"case-{number}"]
    for entry in (*row.evidence, *row.findings):
        assert entry.span_id == transcript.messages[entry.message_index].span_id is not None
    for evidence in row.evidence:
        assert evidence.quote in transcript.messages[evidence.message_index].content
    for key in {"spans", "calls"} & set(row.fields):
        for entry in row.fields[key]:
            assert entry["span_id"] == transcript.messages[entry["message_index"]].span_id
    assert bool(row.evidence) == bool(row.findings) == is_one_answer(CASES[number])


def is_one_answer(case):
    """Whether the row is one answer of the model: a comparison is two for each turn, and a schema is checked by code."""
    return case.name != "shadow_comparison" and case.n_calls > 0


def test_every_judge_and_each_of_its_labels_has_a_case():
    """A label that nobody has seen may not exist; every evaluator is a judge that is tested here, or a signal."""
    judges = {*rubric_names(), *DERIVED}
    assert {*judges, *SIGNALS} == set(names())
    seen = {(case.name, case.outcome) for case in CASES}
    for name in judges:
        labels = rubric_named(name).labels if name in rubric_names() else DERIVED[name].labels
        assert {(name, label) for label in labels} <= seen
        # The model's `unsure` about two answers is a tie.
        assert (name, UNSURE) in seen or name == "shadow_comparison"


def test_every_answer_of_every_checklist_has_a_case():
    """A field whose value nobody has seen may not come."""
    given = {(case.name, item.partition(":")[0], answer) for case in CASES for item, answer in case.answers}
    for name in rubric_names():
        for item in rubric_named(name).checklist:
            assert {(name, item.id, answer) for answer in item.answers} <= given


def test_every_reason_to_skip_has_a_case():
    """But for the sample, which is tested where it is drawn."""
    seen = {(case.name, case.reason) for case in CASES if case.outcome == SKIPPED}
    explained = {(name.strip("`"), reason.strip("`")) for name, reason, _ in rows("Why a judge skips a session")}
    assert explained - seen == {("agent_success", "not_sampled"), ("any rubric", "no_reference")}
