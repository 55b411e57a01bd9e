"""`sessioneval evaluators`: what there is to judge with, and a rubric file to begin with."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from sessioneval.cli.command_line import NamedCommands
from sessioneval.cli.destination import Destination, output_options
from sessioneval.cli.evaluator_records import evaluator_record, listed_record
from sessioneval.cli.output import Answer, emit, note, table
from sessioneval.cli.parameters import EVALUATOR, PATH
from sessioneval.errors import InputError
from sessioneval.evaluators.registry import names
from sessioneval.evaluators.rubric_template import rubric_template
from sessioneval.model.display import visible

_COLUMNS = ("name", "annotator_kind", "version", "labels", "direction", "description", "source")
_SINGLE = {
    "name": "name",
    "annotator_kind": "kind",
    "version": "version",
    "source": "source",
    "direction": "direction",
    "description": "description",
    "fields": "fields",
    "skip_reasons": "skipped when",
    "reference": "held against",
    "tools": "is shown the tools",
    "needs_context": "reads the context",
}


@click.group("evaluators", cls=NamedCommands, invoke_without_command=True)
@output_options()
@click.pass_context
def command(ctx: click.Context, *, destination: Destination) -> None:
    """List the evaluators, show one, or begin one.

    Evaluators of kind LLM ask a model; those of kind CODE are free.
    """
    if ctx.invoked_subcommand is None:
        records = [listed_record(name) for name in names()]
        emit(Answer(columns=_COLUMNS, records=records, blocks=lambda: [_table(records)]), destination)


@command.command("show")
@click.argument("evaluator", metavar="EVALUATOR", type=EVALUATOR)
@output_options()
def show(*, evaluator: str | Path, destination: Destination) -> None:
    """Show one evaluator: a name, or a rubric file that ends in .toml.

    For a judge that is the whole rubric, and the prompt as it would be sent about a placeholder of a session.
    """
    record = evaluator_record(evaluator)
    emit(Answer(columns=tuple(record), records=[record], whole=record, blocks=lambda: _blocks(record)), destination)


@command.command("init")
@click.argument("name", metavar="NAME")
@click.option("-o", "--output", "path", type=PATH, metavar="FILE", help="By default NAME.toml.")
def init(*, name: str, path: Path | None) -> None:
    """Write a rubric file to begin with.

    Every key with its meaning, ready to be judged with. A file that is there is never overwritten.
    """
    text = rubric_template(name)
    if name in names():
        raise InputError(f"evaluator {name!r} exists already; choose another name")
    target = _rubric_path(path or Path(f"{name}.toml"))
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{str(target)!r} exists already and stays as it is; choose another with -o FILE") from None
    note(f"{target} written; next: sessioneval evaluators show {target}")


def _rubric_path(path: Path) -> Path:
    if path.suffix != ".toml":
        raise InputError(f"rubric file {str(path)!r} is not allowed: its name must end in .toml")
    return path


def _table(records: list[dict[str, Any]]) -> Table:
    columns = dict.fromkeys(("name", "kind", "source", "labels with their scores", "description"), "left")
    return table(columns, (_cells(record) for record in records))


def _cells(record: Mapping[str, Any]) -> tuple[str, ...]:
    labels = ", ".join(f"{label} {score:g}" for label, score in record["labels"].items())
    kind, source = record["annotator_kind"] or "", record.get("source") or ""
    return record["name"], kind, source, labels, record["description"].partition("\n")[0]


def _blocks(record: Mapping[str, Any]) -> Iterator[str | Table]:
    single = ((title, _cell(record[key])) for key, title in _SINGLE.items() if key in record)
    yield table({"evaluator": "left", "": "left"}, [row for row in single if row[1]])
    if "\n" in record["description"]:
        yield f"\n{visible(record['description'])}"
    yield from _labels(record)
    yield from _checklist(record)
    if "question" in record:
        yield f"\nQuestion\n\n{visible(record['question'].strip())}"
    for message in record.get("prompt", ()):
        yield f"\n--- prompt, {message['role']} ---\n{visible(message['content'])}"


def _cell(value: object) -> str:
    """Return a value as one cell; empty for what is not there."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list):
        return ", ".join(value)
    # A text of several lines stands below the table.
    return "" if "\n" in str(value) else str(value or "")


def _labels(record: Mapping[str, Any]) -> Iterator[str | Table]:
    definitions = record.get("definitions", {})
    rows = [(label, f"{score:g}", definitions.get(label, "")) for label, score in record["labels"].items()]
    if rows:
        yield ""
        yield table({"label": "left", "score": "right", "holds when": "left"}, rows)
    asked = record.get("asked_labels", ())
    if not {*record["labels"]} <= {*asked} and asked:
        yield f"The model answers one of {', '.join(asked)}; code makes the label of its answers."


def _checklist(record: Mapping[str, Any]) -> Iterator[str | Table]:
    rows = [
        (item["id"] + (" (any number)" if item["open"] else ""), ", ".join(item["answers"]), item["question"])
        for item in record.get("checklist", ())
    ]
    if rows:
        yield ""
        yield table(dict.fromkeys(("checklist", "answers", "question"), "left"), rows)
