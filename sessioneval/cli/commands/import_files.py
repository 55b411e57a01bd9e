"""`sessioneval import`: files of spans into a store."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.faults import DONE, ERROR
from sessioneval.cli.live import import_progress
from sessioneval.cli.output import Answer, emit, note, table
from sessioneval.cli.parameters import PATH
from sessioneval.runs.importing import ImportReport
from sessioneval.runs.importing import import_files as run_import
from sessioneval.store.store import Store


@click.command("import")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=PATH)
@click.option("--store", required=True, type=PATH, metavar="DIR", help="The store; made if it is missing.")
@output_options()
@click.pass_context
def command(ctx: click.Context, *, sources: tuple[Path, ...], store: Path, destination: Destination) -> None:
    """Bring files of spans into a store.

    A SOURCE is a file, or a directory of files: OTLP JSON or protobuf, plain, .gz or .zst, in any framing of the
    collector's file exporter, or a span DataFrame of Phoenix or Arize saved as Parquet. Importing a file again adds
    nothing. What cannot be stored is counted by reason. Exits with 1 if no file could be read to its end.
    """
    with import_progress() as on_progress:
        report = run_import(sources, Store(store), on_progress)
    emit(_answer(report, store), destination)
    for reason in report.failed_files.values():
        note(f"error: {reason}")
    ctx.exit(ERROR if _all_failed(report, sources) else DONE)


def _all_failed(report: ImportReport, sources: Iterable[Path]) -> bool:
    """Return whether each source failed, or files of directories did and nothing else came through."""
    each = {str(source) for source in sources} <= set(report.failed_files)
    return each or (bool(report.failed_files) and report.new + report.duplicate == 0)


def _answer(report: ImportReport, store: Path) -> Answer:
    counts = {"read": report.read, "new": report.new, "duplicate": report.duplicate, "rejected": report.n_rejected}
    rows: list[dict[str, Any]] = [
        *({"outcome": outcome, "reason": None, "spans": n} for outcome, n in counts.items() if outcome != "rejected"),
        *({"outcome": "rejected", "reason": reason, "spans": n} for reason, n in sorted(report.rejected.items())),
    ]
    whole = {
        "store": str(store),
        **counts,
        "rejected_by_reason": dict(sorted(report.rejected.items())),
        "failed_files": report.failed_files,
    }
    return Answer(
        columns=("outcome", "reason", "spans"), records=rows, whole=whole, blocks=lambda: [_table(counts, report)]
    )


def _table(counts: dict[str, Any], report: ImportReport) -> Table:
    reasons = [(f"  {reason}", str(n)) for reason, n in report.rejected.most_common()]
    return table({"spans": "left", "n": "right"}, [*((name, str(n)) for name, n in counts.items()), *reasons])
