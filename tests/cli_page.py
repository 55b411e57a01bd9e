"""Writes docs/cli.md from the help texts: ``python tests/cli_page.py`` (a test compares the two)."""

from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

from sessioneval.cli.main import cli

PATH = Path(__file__).parents[1] / "docs" / "cli.md"
_WIDTH = 78  # click takes two off the 80 columns of a terminal
_HEAD = """# Command line

This page is the `--help` of each command; `python tests/cli_page.py` writes it.

Answers go to stdout (or to the file of `-o`), everything else to stderr; progress is shown only on a terminal. Without
`--format` the ending of `-o FILE` decides. A store is any directory that `register()` or `sessioneval import` wrote to.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | error: one line on stderr says what, which value, what is allowed, what to do |
| 2 | usage: an argument cannot be used |
| 3 | finished, but some evaluations failed (`evaluate`, `demo`) |
| 4 | stopped at the budget (`evaluate`) |
| 130 | stopped by Ctrl-C; finished evaluations are kept |

Times are ISO 8601 (UTC if no zone is named) or a duration ago; durations are whole numbers with `d`, `h`, `m`, `s`:
`30s`, `10m`, `1h30m`, `7d`.
"""


def commands(command: click.Command = cli, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return the path of each command, the program itself first."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


def help_text(path: tuple[str, ...]) -> str:
    """Return what ``sessioneval ... --help`` prints on 80 columns."""
    shown = CliRunner().invoke(cli, [*path, "--help"], prog_name="sessioneval", terminal_width=_WIDTH)
    assert shown.exit_code == 0, shown.output
    return shown.output


def page() -> str:
    """Return the whole page."""
    sections = (f"## {' '.join(('sessioneval', *path))}\n\n```text\n{help_text(path)}```\n" for path in commands())
    return "\n".join([_HEAD, *sections])


if __name__ == "__main__":
    PATH.write_text(page(), encoding="utf-8")
