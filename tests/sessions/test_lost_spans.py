"""Any one span of a recording may be missing: the rest is assembled, and every span of it is accounted for."""

from pathlib import Path

import pyarrow as pa
import pytest
from shared_data import RECORDINGS, needs_recordings

from sessioneval.ingest.sources import read_source
from sessioneval.sessions.assembly import assemble
from sessioneval.sessions.grouping import group
from sessioneval.sessions.span_view import span_views

FIXTURES = sorted(
    file
    for file in (Path(__file__).parents[1] / "recordings" / "fixtures").glob("*.jsonl.gz")
    if ".logs." not in file.name
)
SHARED = sorted(RECORDINGS.glob("*__support_tools.jsonl")) if RECORDINGS is not None else []
# Spans of a recording that are left out in turn, evenly chosen.
MOST_TRIED, MOST_TRIED_OF_SHARED = 6, 2


def spans_of(file):
    """Return the spans of a file, each once, as a store gives them."""
    spans = pa.concat_tables(batch.table for batch in read_source(file)).combine_chunks()
    names = zip(spans.column("context.trace_id").to_pylist(), spans.column("context.span_id").to_pylist(), strict=True)
    return spans.take(pa.array({name: row for row, name in enumerate(names)}.values()))


def assembled(spans):
    """Return the transcripts of all sessions of a table of spans."""
    return [assemble(session, span_views(spans.take(pa.array(rows)))) for session, rows in group(spans)]


def without_row(spans, row):
    return pa.concat_tables([spans.slice(0, row), spans.slice(row + 1)])


def check(file, most):
    spans = spans_of(file)
    step = -(-len(spans) // most)
    for row in range(0, len(spans), step):
        left = without_row(spans, row)
        made = assembled(left)
        for one in made:
            assert one.loss.spans_seen == one.loss.spans_used + sum(one.loss.spans_ignored.values())
            assert one.loss.spans_seen == one.session.n_spans
        assert sum(one.session.n_spans for one in made) <= len(left)


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.name.removesuffix(".jsonl.gz"))
def test_recording_without_any_one_span_is_assembled_and_accounted_for(file):
    """Exporters drop spans, processes die, roots never come: what is there is still read, and adds up."""
    check(file, MOST_TRIED)


@needs_recordings
@pytest.mark.parametrize("file", SHARED, ids=lambda file: file.name.removesuffix("__support_tools.jsonl"))
def test_shared_recording_without_any_one_span_is_assembled_and_accounted_for(file):
    """The same for every framework that was recorded."""
    check(file, MOST_TRIED_OF_SHARED)


@pytest.mark.parametrize("file", FIXTURES[:6], ids=lambda file: file.name.removesuffix(".jsonl.gz"))
def test_losing_the_root_of_the_last_turn_changes_no_message(file):
    """A process that dies inside a turn exports no root, yet the model calls below it say all."""
    spans = spans_of(file)
    parents = spans.column("parent_id").to_pylist()
    starts = spans.column("start_time").to_pylist()
    children = set(parents)
    roots = [
        row
        for row, one in enumerate(spans.column("context.span_id").to_pylist())
        if one in children and not parents[row]
    ]
    left = without_row(spans, max(roots, key=starts.__getitem__))

    whole, cut = (assembled(table)[0] for table in (spans, left))
    said = [[(one.role, one.content) for one in made.messages] for made in (whole, cut)]
    assert said[1] == said[0]
