"""Bar D2: judging real sessions through the front door, each is held against its own goal and its own expected actions."""

import json
import re
from collections import Counter

import pytest
from shared_data import DATA, needs_data

import sessioneval as se
from sessioneval.evaluators.rubric import Rubric
from sessioneval.runs.importing import import_files
from sessioneval.sessions.escaping import unescaped
from sessioneval.store.store import Store
from sessioneval.testing.answer import Answer
from sessioneval.testing.server import StandIn

pytestmark = needs_data
NAMES = ("user_goal", "expected_actions")


def rubric(*names):
    return Rubric(name="done", version="1", question="Done?", labels={"yes": 1, "no": 0}, reference=names)


def labels(name):
    return [json.loads(line) for line in (DATA / name / "labels.jsonl").read_text(encoding="utf-8").splitlines()]


def references_in(question):
    """Return name to text of the reference block, read by its fence alone; None where there is none."""
    found = re.search(
        r"^<<T:(\w+) reference begin>>\n(.*)\n<<T:\1 reference end>>$", question, re.DOTALL | re.MULTILINE
    )
    if not found:
        return None
    _, *parts = re.split(rf'^<<T:{found[1]} reference "(\w+)">>\n', found[2], flags=re.MULTILINE)
    texts = [unescaped(text.removesuffix("\n")) for text in parts[1::2]]
    return dict(zip(parts[::2], texts, strict=True))


def as_counted(name, text):
    """Return what is compared: a text as it is, a list of calls by what it says."""
    return text.strip() if name == "user_goal" else json.dumps(json.loads(text), sort_keys=True)


def counted(blocks):
    return Counter(tuple((name, as_counted(name, text)) for name, text in block.items()) for block in blocks)


@pytest.fixture
def store_of(tmp_path):
    """A set's real spans, imported, and further files beside them."""

    def of(name, *more):
        store = Store(tmp_path / name)
        import_files([DATA / name / "traces.otlp.jsonl.gz", *more], store)
        return store

    return of


@pytest.fixture
def judged():
    """Evaluate through a server that keeps each block of references it is asked with."""

    def run(store, judge_rubric, **options):
        blocks = []

        def answer(request):
            blocks.append(references_in(request.messages[-1].text))
            return Answer(kind="judge", text=json.dumps({"reasoning": "Seen.", "label": "yes"}))

        with StandIn(answerer=answer) as server:
            result = se.evaluate(store, [judge_rubric], model="m", base_url=server.base_url, **options)
        return blocks, result.progress

    return run


def test_a_table_of_truths_reaches_every_prompt_of_tau_airline(store_of, judged):
    """The file of labels as it is; goals of up to a page, actions as JSON."""
    blocks, progress = judged(store_of("tau_airline"), rubric(*NAMES), references=DATA / "tau_airline" / "labels.jsonl")
    truth = [
        {"user_goal": row["user_goal"], "expected_actions": json.dumps(row["expected_actions"])}
        for row in labels("tau_airline")
    ]
    assert (progress.evaluated, progress.failed, len(blocks)) == (100, 0, 100)
    assert counted(blocks) == counted(truth)


def test_attributes_of_spans_reach_every_prompt_of_tau_airline(store_of, judged, tmp_path):
    """No table: the app says on a span of its own what the user wants and which calls should be made."""
    told = tmp_path / "told.jsonl"
    spans = [span_of(number, row) for number, row in enumerate(labels("tau_airline"))]
    told.write_text(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}) + "\n", encoding="utf-8")
    blocks, progress = judged(store_of("tau_airline", told), rubric(*NAMES))
    truth = [
        {"user_goal": row["user_goal"], "expected_actions": json.dumps(row["expected_actions"])}
        for row in labels("tau_airline")
    ]
    assert (progress.evaluated, progress.failed) == (100, 0)
    assert counted(blocks) == counted(truth)


def span_of(number, row):
    """Return a span as OTLP JSON that says what a session is about, after its end."""
    said = {"session_eval.user_goal": row["user_goal"], "session_eval.expected_actions": row["expected_actions"]}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
    attributes = {"session.id": row["session_id"], **texts}
    return {
        "traceId": f"{number + 1:032x}",
        "spanId": f"{number + 1:016x}",
        "name": "outcome",
        "startTimeUnixNano": str(2 * 10**18),
        "endTimeUnixNano": str(2 * 10**18),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }


def test_the_checked_actions_of_tau2_agents_reach_the_prompt(store_of, judged):
    """This set has the calls that should be made, and no goals: a session without any is skipped, and nothing is asked."""
    checks = {row["session_id"]: row["action_checks"] for row in labels("tau2_agents")}
    expected = {
        session_id: [{"name": check["name"], "arguments": check["arguments"]} for check in each]
        for session_id, each in checks.items()
        if each
    }
    table = {session_id: {"expected_actions": actions} for session_id, actions in expected.items()}
    blocks, progress = judged(store_of("tau2_agents"), rubric("expected_actions"), references=table)
    assert (progress.evaluated, progress.failed, progress.skipped) == (len(expected), 0, len(checks) - len(expected))
    assert dict(progress.skip_reasons) == {"no_reference": len(checks) - len(expected)}
    assert counted(blocks) == counted({"expected_actions": json.dumps(actions)} for actions in expected.values())
    known = json.loads((DATA / "tau2_agents" / "known.json").read_text(encoding="utf-8"))
    assert sum(len(json.loads(block["expected_actions"])) for block in blocks) == known["action_checks"]


def test_a_session_that_lacks_one_of_two_references_is_not_judged(store_of, judged):
    """tau2_agents has no goals: half a reference would be another instrument."""
    table = {row["session_id"]: {"expected_actions": row["action_checks"]} for row in labels("tau2_agents")}
    first = next(iter(table))
    table[first]["user_goal"] = "Two bags."
    blocks, progress = judged(store_of("tau2_agents"), rubric(*NAMES), references=table)
    assert (progress.evaluated, progress.skipped, progress.failed) == (1, len(table) - 1, 0)
    assert [block["user_goal"] for block in blocks] == ["Two bags."]
