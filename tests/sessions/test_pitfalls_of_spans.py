"""The pitfalls of recorded conversations that lie in how spans are written; the others are in `test_pitfalls`."""

import json

import pytest
from span_factory import (
    NOON_NS,
    assistant,
    call,
    llm,
    message,
    said,
    span,
    system,
    transcript,
    user,
)

from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.semconv.normalisation import columns_of
from sessioneval.store.store import Store

HELP = system("Help.")
WEATHER = call("c1", "weather", city="Oslo")
TIME = call("c2", "time", city="Oslo")
LONG = "Oslo is wet in November, so take the tram to the museum and a coat."


def columns(attributes, name="call", scope="test"):
    """Return the columns of a raw span."""
    return columns_of(RawSpan("1" * 32, "2" * 16, None, name, NOON_NS, NOON_NS + 1, attributes, scope_name=scope))


def raw(number, attributes, **more):
    """Return a row with the columns that attributes give."""
    kept = {name: value for name, value in columns(attributes).items() if name != c.ATTRIBUTES}
    return span(number, **more) | kept


def otlp(number, attributes, **more):
    """Return a span in OTLP/JSON."""
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": "call",
        "startTimeUnixNano": str(NOON_NS + number),
        "endTimeUnixNano": str(NOON_NS + number + 1),
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
        **more,
    }


def write(path, *spans):
    """Write an export request."""
    path.write_text(
        json.dumps({"resourceSpans": [{"scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}]}) + "\n"
    )
    return path


def text(value):
    return {"stringValue": value}


@pytest.mark.parametrize(
    "attributes",
    [
        {"session_id": "[Scrubbed due to 'session']"},
        {"langsmith.trace.session_name": "default"},
        {"session.id": "__REDACTED__"},
    ],
)
def test_pitfall_12_values_that_are_no_session_ids(attributes):
    """Redaction marks and project names would pour all sessions into one."""
    assert c.SESSION_ID not in columns(attributes)


def test_pitfall_13_attribute_limit_drops_the_first_messages():
    """Indexes may begin above 0; the session comes from the parent and the lost messages from earlier calls."""
    cut = {
        "openinference.span.kind": "LLM",
        "llm.input_messages.3.message.role": "user",
        "llm.input_messages.3.message.content": "b?",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.content": "B.",
    }
    made = transcript(
        llm(1, [HELP, user("a?")], [assistant("A.")]),
        span(2, kind="AGENT", trace=2, at=10),
        raw(3, cut, trace=2, parent=2, at=11, session=None, DROPPED_ATTRIBUTES=9),
    )
    assert [line for line in said(made) if "system" not in line] == [
        "user: a?",
        "assistant: A.",
        "user: b?",
        "assistant: B.",
    ]
    assert made.loss.dropped_attributes == 9


def test_pitfall_14_length_limit_cuts_json():
    """What stands before the cut is read; what was cut off is missing, not taken back."""
    history = [{"role": "user", "parts": [{"type": "text", "content": "a?"}]}]
    answer = '[{"role":"assistant","parts":[{"type":"text","content":"%s"}]}]'
    sent = json.dumps([*history, {"role": "assistant", "parts": [{"type": "text", "content": "A."}]}])
    chat_ = {"gen_ai.operation.name": "chat"}
    made = transcript(
        raw(1, chat_ | {"gen_ai.input.messages": json.dumps(history), "gen_ai.output.messages": answer % "A."}),
        span(2, kind="AGENT", trace=2, at=10, INPUT_VALUE="b?"),
        raw(
            3,
            chat_ | {"gen_ai.input.messages": sent[:-9], "gen_ai.output.messages": answer % "B."},
            trace=2,
            parent=2,
            at=11,
        ),
        span(4, kind="AGENT", trace=3, at=20, INPUT_VALUE="c?"),
        raw(
            5,
            chat_ | {"gen_ai.input.messages": sent[:-9], "gen_ai.output.messages": answer % "C."},
            trace=3,
            parent=4,
            at=21,
        ),
    )
    assert [one.content for one in made.messages if one.role == "user"] == ["a?", "b?", "c?"]
    assert [line for line in said(made) if line.startswith("assistant")][-2:] == ["assistant: B.", "assistant: C."]


def test_pitfall_15_no_content():
    """Spans without text are a session without messages, and the loss report says why."""
    made = transcript(span(1, kind="AGENT"), span(2, kind="LLM", parent=1, at=1))
    assert made.messages == ()
    assert made.loss.spans_ignored["no_content"] == 1


def test_pitfall_16_content_only_in_logs(tmp_path):
    """Log records are read and joined with their spans."""
    spans = write(tmp_path / "a.jsonl", otlp(1, {"session.id": text("s"), "gen_ai.operation.name": text("chat")}))
    records = [
        {
            "traceId": f"{1:032x}",
            "spanId": f"{1:016x}",
            "eventName": name,
            "body": {"kvlistValue": {"values": values}},
            "observedTimeUnixNano": str(NOON_NS + at),
        }
        for at, (name, values) in enumerate(
            [
                ("gen_ai.user.message", [{"key": "content", "value": text("a?")}]),
                (
                    "gen_ai.choice",
                    [
                        {
                            "key": "message",
                            "value": {"kvlistValue": {"values": [{"key": "content", "value": text("A.")}]}},
                        }
                    ],
                ),
            ]
        )
    ]
    logs = tmp_path / "a.logs.jsonl"
    logs.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"scope": {}, "logRecords": records}]}]}) + "\n")
    store = Store(tmp_path / "store")
    import_files([spans, logs], store)
    (made,) = read_transcripts(list_sessions(store))
    assert said(made) == ["user: a?", "assistant: A."]


@pytest.mark.parametrize("role", ["tool", "user"])
@pytest.mark.parametrize("key", ["response", "result"])
def test_pitfall_18_shapes_of_tool_results(role, key):
    """A user message made of tool results only is no user turn; an empty one is none either."""
    parts = [{"type": "tool_call_response", "id": "c1", key: {"rain": True}}]
    inputs = [
        {"role": "user", "parts": [{"type": "text", "content": "Rain?"}]},
        {"role": role, "parts": parts},
        {"role": "user", "parts": []},
    ]
    found = columns({"gen_ai.operation.name": "chat", "gen_ai.input.messages": json.dumps(inputs)})
    made = transcript(span(1) | {name: value for name, value in found.items() if name != c.ATTRIBUTES})
    assert [one.role for one in made.messages] == ["user", "tool"]
    assert json.loads(made.messages[1].content) == {"rain": True}


def test_pitfall_27_streaming(tmp_path):
    """Events of chunks are ignored; the final attributes are complete."""
    messages = {
        "session.id": text("s"),
        "openinference.span.kind": text("LLM"),
        "llm.input_messages.0.message.role": text("user"),
        "llm.input_messages.0.message.content": text("Rain?"),
        "llm.output_messages.0.message.role": text("assistant"),
        "llm.output_messages.0.message.content": text("Yes."),
    }
    chunk = {
        "name": "gen_ai.content.completion.chunk",
        "timeUnixNano": "1",
        "attributes": [{"key": "content", "value": text("Y")}],
    }
    store = Store(tmp_path / "store")
    import_files([write(tmp_path / "a.jsonl", otlp(1, messages, events=[chunk] * 3))], store)
    (made,) = read_transcripts(list_sessions(store))
    assert said(made) == ["user: Rain?", "assistant: Yes."]


def test_pitfall_28_multimodal():
    """A picture is a placeholder with type and size; the text stays."""
    parts = [
        {c.PART_TYPE: "text", c.PART_TEXT: "What?"},
        {c.PART_TYPE: "image", c.PART_URL: "data:image/png;base64,AAAA"},
    ]
    made = transcript(llm(1, [message("user", parts=parts)], [assistant("A dot.")]))
    assert made.messages[0].content == "What?\n[image/png, 3 bytes]"


def test_pitfall_29_redelivery_and_missing_roots(tmp_path):
    """A span is one by trace and span id, whenever it arrives and whether its parent ever comes."""
    attributes = {
        "session.id": text("s"),
        "openinference.span.kind": text("LLM"),
        "llm.input_messages.0.message.role": text("user"),
        "llm.input_messages.0.message.content": text("Rain?"),
    }
    file = write(tmp_path / "a.jsonl", *[otlp(1, attributes, parentSpanId=f"{99:016x}")] * 2)
    store = Store(tmp_path / "store")
    import_files([file], store)
    import_files([file], store)
    (made,) = read_transcripts(list_sessions(store))
    assert (made.session.n_spans, said(made)) == (1, ["user: Rain?"])


@pytest.mark.parametrize("parent", [{}, {"parentSpanId": ""}])
@pytest.mark.parametrize("number", ["7", 7])
def test_pitfall_30_variants_of_otlp_json(tmp_path, parent, number):
    """Integers as strings or numbers, roots with an empty parent or none, values absent."""
    attributes = {"session.id": text("s"), "llm.token_count.prompt": {"intValue": number}, "nothing": {}}
    made = otlp(1, attributes, **parent) | {"startTimeUnixNano": NOON_NS if number == 7 else str(NOON_NS)}
    (batch,) = read_source(write(tmp_path / "a.jsonl", made))
    (row,) = batch.table.to_pylist()
    assert (row[c.PARENT_ID], row[c.PROMPT_TOKENS], row[c.SESSION_ID]) == (None, 7, "s")
    assert not batch.rejected
