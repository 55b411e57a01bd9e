"""`sessioneval stitch`: sessions for traces without a session id."""

from dataclasses import asdict
from pathlib import Path

import click

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit
from sessioneval.cli.parameters import store_argument
from sessioneval.runs.stitching import Stitching, stitch_store
from sessioneval.sessions.stitching import DEFAULT_MIN_CONFIDENCE


@click.command("stitch")
@store_argument
@click.option(
    "--min-confidence",
    type=float,
    default=DEFAULT_MIN_CONFIDENCE,
    show_default=True,
    help="1: the whole history was repeated; 0.5: the last exchange was; divided by the number of talks that fit.",
)
@output_options()
def command(*, store: Path, min_confidence: float, destination: Destination) -> None:
    """Find sessions for traces that carry no session id.

    A trace continues an earlier one if its messages begin with everything that was said there. Spans stay as they
    are; the column stitch_confidence of `sessioneval sessions` shows how sure each session is, and removing the
    folder stitches/ of the store undoes it.
    """
    done = stitch_store(store, min_confidence)
    record = asdict(done)
    emit(Answer(columns=tuple(record), records=[record], whole=record, blocks=lambda: [_line(done)]), destination)


def _line(done: Stitching) -> str:
    weakest = "" if done.min_confidence is None else f", the weakest link at {done.min_confidence:.2f}"
    return (
        f"{done.n_traces} traces without a session id are {done.n_sessions} sessions now; {done.n_new_traces} traces "
        f"are new, {done.n_joined} sessions have several traces{weakest}"
    )
