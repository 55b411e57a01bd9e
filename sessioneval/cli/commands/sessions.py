"""`sessioneval sessions`: one row per session."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.analysis.frames import sessions_frame
from sessioneval.cli.cells import loss_text, moment_text, seconds_text
from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.filters import filter_options
from sessioneval.cli.listing import listed
from sessioneval.cli.output import Answer, emit, table
from sessioneval.cli.parameters import memory_option, store_argument
from sessioneval.sessions.selection import Selection

_EVAL = "session_eval."
_LABEL = ".label"
_LOSS = "loss."
_SHARE = "loss.share"
_COLUMNS = {
    "session_id": "left",
    "start (UTC)": "left",
    "duration": "right",
    "turns": "right",
    "messages": "right",
    "tokens": "right",
    "errors": "right",
    "loss": "left",
}


@click.command("sessions")
@store_argument
@memory_option
@filter_options
@output_options()
def command(*, store: Path, memory_bytes: int, selection: Selection | None, destination: Destination) -> None:
    """List the sessions of a store: times, turns, tokens, errors, loss, evaluations.

    Programs get more columns than people: those of `sessioneval.sessions_df`.
    """
    frame = sessions_frame(listed(store, selection), memory_bytes=memory_bytes).reset_index()
    plain = frame.astype(object).where(frame.notna(), None)
    records: list[dict[str, Any]] = [
        {str(key): value for key, value in row.items()} for row in plain.to_dict("records")
    ]
    columns = [str(name) for name in frame.columns]
    emit(Answer(columns=columns, records=records, blocks=lambda: [_table(columns, records)]), destination)


def _table(columns: Sequence[str], records: Sequence[Mapping[str, Any]]) -> Table:
    names = [name.removeprefix(_EVAL).removesuffix(_LABEL) for name in columns if name.endswith(_LABEL)]
    headings = _COLUMNS | dict.fromkeys(names, "left")
    rows = ([*_cells(record), *(_evaluation(record, name) for name in names)] for record in records)
    return table(headings, rows, title=f"{len(records)} sessions")


def _cells(record: Mapping[str, Any]) -> list[str]:
    loss = {
        name.removeprefix(_LOSS): count for name, count in record.items() if name.startswith(_LOSS) and name != _SHARE
    }
    return [
        record["session_id"],
        moment_text(record["start_time"]),
        seconds_text(record["duration_seconds"]),
        *(str(record[name]) for name in ("n_turns", "n_messages", "total_tokens", "n_errors")),
        loss_text(loss),
    ]


def _evaluation(record: Mapping[str, Any], name: str) -> str:
    label, score = record[f"{_EVAL}{name}.label"], record[f"{_EVAL}{name}.score"]
    shown = label if label is not None else "" if score is None else f"{score:g}"
    return f"{shown} (stale)" if record[f"{_EVAL}{name}.is_stale"] else shown
