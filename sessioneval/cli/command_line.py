"""A click group that imports a command only when it is run."""

import importlib
import sys
from collections.abc import Mapping
from typing import Any, NoReturn

import click

from sessioneval.cli.faults import exit_code_of
from sessioneval.errors import UnknownName


class NamedCommands(click.Group):
    """A group that names the nearest command when one is mistyped."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that `args` name.

        Raises:
            UnknownName: There is none.
        """
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise UnknownName.among("command", args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)


class CommandLine(NamedCommands):
    """The whole command line.

    Args:
        modules: Command to its module, whose `command` is run.
        summaries: Command to its line in the overview, which therefore imports no command.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], summaries: Mapping[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self._modules = modules
        self._summaries = summaries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of a user's journey."""
        del ctx
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        del ctx
        if cmd_name not in self._modules:
            return None
        command: click.Command = importlib.import_module(self._modules[cmd_name]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self._summaries.items()))

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Run and exit; see `faults` for what becomes of errors."""
        options["standalone_mode"] = False
        sys.exit(exit_code_of(lambda: super(CommandLine, self).main(*args, **options)))
