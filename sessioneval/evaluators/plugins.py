"""Evaluators and rubrics of other packages, found through entry points."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.rubric import Rubric, checked_score
from sessioneval.model.evaluation import check_evaluator_name

GROUP = "sessioneval.evaluators"


def plugin_names() -> tuple[str, ...]:
    """Return the names that installed packages register; loads none of them."""
    return tuple(sorted(entry_points(group=GROUP).names))


def plugin_package(name: str) -> str:
    """Return which package registers `name`, with its version; loads nothing.

    Raises:
        InputError: No package does, or two of them do.
    """
    return _package(_entry(name))


def plugin_named(name: str) -> Rubric | Evaluator:
    """Load what a package registers under `name`.

    Raises:
        InputError: It cannot be imported, is neither a Rubric nor an Evaluator, calls itself differently, has a
            name or labels that are not allowed, or two packages register the name.
    """
    entry = _entry(name)
    try:
        return _checked(name, entry.load(), entry)
    except InputError:
        raise
    # A plug-in may raise anything while it is imported or looked at; SystemExit would end the program.
    except (Exception, SystemExit) as error:
        where = f"evaluator {name!r} ({entry.value})"
        raise InputError(f"{where} cannot be loaded: {error!r}; it comes with {_package(entry)}") from error


def _entry(name: str) -> EntryPoint:
    found = list(entry_points(group=GROUP, name=name))
    packages = sorted({_package(entry) for entry in found})
    if not found:
        raise InputError(f"no installed package registers an evaluator {name!r} as an entry point of {GROUP!r}")
    if len(packages) > 1:
        raise InputError(f"evaluator {name!r} is registered by {' and by '.join(packages)}; uninstall all but one")
    return found[0]


def _package(entry: EntryPoint) -> str:
    return "an unnamed package" if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def _checked(name: str, found: object, entry: EntryPoint) -> Rubric | Evaluator:
    where = f"entry point {name!r} of {_package(entry)} ({entry.value})"
    if isinstance(found, type) or not isinstance(found, Rubric | Evaluator):
        raise InputError(f"{where} gives {type(found).__name__}; allowed: a Rubric or an Evaluator")
    if found.name != name:
        raise InputError(f"{where} gives an evaluator named {found.name!r}; the two must be equal")
    check_evaluator_name(name)
    _check_labels(where, found.labels)
    return found


def _check_labels(where: str, labels: object) -> None:
    if not isinstance(labels, Mapping):
        raise InputError(f"{where} has the labels {labels!r:.200}; it must map each label to its score")
    for label, score in labels.items():
        checked_score(label, score)
