"""Types of command-line values; what cannot be used is a usage error that names its option."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from sessioneval.cli.durations import parse_duration, parse_moment
from sessioneval.cli.sizes import parse_size
from sessioneval.errors import InputError

Parser = Callable[[str], Any]


def usage_error(parse: Parser) -> Parser:
    """Return a type of option values from a function that raises `InputError`."""

    @functools.wraps(parse)
    def convert(value: str) -> Any:
        try:
            return parse(value)
        except InputError as error:
            raise click.BadParameter(str(error)) from error

    return convert


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise InputError(f"{text!r} is no KEY=VALUE; write the key, an equals sign and the value")
    return key, value


def _path(text: str) -> Path:
    if not text or "\0" in text:
        raise InputError(f"{text!r} is no path")
    return Path(text)


def _evaluator(text: str) -> str | Path:
    return _path(text) if text.endswith(".toml") else text


DURATION = usage_error(parse_duration)
MOMENT = usage_error(parse_moment)
PAIR = usage_error(_pair)
PATH = usage_error(_path)
SIZE = usage_error(parse_size)
EVALUATOR = usage_error(_evaluator)

memory_option = click.option(
    "--memory",
    "memory_bytes",
    type=SIZE,
    metavar="SIZE",
    default="512M",
    show_default=True,
    help="What spans may take while they are read, such as 2G; what does not fit waits on the disk.",
)
store_argument = click.argument("store", metavar="DIR", type=PATH)
