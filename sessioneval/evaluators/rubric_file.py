"""A rubric's TOML file as the arguments of a rubric."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.rubric_parts import ChecklistItem, Example, shown

_REQUIRED = ("name", "version", "question", "labels")
_OPTIONAL = ("definitions", "direction", "description", "checklist", "examples", "reference", "tools", "variables")
_TABLES = ("labels", "definitions", "variables")
_LISTS = ("checklist", "examples")
_TYPES: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    **dict.fromkeys(_TABLES, (dict, "a table")),
    **dict.fromkeys(_LISTS, (list, "a list of tables, each under [[{key}]]")),
    "reference": ((str, list), "a text in quotes or a list of them"),
    "tools": (bool, "true or false"),
}
_TEXT = (str, "a text in quotes")
_LABEL_KEYS = ("score", "definition")
_ITEM_KEYS = ("id", "question", "answers", "open")
_EXAMPLE_KEYS = ("session", "split", "excerpt", "label", "reason")

Part = TypeVar("Part")


def rubric_values(path: Path) -> dict[str, Any]:
    """Return the arguments of the rubric that a file describes.

    Raises:
        InputError: The file cannot be read, or a key or the type of a value is not allowed.
    """
    table = _checked_keys(_loaded(path))
    labels, definitions = _labels(table["labels"], table.get("definitions", {}))
    return {
        **table,
        "labels": labels,
        "definitions": definitions,
        "checklist": tuple(_part("checklist", each, _ITEM_KEYS, _item) for each in table.get("checklist", [])),
        "examples": tuple(_part("examples", each, _EXAMPLE_KEYS, _example) for each in table.get("examples", [])),
    }


def _loaded(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("there is no such file; give the path of a .toml file") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"is not valid UTF-8 TOML: {error}") from error


def _checked_keys(table: dict[str, Any]) -> dict[str, Any]:
    _check_known("key", table, (*_REQUIRED, *_OPTIONAL))
    if missing := [key for key in _REQUIRED if key not in table]:
        raise InputError(f"key {missing[0]!r} is missing; required: {', '.join(_REQUIRED)}")
    for key, value in table.items():
        expected, wanted = _TYPES.get(key, _TEXT)
        if not isinstance(value, expected):
            raise InputError(f"{key} is {shown(value)}; it must be {wanted.format(key=key)}")
    return table


def _labels(labels: dict[str, Any], definitions: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return scores and definitions by label, from ``good = 1.0`` and from ``[labels.good]`` alike."""
    scores: dict[str, Any] = {}
    told = dict(definitions)
    for label, value in labels.items():
        entry = value if isinstance(value, dict) else {"score": value}
        _check_known(f"key in labels.{label}", entry, _LABEL_KEYS)
        if "score" not in entry:
            raise InputError(f"label {shown(label)} has no score; write score = 1.0 under [labels.{label}]")
        if "definition" in entry and label in definitions:
            raise InputError(f"label {shown(label)} is defined twice, in [labels.{label}] and in [definitions]")
        scores[label] = entry["score"]
        told |= {label: entry["definition"]} if "definition" in entry else {}
    return scores, told


def _part(key: str, entry: object, keys: tuple[str, ...], make: Callable[[dict[str, Any]], Part]) -> Part:
    if not isinstance(entry, dict):
        raise InputError(f"{key} holds {shown(entry)}; it must hold tables, each under [[{key}]]")
    _check_known(f"key in {key}", entry, keys)
    try:
        return make(entry)
    except KeyError as missing:
        raise InputError(f"an entry of {key} has no {missing.args[0]!r}; it has {', '.join(entry)}") from None


def _item(entry: dict[str, Any]) -> ChecklistItem:
    answers, is_open = entry.get("answers", []), entry.get("open", False)
    if not isinstance(answers, list) or not isinstance(is_open, bool):
        wrong = f"answers = {shown(answers)}, open = {shown(is_open)}"
        raise InputError(f"checklist item {shown(entry['id'])} has {wrong}; give a list of texts, and true or false")
    return ChecklistItem(id=entry["id"], question=entry["question"], answers=tuple(answers), is_open=is_open)


def _example(entry: dict[str, Any]) -> Example:
    required = {key: entry[key] for key in ("session", "split", "excerpt", "label")}
    return Example(**required, reason=entry.get("reason", ""))


def _check_known(what: str, table: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in table:
        if key not in known:
            raise UnknownName.among(what, key, known)
