"""`sessioneval demo`: the whole pipeline, on this machine."""

import itertools
from pathlib import Path

import click

from sessioneval.cli.output import console
from sessioneval.cli.parameters import PATH


@click.command("demo")
@click.option("--store", type=PATH, metavar="DIR", help="Where the spans go; by default a new directory demo-traces.")
@click.option("--model", metavar="NAME", help="A real model in place of the stand-in; its key is OPENAI_API_KEY.")
@click.option("--base-url", metavar="URL", help="Any OpenAI-compatible address.")
@click.pass_context
def command(ctx: click.Context, *, store: Path | None, model: str | None, base_url: str | None) -> None:
    """Run the whole pipeline on this machine: trace an app, store its spans, judge its sessions, print the result.

    Without --model, app and judge talk to the stand-in, which answers by written rules: no key, no network.
    """
    # Needs the extra `demo`; --help works without it.
    from sessioneval.testing.demo.pipeline import run

    directory = store or _new_directory(Path("demo-traces"))
    ctx.exit(run(directory, model=model, base_url=base_url, console=console()).exit_code)


def _new_directory(wanted: Path) -> Path:
    """Return `wanted`, or with the first number appended for which there is no such path yet."""
    numbered = (wanted.with_name(f"{wanted.name}-{number}") for number in itertools.count(2))
    return next(path for path in itertools.chain([wanted], numbered) if not path.exists())
