"""Recorded spans of real frameworks: what their model calls show is the conversation, all of it and nothing else."""

import json
from itertools import chain

import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest.sources import read_source
from sessioneval.model import columns as c

pytestmark = needs_recordings

NAMES = [
    "vercel_ai_v4",
    "vercel_ai_v5",
    "vercel_ai_v6",
    "vercel_ai_v6_responses",
    "strands",
    "strands_latest",
    "pydantic_ai_old_v1",
    "pydantic_ai_old_v2",
    "pydantic_ai_v5",
    "pydantic_ai_v6",
    "logfire_pydantic_ai",
    "oi_pydantic_ai",
    "oi_pydantic_ai_convid",
    "oi_smolagents",
    "oi_llamaindex",
    "agent_framework",
    "agent_framework_baggage",
    "google_adk_content",
    "phoenix__vercel_ai_v6",
    "phoenix__pydantic_ai_v5",
]
SILENT = ["pydantic_ai_nocontent", "google_adk", "otel_genai_openai_nocontent"]


def rows(name):
    suffix = "parquet" if name.startswith("phoenix__") else "jsonl"
    path = RECORDINGS / f"{name}__support_tools.{suffix}"
    return [row for batch in read_source(path) for row in batch.table.to_pylist()]


def truth(name):
    document = json.loads((RECORDINGS / f"{name}__support_tools.truth.json").read_text())
    return list(chain.from_iterable(session["messages"] for session in document["sessions"].values()))


def decoded(value):
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return value


def canonical(value):
    return json.dumps(decoded(value), sort_keys=True)


def said(message):
    """Return role, text and calls of a message as a span shows it."""
    parts = message[c.MESSAGE_CONTENTS] or ()
    text = message[c.MESSAGE_CONTENT] or "\n".join(part[c.PART_TEXT] or "" for part in parts)
    calls = [
        (call[c.CALL_NAME], canonical(call[c.CALL_ARGUMENTS] or "{}")) for call in message[c.MESSAGE_TOOL_CALLS] or ()
    ]
    role = message[c.MESSAGE_ROLE]
    return role, canonical(text) if role == "tool" else text.strip(), frozenset(calls)


def meant(message):
    """Return role, text and calls of a message of the truth."""
    text = message.get("content") or ""
    calls = [(call["name"], canonical(call["arguments"])) for call in message.get("tool_calls") or ()]
    role = message["role"]
    return role, canonical(text) if role == "tool" else text.strip(), frozenset(calls)


def halves(messages):
    """Return the messages with text and calls apart: some frameworks write them as two messages."""
    return {(role, *half) for role, text, calls in messages for half in ((text, frozenset()), ("", calls)) if any(half)}


def shown(name, *columns):
    calls = [row for row in rows(name) if row[c.SPAN_KIND] == "LLM"]
    messages = [message for row in calls for column in columns for message in row[column] or ()]
    return {said(message) for message in messages if message[c.MESSAGE_ROLE] != "system"}


@pytest.mark.parametrize("name", NAMES)
def test_model_calls_show_the_whole_conversation_and_nothing_else(name):
    """Words of the framework, wrapped texts and doubled results would all be messages that nobody said."""
    expected = halves(meant(message) for message in truth(name) if message["role"] != "system")
    assert halves(shown(name, c.INPUT_MESSAGES, c.OUTPUT_MESSAGES)) == expected


@pytest.mark.parametrize("name", NAMES)
def test_answers_are_the_assistants(name):
    """A reply that is a tool call to the framework is a reply to the user."""
    expected = {meant(message) for message in truth(name) if message["role"] == "assistant"}
    assert shown(name, c.OUTPUT_MESSAGES) == expected


@pytest.mark.parametrize("name", NAMES)
def test_tool_spans_have_arguments_and_results(name):
    """They are joined with the calls by what they were called with."""
    messages = truth(name)
    calls = [call for message in messages for call in message.get("tool_calls") or ()]
    tools = [row for row in rows(name) if row[c.SPAN_KIND] == "TOOL" and row[c.TOOL_NAME] != "final_answer"]
    found = {(row[c.TOOL_NAME], canonical(row[c.INPUT_VALUE])) for row in tools}
    assert found == {(call["name"], canonical(call["arguments"])) for call in calls}
    results = {canonical(message["content"]) for message in messages if message["role"] == "tool"}
    assert {canonical(row[c.OUTPUT_VALUE]) for row in tools} == results


@pytest.mark.parametrize("name", SILENT)
def test_without_content_no_message_is_invented(name):
    """A session without content is not an empty conversation, and not one of bare tool calls."""
    assert not [row for row in rows(name) if row[c.INPUT_MESSAGES] or row[c.OUTPUT_MESSAGES]]


def test_cut_message_lists_are_marked_and_say_nothing_false():
    """The value length limit cut the JSON in the middle."""
    expected = halves(meant(message) for message in truth("otel_genai_openai_trunc") if message["role"] != "system")
    found = halves(shown("otel_genai_openai_trunc", c.INPUT_MESSAGES, c.OUTPUT_MESSAGES))
    assert {
        item for item in found if item[0] != "truncated" and "…" not in item[1] and "\\u2026" not in item[1]
    } <= expected
    rows_cut = [
        row
        for row in rows("otel_genai_openai_trunc")
        if (row[c.INPUT_MESSAGES] or [{}])[-1].get(c.MESSAGE_ROLE) == "truncated"
    ]
    assert len(rows_cut) > 1
