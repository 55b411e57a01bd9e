"""The options that say where an answer goes, and in which format."""

import functools
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sessioneval.cli.parameters import PATH

TEXT = "text"
FORMATS = (TEXT, "json", "jsonl", "csv", "parquet")


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where an answer goes, and in which of `FORMATS`; no path is stdout."""

    form: str
    path: Path | None = None


def output_options(formats: Sequence[str] = FORMATS) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add ``--format`` and ``-o`` to a command; it gets them as `destination`. The first format is the default."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        options = (
            click.option(
                "--format",
                "form",
                type=click.Choice(formats),
                help=f"By default that of FILE's ending, else {formats[0]}.",
            ),
            click.option(
                "-o", "--output", "path", type=PATH, metavar="FILE", help="Write to this file, not to stdout."
            ),
        )

        @functools.wraps(command)
        def with_destination(*args: Any, form: str | None, path: Path | None, **rest: Any) -> Any:
            return command(*args, destination=_destination(form, path, formats), **rest)

        for option in reversed(options):
            with_destination = option(with_destination)
        return with_destination

    return decorate


def _destination(form: str | None, path: Path | None, formats: Sequence[str]) -> Destination:
    by_ending = path.suffix[1:] if path is not None and path.suffix[1:] in formats else formats[0]
    chosen = form or by_ending
    if chosen == "parquet" and path is None and sys.stdout.isatty():
        raise click.UsageError("parquet is not for a terminal; give -o FILE, or send stdout to a file or program")
    return Destination(form=chosen, path=path)
