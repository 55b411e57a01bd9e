"""What a command ends with: exit code and, where something is wrong, one line on stderr."""

from collections.abc import Callable

import click

from sessioneval.cli.cells import one_line
from sessioneval.errors import InputError, SessionEvalError

DONE = 0
ERROR = 1
USAGE = 2
SOME_FAILED = 3
OVER_BUDGET = 4
STOPPED = 130

_MAX_CHARS = 2_000


def exit_code_of(command: Callable[[], object]) -> int:
    """Run a command; every fault that is not ours becomes one line and an exit code."""
    try:
        code = command()
    except (click.ClickException, SessionEvalError, OSError) as error:
        text, code = _line(error)
        click.echo(f"error: {one_line(text, _MAX_CHARS)}", err=True)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; finished evaluations are kept, run the same command again to go on", err=True)
        code = STOPPED
    return code if isinstance(code, int) else DONE


def _line(error: click.ClickException | SessionEvalError | OSError) -> tuple[str, int]:
    if isinstance(error, click.UsageError):
        return _usage_line(error), USAGE
    if isinstance(error, click.ClickException):
        return error.format_message(), error.exit_code
    if isinstance(error, OSError):
        return _system_line(error), ERROR
    return str(error), USAGE if isinstance(error, InputError) else ERROR


def _usage_line(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "sessioneval"
    return f"{error.format_message().rstrip('.')}; see '{path} --help'"


def _system_line(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    return f"{error.strerror}: {str(error.filename)!r}" if error.filename is not None else error.strerror
