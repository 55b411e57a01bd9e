"""`sessioneval compact`: fewer, larger files."""

from dataclasses import asdict
from pathlib import Path

import click

from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit
from sessioneval.cli.parameters import memory_option, store_argument
from sessioneval.store.compaction import Compaction
from sessioneval.store.compaction import compact as run_compact
from sessioneval.store.store import Store

_MEGABYTE = 1_000_000


@click.command("compact")
@store_argument
@memory_option
@output_options()
def command(*, store: Path, memory_bytes: int, destination: Destination) -> None:
    """Merge the files of each day into one, without duplicates.

    Safe while apps write and others read; it reads the same before and after.
    """
    done = run_compact(Store.existing(store), memory_bytes=memory_bytes)
    record = asdict(done)
    emit(Answer(columns=tuple(record), records=[record], whole=record, blocks=lambda: [_line(done)]), destination)


def _line(done: Compaction) -> str:
    return (
        f"{done.files_before} files ({done.bytes_before / _MEGABYTE:.1f} MB) became {done.files_after} "
        f"({done.bytes_after / _MEGABYTE:.1f} MB); {done.duplicates_removed} duplicate rows removed"
    )
