"""Bar D2: the free signals equal the counts that come with the labelled sessions, session by session."""

import asyncio
import gzip
import json
from collections import Counter
from dataclasses import replace

import pytest
from shared_data import DATA, needs_data

from sessioneval.evaluators.signals.library import SIGNALS
from sessioneval.reader.contexts import with_context
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.semconv.attributes import EXPECTED_ACTIONS
from sessioneval.store.store import Store

pytestmark = needs_data

SETS = ("tau_airline", "tau2_agents", "intercode_bash", "mint_cohorts", "dices_safety", "whowhen_failures")
# A summary in free words: the benchmark compares that a person was asked for, not the words.
FREE_WORDS = "transfer_to_human_agents"


def lines(name, file):
    """Return the objects of a JSON lines file of a set."""
    content = (DATA / name / file).read_bytes()
    text = gzip.decompress(content) if file.endswith(".gz") else content
    return [json.loads(line) for line in text.splitlines()]


def known(name):
    return json.loads((DATA / name / "known.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """Each set's transcripts with their contexts, read once."""
    cache = {}

    def of(name):
        if name not in cache:
            store = Store(tmp_path_factory.mktemp(name))
            import_files([DATA / name / "traces.otlp.jsonl.gz"], store)
            listing = list_sessions(store)
            cache[name] = list(with_context(listing, None, read_transcripts(listing)))
        return cache[name]

    return of


def rows(name, transcripts):
    """Return session id to evaluation."""

    async def evaluated():
        return {each.session_id: await SIGNALS[name].evaluate(each) for each in transcripts}

    return asyncio.run(evaluated())


def scores(name, transcripts):
    return {session_id: row.score for session_id, row in rows(name, transcripts).items() if row.status == "evaluated"}


def by_session(name):
    """Return session id to the truth's messages."""
    return {session["session_id"]: session["messages"] for session in lines(name, "sessions.jsonl.gz")}


def span_attribute(span, key):
    found = (each["value"] for each in span.get("attributes", ()) if each["key"] == key)
    return next((value.get("stringValue") for value in found), None)


def spans(name):
    """Yield the raw spans, read with nothing of ours."""
    for request in lines(name, "traces.otlp.jsonl.gz"):
        for resource in request["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


@pytest.mark.parametrize("name", [each for each in SETS if each != "whowhen_failures"])
def test_turns_equal_the_known_ones(read, name):
    """Bar D2; in the group chats a turn of the set is a session, whoever speaks."""
    assert sum(scores("turn_count", read(name)).values()) == known(name)["turns"]


@pytest.mark.parametrize("name", SETS)
def test_user_messages_of_each_session_equal_the_truths(read, name):
    """The same session by session."""
    expected = {
        session: sum(message["role"] == "user" for message in messages)
        for session, messages in by_session(name).items()
    }
    assert scores("turn_count", read(name)) == expected


@pytest.mark.parametrize("name", SETS)
def test_tool_calls_equal_the_known_ones(read, name):
    """Bar D2, for the set and for each session and tool."""
    made = rows("tool_calls", read(name))
    assert sum(row.score for row in made.values()) == known(name)["tool_calls"]
    for session, messages in by_session(name).items():
        tools = Counter(call["name"] for message in messages for call in message.get("tool_calls") or ())
        assert made[session].fields["by_tool"] == tools


@pytest.mark.parametrize("name", ["tau_airline", "tau2_agents", "intercode_bash"])
def test_failed_tools_equal_the_spans_that_failed(read, name):
    """A failed call has span status ERROR: counted here straight from the files."""
    expected = Counter()
    executions = Counter()
    for span in spans(name):
        if span_attribute(span, "openinference.span.kind") == "TOOL":
            executions[span_attribute(span, "session.id")] += 1
            expected[span_attribute(span, "session.id")] += span["status"]["code"] == 2
    errors = {session: row.fields["n_errors"] for session, row in rows("tool_errors", read(name)).items()}
    assert {session: count for session, count in errors.items() if count} == {
        session: count for session, count in expected.items() if count
    }
    rates = scores("tool_error_rate", read(name))
    assert rates == {session: pytest.approx(expected[session] / count) for session, count in executions.items()}


def expected_actions(labels):
    """Return session id to the actions as the attribute holds them; free words may be any."""
    key = "expected_actions" if "expected_actions" in labels[0] else "action_checks"
    return {
        label["session_id"]: [
            {"name": each["name"], "arguments": None if each["name"] == FREE_WORDS else each["arguments"]}
            for each in label[key]
        ]
        for label in labels
    }


def with_expected(transcripts, actions):
    """Return the transcripts with the reference that a side table would give them."""
    return [
        replace(each, context=replace(each.context, attributes={EXPECTED_ACTIONS: actions[each.session_id]}))
        for each in transcripts
    ]


def test_expected_calls_of_tau2_equal_its_action_checks(read):
    """Bar D2: 416 checks, 349 matched, the same ones in each session."""
    labels = lines("tau2_agents", "labels.jsonl")
    made = rows("expected_tool_calls", with_expected(read("tau2_agents"), expected_actions(labels)))
    for label in labels:
        checks = label["action_checks"]
        row = made[label["session_id"]]
        assert (row.status == "skipped") == (not checks)
        if checks:
            missing = [check["name"] for check in checks if not check["matched"]]
            assert (row.fields["n_expected"], row.fields["missing"]) == (len(checks), missing)
    evaluated = [row.fields for row in made.values() if row.status == "evaluated"]
    counts = known("tau2_agents")
    assert sum(fields["n_expected"] for fields in evaluated) == counts["action_checks"]
    assert sum(fields["n_made"] for fields in evaluated) == counts["action_checks_matched"]


def test_a_success_of_tau_airline_made_all_expected_writes(read):
    """The reward compares the database: a session that succeeded made each expected call that writes."""
    labels = lines("tau_airline", "labels.jsonl")
    made = rows("expected_tool_calls", with_expected(read("tau_airline"), expected_actions(labels)))
    writes = ("book_", "cancel_", "update_", "send_")
    missing = {
        label["session_id"]: [
            tool for tool in made[label["session_id"]].fields.get("missing", ()) if tool.startswith(writes)
        ]
        for label in labels
    }
    succeeded = {label["session_id"] for label in labels if label["label"] == "success"}
    assert [session for session in succeeded if missing[session]] == []
    assert sum(map(bool, missing.values())) == 37


@pytest.mark.parametrize("name", ["tau_airline", "tau2_agents", "intercode_bash"])
def test_repeated_calls_equal_a_count_of_the_truth(read, name):
    """The same rule in other words on the truth's messages: seen before in the turn, and it had not failed."""
    failed = {
        span_attribute(span, "tool.id")
        for span in spans(name)
        if span_attribute(span, "openinference.span.kind") == "TOOL" and span["status"]["code"] == 2
    }
    expected = {}
    for session, messages in by_session(name).items():
        seen, repeats = set(), 0
        for message in messages:
            for call in message.get("tool_calls") or ():
                arguments = call["arguments"] if isinstance(call["arguments"], str) else json.dumps(call["arguments"])
                key = (message["turn"], call["name"], json.dumps(json.loads(arguments), sort_keys=True))
                repeats += key in seen
                seen |= set() if call["id"] in failed else {key}
        if any(message.get("tool_calls") for message in messages):
            expected[session] = repeats
    made = rows("repeated_tool_call", read(name))
    assert {key: row.fields["n_repeated"] for key, row in made.items() if row.status == "evaluated"} == expected


@pytest.mark.parametrize("name", ["tau_airline", "tau2_agents"])
def test_sessions_with_a_transfer_are_escalated(read, name):
    """The tool of the benchmark that hands over; words alone may add some."""
    failed = {
        span_attribute(span, "session.id")
        for span in spans(name)
        if span_attribute(span, "tool.name") == FREE_WORDS and span["status"]["code"] == 2
    }
    expected = {
        session
        for session, messages in by_session(name).items()
        if any(call["name"] == FREE_WORDS for message in messages for call in message.get("tool_calls") or ())
    }
    made = rows("escalated", read(name))
    assert {key for key, row in made.items() if row.fields["escalated_by"] == "tool"} == expected - failed


@pytest.mark.parametrize("name", SETS)
def test_model_calls_equal_the_llm_spans(read, name):
    """Latencies come from every LLM span of a session, and from nothing else."""
    expected = Counter(
        span_attribute(span, "session.id")
        for span in spans(name)
        if span_attribute(span, "openinference.span.kind") == "LLM"
    )
    made = rows("latency_p50", read(name))
    assert {key: row.fields["n_model_calls"] for key, row in made.items() if row.status == "evaluated"} == expected


@pytest.mark.parametrize("name", SETS)
def test_no_signal_fails_on_real_sessions(read, name):
    """A signal decides or does not apply; a failed row is a bug."""
    for signal in SIGNALS:
        assert {row.status for row in rows(signal, read(name)).values()} <= {"evaluated", "skipped"}
