"""`sessioneval evaluators`: what there is to judge with."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.cli.command_line import NamedCommands
from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.output import Answer, emit, table
from sessioneval.cli.parameters import EVALUATOR
from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.registry import evaluator_named, names
from sessioneval.evaluators.rubric import Rubric

_COLUMNS = ("name", "annotator_kind", "version", "labels", "direction", "description")


@click.group("evaluators", cls=NamedCommands, invoke_without_command=True)
@output_options()
@click.pass_context
def command(ctx: click.Context, *, destination: Destination) -> None:
    """List the evaluators, or show one.

    Evaluators of kind LLM ask a model; those of kind CODE are free.
    """
    if ctx.invoked_subcommand is None:
        records = [_listed(name) for name in names()]
        emit(Answer(columns=_COLUMNS, records=records, blocks=lambda: [_table(records)]), destination)


@command.command("show")
@click.argument("evaluator", metavar="EVALUATOR", type=EVALUATOR)
@output_options()
def show(*, evaluator: str | Path, destination: Destination) -> None:
    """Show one evaluator: a name, or a rubric file that ends in .toml."""
    found = Rubric.from_file(evaluator) if isinstance(evaluator, Path) else evaluator_named(evaluator)
    record = _record(found)
    emit(Answer(columns=tuple(record), records=[record], whole=record, blocks=lambda: _blocks(record)), destination)


def _listed(name: str) -> dict[str, Any]:
    """Return the record of an evaluator; a package that cannot be loaded says so in its line."""
    try:
        return _record(evaluator_named(name))
    except InputError as error:
        return {"name": name, "annotator_kind": None, "version": None, "labels": {}, "description": str(error)}


def _record(found: Rubric | Evaluator) -> dict[str, Any]:
    if isinstance(found, Rubric):
        return {
            "name": found.name,
            "annotator_kind": "LLM",
            "version": found.version,
            "labels": dict(found.labels),
            "direction": found.direction,
            "description": found.description,
            "question": found.question,
            "definitions": dict(found.definitions),
        }
    return {
        "name": found.name,
        "annotator_kind": found.annotator_kind,
        "version": getattr(found, "version", None),
        "labels": dict(found.labels),
        "description": (found.__doc__ or "").strip(),
    }


def _table(records: list[dict[str, Any]]) -> Table:
    columns = dict.fromkeys(("name", "kind", "labels with their scores", "description"), "left")
    return table(columns, (_cells(record) for record in records))


def _cells(record: Mapping[str, Any]) -> tuple[str, str, str, str]:
    labels = ", ".join(f"{label} {score:g}" for label, score in record["labels"].items())
    return record["name"], record["annotator_kind"] or "", labels, record["description"].partition("\n")[0]


def _blocks(record: Mapping[str, Any]) -> Iterator[str | Table]:
    single = {key: str(value) for key, value in record.items() if isinstance(value, str) and key != "question"}
    yield table({"evaluator": "left", "": "left"}, single.items())
    definitions = record.get("definitions", {})
    rows = [(label, f"{score:g}", definitions.get(label, "")) for label, score in record["labels"].items()]
    if rows:
        yield ""
        yield table({"label": "left", "score": "right", "holds when": "left"}, rows)
    if "question" in record:
        yield f"\n{record['question'].strip()}"
