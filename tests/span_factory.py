"""Spans written by hand, as few words as a test needs, and the transcripts that come of them."""

import json

import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.schemas import SPANS
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.grouping import group
from sessioneval.sessions.loss import SessionFaults
from sessioneval.sessions.span_view import span_views

# 2026-11-20T12:00:00Z in nanoseconds.
NOON_NS = 1_795_176_000 * 10**9
SECOND_NS = 10**9


def trace_id(number):
    """Return the trace id that `span(trace=number)` has."""
    return f"{number:032x}"


def span_id(number):
    """Return the span id that `span(number)` has."""
    return f"{number:016x}"


def message(role, text=None, *, calls=(), answers=None, name=None, parts=None):
    """Return a message as it stands on a span; `answers` is the id of the call that a tool result answers."""
    return {
        c.MESSAGE_ROLE: role,
        c.MESSAGE_CONTENT: text,
        c.MESSAGE_NAME: name,
        c.MESSAGE_TOOL_CALL_ID: answers,
        c.MESSAGE_CONTENTS: parts,
        c.MESSAGE_TOOL_CALLS: list(calls) or None,
    }


def system(text):
    return message("system", text)


def user(text, **more):
    return message("user", text, **more)


def assistant(text=None, *calls):
    return message("assistant", text, calls=calls)


def tool(text, answers=None, name=None):
    return message("tool", text, answers=answers, name=name)


def call(identifier, name, **arguments):
    """Return a tool call."""
    return {c.CALL_ID: identifier, c.CALL_NAME: name, c.CALL_ARGUMENTS: json.dumps(arguments)}


def span(number, *, trace=1, parent=None, at=0.0, seconds=1.0, kind="CHAIN", session="s", **columns):
    """Return one row of the spans table.

    Args:
        number: Becomes the span id.
        trace: Number of its trace.
        parent: Number of its parent.
        at: Start, seconds after noon.
        seconds: Duration.
        kind: OpenInference span kind.
        session: Session id, or None.
        columns: Attribute constants of `model.columns` by name, such as ``OUTPUT_VALUE="42"``.
    """
    start_ns = NOON_NS + round(at * SECOND_NS)
    return {
        c.TRACE_ID: trace_id(trace),
        c.SPAN_ID: span_id(number),
        c.PARENT_ID: None if parent is None else span_id(parent),
        c.NAME: kind.lower(),
        c.SPAN_KIND: kind,
        c.START_TIME: start_ns,
        c.END_TIME: start_ns + round(seconds * SECOND_NS),
        c.STATUS_CODE: "UNSET",
        c.SESSION_ID: session,
        **{getattr(c, name): value for name, value in columns.items()},
    }


def llm(number, sent, answered=(), **more):
    """Return an LLM span with input and output messages."""
    return span(number, kind="LLM", **{"INPUT_MESSAGES": list(sent), "OUTPUT_MESSAGES": list(answered)} | more)


def table(*rows):
    """Return rows as a spans table."""
    return pa.Table.from_pylist(list(rows), schema=SPANS)


def turns(n_turns, *, session="s", first=0):
    """Return the spans of a chat that re-sends its history: a trace a turn, an AGENT span over an LLM span each.

    Args:
        n_turns: Turns.
        session: Session id.
        first: Added to all trace and span numbers; sessions of one store need different ones.
    """
    rows, history = [], [system("Be kind.")]
    for turn in range(n_turns):
        number = first + 2 * turn + 1
        asked, answered = user(f"question {turn} of {session}"), assistant(f"answer {turn}")
        more = {"trace": number, "session": session}
        rows.append(span(number, kind="AGENT", at=10 * turn, seconds=5, **more))
        rows.append(llm(number + 1, [*history, asked], [answered], parent=number, at=10 * turn + 1, **more))
        history += [asked, answered]
    return rows


def transcripts(*rows):
    """Return the transcripts of all sessions of some rows (each span once), without a store."""
    spans = table(*rows)
    grouping = group(spans)
    faults = zip(grouping.conflicts.tolist(), grouping.skewed.tolist(), strict=True)
    return [
        assemble(
            session,
            span_views(spans.take(pa.array(numbers))),
            SessionFaults(session_id_conflicts=conflicts, clock_skew=skewed),
        )
        for (session, numbers), (conflicts, skewed) in zip(grouping, faults, strict=True)
    ]


def transcript(*rows):
    """Return the transcript of the only session of some rows."""
    (only,) = transcripts(*rows)
    return only


def said(made):
    """Return a transcript as ``"role: text"`` lines; calls follow as ``name(arguments)``."""
    lines = []
    for one in made.messages:
        calls = [f"{each.name}({json.dumps(each.arguments)})" for each in one.tool_calls]
        lines.append(": ".join([one.role, " ".join(filter(None, [one.content, *calls]))]))
    return lines


def eventful_session(session="s", first=0):
    """Return a session with everything at once: tools, a nested agent, side calls, a retry, a plain turn, a marker."""
    weather, research = call("c1", "weather", city="Oslo"), call("c2", "research", topic="rain")
    asked = [system("Help."), user("Weather, then a report?")]
    loop = [*asked, assistant("Both.", weather, research), tool("rain", "c1"), tool("wet", "c2")]
    rows = [
        span(1, kind="AGENT", seconds=30, AGENT_NAME="boss", METADATA='{"plan": "pro"}', TAGS=["x"]),
        span(2, kind="GUARDRAIL", parent=1, at=1),
        llm(3, [system("Safe?"), user("Weather, then a report?")], [assistant("safe")], parent=2, at=1.2, session=None),
        llm(4, asked, parent=1, at=3, STATUS_CODE="ERROR"),
        llm(5, asked, [assistant("Both.", weather, research)], parent=1, at=5, RESPONSE_ID="r1", session=None),
        llm(6, asked, [assistant("Both.", weather, research)], trace=2, at=5.1, RESPONSE_ID="r1"),
        span(7, kind="TOOL", parent=1, at=7, TOOL_NAME="weather", TOOL_CALL_ID="c1", OUTPUT_VALUE="rain"),
        span(8, kind="TOOL", parent=1, at=7, seconds=5, TOOL_NAME="research", TOOL_CALL_ID="c2", STATUS_CODE="ERROR"),
        span(9, kind="AGENT", parent=8, at=8, AGENT_NAME="researcher", session="inner"),
        llm(10, [user("topic: rain")], [assistant("wet")], parent=9, at=9, session="inner"),
        llm(11, loop, [assistant("Rain is wet.")], parent=1, at=15),
        llm(12, [system("Title?"), user("Weather, then a report?")], [assistant("Rain")], trace=3, at=20),
        span(13, trace=4, at=40, INPUT_VALUE="cached?", OUTPUT_VALUE="yes"),
        llm(14, [*loop[1:], assistant("Rain is wet."), user("yes")], [assistant("Sure?")], trace=5, at=50),
        llm(15, [user("yes"), assistant("Sure?"), user("yes")], [assistant("Sure?")], trace=6, at=60),
        span(16, kind="RETRIEVER", trace=6, at=59, parent=99),
        span(17, kind="UNKNOWN", trace=7, at=70, seconds=-1),
        span(18, trace=8, at=80, SESSION_STATUS="completed"),
    ]
    for row in rows:
        row[c.SPAN_ID] = span_id(int(row[c.SPAN_ID], 16) + first)
        row[c.TRACE_ID] = trace_id(int(row[c.TRACE_ID], 16) + first)
        row[c.PARENT_ID] = row[c.PARENT_ID] and span_id(int(row[c.PARENT_ID], 16) + first)
        row[c.SESSION_ID] = session if row[c.SESSION_ID] == "s" else row[c.SESSION_ID]
    return rows
