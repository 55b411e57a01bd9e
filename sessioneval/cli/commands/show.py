"""`sessioneval show`: one session."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.analysis.frames import transcript
from sessioneval.cli.cells import loss_text, one_line
from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit, table
from sessioneval.cli.parameters import store_argument
from sessioneval.errors import UnknownName
from sessioneval.model.evaluation_row import to_row
from sessioneval.model.transcript import LossReport, Transcript
from sessioneval.reader.listing import list_sessions
from sessioneval.store.store import Store

_COLUMNS = ("turn", "role", "content", "name", "agent", "tool_calls", "tool_call_id", "span_id")


@click.command("show")
@store_argument
@click.argument("session_id", metavar="SESSION_ID")
@click.option("--loss", "with_loss", is_flag=True, help="Also print the whole loss report.")
@output_options()
def command(*, store: Path, session_id: str, with_loss: bool, destination: Destination) -> None:
    r"""Show one session: its transcript, evaluations and what was lost.

    SESSION_ID may also be written as `sessioneval sessions` shows it, such as 'a\x00b' for an id with a NUL.
    JSON holds everything; the other formats have a row per message.
    """
    found = _found(store, session_id)
    evaluations = [to_row(evaluation) for evaluation in found.evaluations]
    answer = Answer(
        columns=_COLUMNS,
        records=[message.to_dict() for message in found.messages],
        whole={**found.to_dict(), "evaluations": evaluations},
        blocks=lambda: _blocks(found, with_loss=with_loss),
    )
    emit(answer, destination)


def _found(store: Path, session_id: str) -> Transcript:
    try:
        return transcript(store, session_id)
    except UnknownName:
        listing = list_sessions(Store.existing(store))
        same = [s.session.session_id for s in listing.sessions if one_line(s.session.session_id) == session_id]
        if len(same) != 1:
            raise
    return transcript(store, same[0])


def _blocks(found: Transcript, *, with_loss: bool) -> Iterator[str | Table]:
    yield str(found)
    if with_loss:
        yield ""
        yield _loss_table(found.loss)
    elif missing := loss_text(_flat(found.loss)):
        yield f"\nloss: {one_line(missing)} (--loss shows all)"


def _loss_table(loss: LossReport) -> Table:
    rows = [(name, str(count)) for name, count in _flat(loss).items()]
    reasons = [(f"  {reason}", str(count)) for reason, count in loss.spans_ignored.items()]
    ignored = [name for name, _ in rows].index("spans_ignored") + 1
    return table({"loss": "left", "n": "right"}, [*rows[:ignored], *reasons, *rows[ignored:]])


def _flat(loss: LossReport) -> Mapping[str, Any]:
    return loss.to_dict() | {"spans_ignored": sum(loss.spans_ignored.values())}
