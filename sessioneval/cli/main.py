"""The command `sessioneval`."""

import logging

import click

from sessioneval.cli.cells import one_line
from sessioneval.cli.command_line import CommandLine

_COMMANDS = {
    "demo": ("demo", "Run the whole pipeline on this machine; no key is needed."),
    "import": ("import_files", "Bring files of spans into a store."),
    "sessions": ("sessions", "List the sessions of a store."),
    "show": ("show", "Show one session: transcript, evaluations, loss."),
    "transcripts": ("transcripts", "Write one JSON line for each session."),
    "evaluate": ("evaluate", "Judge the sessions of a store."),
    "runs": ("runs", "List the runs of a store: counts, tokens, money, state."),
    "export": ("export", "Write spans with their evaluations to one file."),
    "stitch": ("stitch", "Find sessions for traces without a session id."),
    "compact": ("compact", "Merge the small files of a store."),
    "evaluators": ("evaluators", "List the evaluators, show one, or begin one."),
    "stand-in": ("stand_in", "Serve the stand-in model; it is no language model."),
}


@click.group(
    cls=CommandLine,
    modules={name: f"sessioneval.cli.commands.{module}" for name, (module, _) in _COMMANDS.items()},
    summaries={name: summary for name, (_, summary) in _COMMANDS.items()},
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="sessioneval", message="%(prog)s %(version)s")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Evaluate whole sessions of LLM apps and agents from their OpenTelemetry traces.

    Exit codes: 0 done, 1 error, 2 usage, 3 finished but some evaluations failed, 4 stopped
    at the budget.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


class _OneLine(logging.Formatter):
    """Log records as the warnings of the command line look."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {one_line(record.getMessage())}"


def main() -> None:
    """Run the command line and exit."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_OneLine())
    cli(prog_name="sessioneval")
