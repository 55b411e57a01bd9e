"""`sessioneval export`: spans with their evaluations as one file."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import click
import pyarrow as pa
import pyarrow.parquet as pq

from sessioneval.analysis.span_export import span_tables
from sessioneval.cli.atomic_file import atomic_file
from sessioneval.cli.filters import filter_options
from sessioneval.cli.output import note
from sessioneval.cli.parameters import PATH, memory_option, store_argument
from sessioneval.cli.records import write_records
from sessioneval.sessions.selection import Selection
from sessioneval.store.layout import leaf_columns
from sessioneval.store.publication import DICTIONARY_PAGE_BYTES

_Tables = Iterator[pa.Table]


@click.command("export")
@store_argument
@click.option(
    "-o", "--output", required=True, type=PATH, metavar="FILE", help="Its ending decides: .parquet, .csv or .jsonl."
)
@memory_option
@filter_options
def command(*, store: Path, output: Path, memory_bytes: int, selection: Selection | None) -> None:
    """Write the spans of a store to one file, with session_eval.* on each session's anchor row.

    In CSV, nested values are JSON, and a text that a spreadsheet would run as a formula (it starts with = + - @, a tab
    or a line end) gets a leading apostrophe. FILE is replaced when it is whole.
    """
    write = _WRITERS.get(output.suffix.lower())
    if write is None:
        raise click.BadParameter(f"{str(output)!r} must end in {', '.join(_WRITERS)}", param_hint="'-o'")
    tables = span_tables(store, selection, memory_bytes=memory_bytes)
    # Before the file is opened: a wrong store is told without touching it.
    empty = next(tables)
    with atomic_file(output) as file:
        n_spans = write(itertools.chain([empty], tables), file)
    note(f"{n_spans} spans written to {str(output)!r}")


def _write_parquet(tables: _Tables, file: BinaryIO) -> int:
    empty = next(tables)
    options = {"use_dictionary": leaf_columns(empty.schema), "dictionary_pagesize_limit": DICTIONARY_PAGE_BYTES}
    n_spans = 0
    with pq.ParquetWriter(file, empty.schema, compression="zstd", **options) as writer:
        for table in tables:
            writer.write_table(table)
            n_spans += table.num_rows
    return n_spans


def _records_writer(form: str) -> Callable[[_Tables, BinaryIO], int]:
    def write(tables: _Tables, file: BinaryIO) -> int:
        empty = next(tables)
        counter = itertools.count()
        records = (row for table in tables for row, _ in zip(table.to_pylist(), counter, strict=False))
        write_records(records, empty.column_names, form, file)
        return next(counter)

    return write


_WRITERS: dict[str, Callable[[_Tables, BinaryIO], int]] = {
    ".parquet": _write_parquet,
    ".csv": _records_writer("csv"),
    ".jsonl": _records_writer("jsonl"),
}
