"""All printing: answers to stdout or a file, notes to stderr, as tables for people or records for programs."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sessioneval.cli.atomic_file import atomic_file
from sessioneval.cli.cells import one_line
from sessioneval.cli.destination import TEXT, Destination
from sessioneval.cli.records import Record, json_text, text_over, write_records

# Wider than any row, so that nothing is cut or wrapped where no person looks on.
_UNBOUNDED_COLUMNS = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a command found out.

    Attributes:
        columns: Columns of the records.
        records: Rows for programs; may be a stream.
        whole: What ``json`` shows in place of the list of records.
        blocks: Makes the texts and tables for people; only called when they are shown.
    """

    columns: Sequence[str]
    records: Iterable[Record]
    whole: Mapping[str, Any] | None = None
    blocks: Callable[[], Iterable[str | Table]] = field(default=tuple)


def emit(answer: Answer, destination: Destination) -> None:
    """Print an answer, or write it to its file all at once.

    Raises:
        OSError: The file cannot be written.
    """
    if destination.form == TEXT:
        with _text_file(destination.path) as text_file:
            _write_blocks(answer.blocks(), text_file)
        return
    with _binary_file(destination.path) as file:
        if destination.form == "json" and answer.whole is not None:
            file.write(json_text(answer.whole).encode() + b"\n")
        else:
            write_records(answer.records, answer.columns, destination.form, file)


def table(columns: Mapping[str, str], rows: Iterable[Sequence[str]], title: str | None = None) -> Table:
    """Return a table for people; no cell is read as markup or cut.

    Args:
        columns: Heading to justification, ``left`` or ``right``.
        rows: Cells, as text that may hold anything.
        title: Shown above.
    """
    made = Table(box=box.SIMPLE_HEAD, title=title and Text(one_line(title)), title_justify="left", show_edge=False)
    for heading, justify in columns.items():
        made.add_column(Text(one_line(heading)), justify="right" if justify == "right" else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(one_line(cell)) for cell in row))
    return made


def warn(text: str) -> None:
    """Print one line on stderr: something is not as it should be, and the command goes on."""
    note(f"warning: {text}")


def note(text: str) -> None:
    """Print one line on stderr."""
    click.echo(one_line(text), err=True)


def console(file: TextIO | None = None) -> Console:
    """Return a console on stdout (or a file) that reads no markup and cuts nothing where no person looks on."""
    stream = file or _stdout()
    width = None if stream.isatty() else _UNBOUNDED_COLUMNS
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False, soft_wrap=width is not None)


def _write_blocks(blocks: Iterable[str | Table], file: TextIO) -> None:
    for block in blocks:
        if isinstance(block, str):
            file.write(block + "\n")
        else:
            console(file).print(block)


def _stdout() -> TextIO:
    """Return stdout such that what its encoding lacks is shown as escapes."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return sys.stdout


@contextmanager
def _text_file(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield _stdout()
        return
    with atomic_file(path) as file, text_over(file) as text:
        yield text


@contextmanager
def _binary_file(path: Path | None) -> Iterator[BinaryIO]:
    if path is None:
        stdout = sys.stdout.buffer
        yield stdout
        stdout.flush()
        return
    with atomic_file(path) as file:
        yield file
