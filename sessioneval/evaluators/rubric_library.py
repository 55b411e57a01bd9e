"""The rubrics that ship with the package: one TOML file each."""

from functools import cache
from pathlib import Path

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.plugins import plugin_named, plugin_names
from sessioneval.evaluators.rubric import Rubric

_DIRECTORY = Path(__file__).parent / "rubrics"


@cache
def rubric_names() -> tuple[str, ...]:
    """Return the names of the built-in rubrics.

    Example:
        >>> rubric_names()
        ('coherence', 'correctness', 'frustration', 'goal_completion')
    """
    return tuple(sorted(path.stem for path in _DIRECTORY.glob("*.toml")))


def rubric_named(name: str) -> Rubric:
    """Return a built-in rubric, or one that an installed package registers.

    Raises:
        UnknownName: No rubric has this name.
        InputError: The name belongs to an evaluator that is no rubric.
    """
    if name in rubric_names():
        return _built_in(name)
    if name in plugin_names():
        found = plugin_named(name)
        if isinstance(found, Rubric):
            return found
        raise InputError(f"{name!r} is an evaluator, not a rubric; pass it to evaluate() by its name")
    raise UnknownName.among("rubric", name, (*rubric_names(), *plugin_names()))


@cache
def _built_in(name: str) -> Rubric:
    # `name` is one of the files found, never a path made from what a user wrote.
    return Rubric.from_file(_DIRECTORY / f"{name}.toml")
