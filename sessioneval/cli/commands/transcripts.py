"""`sessioneval transcripts`: one JSON line per session."""

from pathlib import Path

import click

from sessioneval.cli.destination import FORMATS, TEXT, Destination, output_options
from sessioneval.cli.filters import filter_options
from sessioneval.cli.listing import listed
from sessioneval.cli.output import Answer, emit
from sessioneval.cli.parameters import memory_option, store_argument
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.sessions.selection import Selection

_COLUMNS = ("session_id", "anchor_span_id", "start_time", "end_time", "n_traces", "n_spans", "messages", "loss")


@click.command("transcripts")
@store_argument
@memory_option
@filter_options
@output_options(["jsonl", *(form for form in FORMATS if form not in (TEXT, "jsonl"))])
def command(*, store: Path, memory_bytes: int, selection: Selection | None, destination: Destination) -> None:
    """Write one JSON line for each session: its messages in order, with roles, tool calls, spans and the loss report.

    Sessions come in the order in which the files of the store complete them.
    """
    listing = listed(store, selection)
    transcripts = read_transcripts(listing, memory_bytes=memory_bytes)
    records = (transcript.to_dict() for transcript in transcripts)
    emit(Answer(columns=_COLUMNS, records=records), destination)
