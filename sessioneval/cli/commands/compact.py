"""`sessioneval compact`: fewer, larger files."""

from dataclasses import asdict
from pathlib import Path

import click

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit
from sessioneval.cli.parameters import store_argument
from sessioneval.store.compaction import Compaction
from sessioneval.store.compaction import compact as run_compact
from sessioneval.store.store import Store

_MEGABYTE = 1_000_000


@click.command("compact")
@store_argument
@output_options()
def command(*, store: Path, destination: Destination) -> None:
    """Merge the files of each day into one, without duplicates.

    Safe while apps write and others read; it reads the same before and after.
    """
    done = run_compact(Store.existing(store))
    record = asdict(done)
    emit(Answer(columns=tuple(record), records=[record], whole=record, blocks=lambda: [_line(done)]), destination)


def _line(done: Compaction) -> str:
    return (
        f"{done.files_before} files ({done.bytes_before / _MEGABYTE:.1f} MB) became {done.files_after} "
        f"({done.bytes_after / _MEGABYTE:.1f} MB); {done.duplicates_removed} duplicate rows removed"
    )
