"""Evaluators by name, and whatever a caller may give as an evaluator turned into one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Unpack

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.base import Evaluator
from sessioneval.evaluators.derived import derived_rubric
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.judge import Judge, JudgeOptions
from sessioneval.evaluators.plugins import plugin_named, plugin_names
from sessioneval.evaluators.rubric import Rubric
from sessioneval.evaluators.rubric_library import rubric_named, rubric_names
from sessioneval.evaluators.signals.library import SIGNALS

Spec = str | Rubric | Path | Evaluator


def names() -> tuple[str, ...]:
    """Return the names of all registered evaluators: judges, signals and those of installed packages."""
    return tuple(sorted({*rubric_names(), *DERIVED, *SIGNALS, *plugin_names()}))


def evaluator_named(name: str) -> Rubric | Evaluator:
    """Return what is registered under `name`: a `Rubric` still needs a model, an `Evaluator` is ready.

    For a derived judge this is the rubric that it asks; `resolve` makes the evaluator.

    Other packages are only loaded when the name is not built in.

    Raises:
        UnknownName: Nothing is; names the nearest.

    Example:
        >>> evaluator_named("turn_count")
        CodeEvaluator('turn_count', version='1')
    """
    if name in SIGNALS:
        return SIGNALS[name]
    if name in rubric_names():
        return rubric_named(name)
    if name in DERIVED:
        return derived_rubric(name)
    if name in plugin_names():
        return plugin_named(name)
    raise UnknownName.among("evaluator", name, names())


def resolve(spec: Spec, *, model: str | None = None, **options: Unpack[JudgeOptions]) -> Evaluator:
    """Return the evaluator that `spec` means, its configuration checked.

    Args:
        spec: A registered name (never a path), a Path of a rubric file, a Rubric, or an evaluator.
        model: For judges made here; an evaluator that is ready keeps its own.
        options: Further arguments of `Judge`: base_url, api_key, temperature, seed, timeout, max_retries.

    Raises:
        InputError: The name is unknown, the file cannot be used, a model or key is missing, or `spec` is
            something else.
    """
    found = _found(spec)
    evaluator = _judge(spec, found, model, options) if isinstance(found, Rubric) else found
    evaluator.check()
    return evaluator


def resolve_all(
    specs: Iterable[Spec], *, model: str | None = None, **options: Unpack[JudgeOptions]
) -> tuple[Evaluator, ...]:
    """Return the evaluators of all `specs`, in order.

    Raises:
        InputError: As `resolve`; or two of them have one name, or there is none.
    """
    evaluators = tuple(resolve(spec, model=model, **options) for spec in specs)
    if not evaluators:
        raise InputError(f"no evaluator given; known: {', '.join(names())}, or a rubric file")
    seen: set[str] = set()
    for evaluator in evaluators:
        if evaluator.name in seen:
            raise InputError(f"evaluator {evaluator.name!r} is given twice; names of evaluators must differ")
        seen.add(evaluator.name)
    return evaluators


def _found(spec: Spec) -> Rubric | Evaluator:
    if isinstance(spec, str):
        return evaluator_named(spec)
    if isinstance(spec, Path):
        return _from_path(spec)
    if isinstance(spec, Rubric | Evaluator):
        return spec
    raise InputError(
        f"{spec!r:.200} is no evaluator: give a name, a Path of a rubric file, a Rubric, a Judge, "
        "or a function decorated with @evaluator"
    )


def _from_path(path: Path) -> Rubric:
    if path.suffix != ".toml":
        raise InputError(f"rubric file {str(path)!r} is not allowed: its name must end in .toml")
    return Rubric.from_file(path)


def _judge(spec: Spec, rubric: Rubric, model: str | None, options: JudgeOptions) -> Evaluator:
    if not model:
        raise InputError(f"evaluator {rubric.name!r} asks a model: pass model= (on the command line --model)")
    if isinstance(spec, str) and spec in DERIVED:
        return DERIVED[spec](model=model, **options)
    return Judge(rubric, model=model, **options)
