"""The columnar path gives what the exact path gives, and ordinary sessions take it."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_sessions import sessions
from span_factory import assistant, call, eventful_session, llm, span, system, table, tool, transcripts, turns, user

from sessioneval.reader.frames import frame
from sessioneval.sessions.batching import COLUMNS, KEYS, OF_TOOLS, OF_TOOLS_WITHOUT_ID, piece, span_batch
from sessioneval.sessions.columnar import assemble_batch
from sessioneval.sessions.grouping import group
from sessioneval.sessions.transcript_table import as_table, transcripts_of


def coded(column):
    """Return a column with dictionary codes for all its texts, as Parquet files are read."""
    if pa.types.is_string(column.type):
        return column.dictionary_encode()
    if pa.types.is_list(column.type):
        mask = column.is_null() if column.null_count else None
        return pa.ListArray.from_arrays(column.offsets, coded(column.values), mask=mask)
    if pa.types.is_struct(column.type):
        mask = column.is_null() if column.null_count else None
        names = [field.name for field in column.type]
        return pa.StructArray.from_arrays([coded(field) for field in column.flatten()], names=names, mask=mask)
    return column


def columnar(rows, cuts=()):
    """Return the transcripts that the columnar path makes of some rows, by session number, and which it left."""
    spans = table(*rows)
    grouping = group(spans)
    borders = [0, *sorted(cuts), spans.num_rows]
    pieces = []
    for start, end in pairwise(borders):
        part = spans.slice(start, end - start).combine_chunks()
        columns = {name: part.column(name).combine_chunks() for name in KEYS.names}
        for name in (*COLUMNS, *OF_TOOLS, *OF_TOOLS_WITHOUT_ID):
            columns[name] = coded(pa.concat_arrays(part.column(name).chunks))
        pieces.append(piece(pa.table(columns), np.arange(start, end), has_input_value=True))
    made = assemble_batch(span_batch(frame(grouping, np.arange(len(grouping.rows))), pieces))
    objects = transcripts_of(made.messages, made.losses, [grouping.sessions[n] for n in made.sessions.tolist()])
    return dict(zip(made.sessions.tolist(), objects, strict=True)), made.left.tolist()


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(sessions(), st.data())
def test_both_paths_give_one_transcript(rows, data):
    """Speed must not change what a judge reads, nor the loss report."""
    if not rows:
        return
    cuts = data.draw(st.sets(st.integers(1, len(rows) - 1), max_size=3)) if len(rows) > 1 else ()
    exact = transcripts(*rows)
    made, left = columnar(rows, cuts)
    assert sorted([*made, *left]) == list(range(len(exact)))
    for number, transcript in made.items():
        assert transcript == exact[number]


def chat(prompt="Be kind."):
    first = [system(prompt), user("hello")]
    second = [*first, assistant("hi"), user("more?")]
    return [llm(1, first, [assistant("hi")]), llm(2, second, [assistant("sure")], trace=2, at=5)]


def agent():
    sent = [user("weather?")]
    asked = assistant(None, call("c1", "weather", city="Oslo"), call("c2", "weather", city="Rome"))
    done = [*sent, asked, tool("rain", "c1"), tool("sun", "c2")]
    return [
        span(1, kind="AGENT", seconds=9, AGENT_NAME="boss", OUTPUT_VALUE="Rain and sun."),
        llm(2, sent, [asked], parent=1, at=1),
        span(3, kind="TOOL", parent=1, at=3, TOOL_NAME="weather", TOOL_CALL_ID="c1", OUTPUT_VALUE="rain"),
        span(4, kind="TOOL", parent=1, at=4, TOOL_NAME="weather", TOOL_CALL_ID="c2", STATUS_CODE="ERROR"),
        llm(5, [user("look")], [assistant("sun")], parent=4, at=4.2),
        llm(6, done, [assistant("Rain and sun.")], parent=1, at=6),
    ]


def with_delegate():
    rows = agent()
    rows.append(llm(7, [system("Rate."), user("The report")], [assistant("good")], parent=1, at=5))
    return rows


def without_results():
    return [row for row in agent() if row["context.span_id"] != f"{6:016x}"]


def retried():
    rows = chat()
    return [*rows, llm(9, [*rows[1]["attributes.llm.input_messages"]], [], trace=2, at=4, STATUS_CODE="ERROR")]


@pytest.mark.parametrize(
    "rows", [chat(), agent(), with_delegate(), without_results(), retried(), turns(4)], ids=range(6)
)
def test_ordinary_sessions_take_the_columnar_path(rows):
    """Speed would rot unseen if these were left to the exact path."""
    made, left = columnar(rows)
    assert left == []
    assert list(made.values()) == transcripts(*rows)


@pytest.mark.parametrize("rows", [eventful_session()], ids=["eventful"])
def test_odd_sessions_are_left(rows):
    """A second instrumentation, a title call and a plain turn are more than a chain."""
    assert columnar(rows) == ({}, [0])


@given(sessions(odd_share=1))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_tables_and_objects_say_the_same(rows):
    """Sessions of the exact path stand in the same tables as others."""
    exact = transcripts(*rows)
    made = as_table(exact)
    columns = [
        pa.concat_arrays(made.column(name).chunks) if made.num_rows else pa.nulls(0) for name in ("messages", "loss")
    ]
    if exact:
        assert list(transcripts_of(*columns, [each.session for each in exact])) == exact
