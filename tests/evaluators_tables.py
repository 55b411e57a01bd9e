"""The tables of docs/evaluators.md, for the tests that hold them against the code."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "evaluators.md"


def rows(heading):
    """Return the cells of each row of the table below a heading."""
    section = re.split(rf"^## {re.escape(heading)}$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1]
    lines = section.split("\n## ")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| (`|any )", line)]


def table():
    """Return name to kind, system, labels and fields."""
    return {name.strip("`"): cells for name, *cells in rows("Table")}


def coded(cell):
    """Return the names that a cell shows as code."""
    return re.findall(r"`(\w+)`", cell)


def fields_of(name):
    """Return the fields of an evaluator, as the first table has them."""
    return coded(table()[name][3])
