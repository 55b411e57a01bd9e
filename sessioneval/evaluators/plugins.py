"""Evaluators and rubrics of other packages, found through entry points."""

from importlib.metadata import EntryPoint, entry_points

from sessioneval.errors import InputError
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.rubric import Rubric

GROUP = "sessioneval.evaluators"


def plugin_names() -> tuple[str, ...]:
    """Return the names that installed packages register; loads none of them."""
    return tuple(sorted(entry_points(group=GROUP).names))


def plugin_named(name: str) -> Rubric | Evaluator:
    """Load what a package registers under `name`.

    Raises:
        InputError: It cannot be imported, is neither a Rubric nor an Evaluator, or calls itself differently.
    """
    (entry, *_) = entry_points(group=GROUP, name=name)
    found = _loaded(entry)
    if not isinstance(found, Rubric | Evaluator):
        raise InputError(f"entry point {entry.value!r} gives {type(found).__name__}; allowed: a Rubric or an Evaluator")
    if found.name != name:
        raise InputError(f"entry point {name!r} gives an evaluator named {found.name!r}; the two must be equal")
    return found


def _loaded(entry: EntryPoint) -> object:
    try:
        return entry.load()
    except Exception as error:  # a plug-in may raise anything while it is imported
        raise InputError(f"evaluator {entry.name!r} ({entry.value}) cannot be loaded: {error!r}") from error
