"""A rubric: what a judge is asked, the labels it may answer and the score of each."""

import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from sessioneval.errors import InputError, UnknownName
from sessioneval.model.evaluation import MAX_LABEL_CHARS, check_evaluator_name

Direction = Literal["maximize", "minimize"]

MIN_LABELS = 2
_REQUIRED = ("name", "version", "question", "labels")
_OPTIONAL = ("definitions", "direction", "description")
_TYPES = {"labels": dict, "definitions": dict}
_VARIABLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NOT_IN_LABEL = re.compile(r"[\x00-\x1f\x7f,]")


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """A judge's question and its labels; everything is checked when it is made.

    Attributes:
        name: The evaluator's name, ``[a-z][a-z0-9_]*``.
        version: Any text; change it to make old evaluations no longer count as done.
        question: The prompt; may use ``{{labels}}`` and ``{{definitions}}``.
        labels: At least two labels, each with its finite score, in the order shown to the judge.
        definitions: When each label holds; keys are labels.
        direction: Whether a higher score is better (``maximize``) or worse (``minimize``).
        description: One line for people; not part of the prompt nor of the fingerprint.

    Example:
        >>> Rubric(name="polite", version="1", question="Was it polite?", labels={"yes": 1, "no": 0}).scores_of("YES ")
        ('yes', 1.0)
    """

    name: str
    version: str
    question: str
    labels: Mapping[str, float]
    definitions: Mapping[str, str] = field(default_factory=dict)
    direction: Direction = "maximize"
    description: str = ""

    def __post_init__(self) -> None:
        check_evaluator_name(self.name)
        _check_texts(self)
        object.__setattr__(self, "labels", _checked_labels(self.labels))
        _check_definitions(self.definitions, self.labels)
        if self.direction not in get_args(Direction):
            raise InputError(f"direction is {self.direction!r}; allowed: 'maximize' or 'minimize'")
        render_question(self)

    @classmethod
    def from_file(cls, path: Path | str) -> "Rubric":
        """Read a rubric from a TOML file.

        Args:
            path: UTF-8 TOML with the keys ``name, version, question`` and the table ``labels`` (label =
                score), and if wanted ``direction, description`` and the table ``definitions``.

        Raises:
            InputError: The file cannot be read, or a key or value is not allowed; names file, key and value.
        """
        try:
            return cls(**_checked_keys(_loaded(Path(path))))
        except InputError as error:
            raise InputError(f"rubric file {str(path)!r}: {error}") from error

    def scores_of(self, label: str) -> tuple[str, float] | None:
        """Return the rubric's own spelling of `label` and its score; None when it is not one of its labels.

        Surrounding space and case are forgiven, nothing else is.
        """
        folded = _folded(label)
        return next(((known, score) for known, score in self.labels.items() if _folded(known) == folded), None)


def render_question(rubric: Rubric) -> str:
    """Return the question with its variables replaced; what is put in is not read again.

    Raises:
        UnknownName: The question uses a variable that does not exist.
    """
    values = {"labels": ", ".join(rubric.labels), "definitions": render_definitions(rubric)}

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in values:
            raise UnknownName.among("variable in the question", name, values)
        return values[name]

    return _VARIABLE.sub(value, rubric.question).strip()


def render_definitions(rubric: Rubric) -> str:
    """Return one line a label: ``- label: definition``; labels without a definition are left out."""
    return "\n".join(
        f"- {label}: {rubric.definitions[label]}" for label in rubric.labels if label in rubric.definitions
    )


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
    known = (*_REQUIRED, *_OPTIONAL)
    for key in table:
        if key not in known:
            raise UnknownName.among("key", key, known)
    if missing := [key for key in _REQUIRED if key not in table]:
        raise InputError(f"key {missing[0]!r} is missing; required: {', '.join(_REQUIRED)}")
    for key, value in table.items():
        expected = _TYPES.get(key, str)
        if not isinstance(value, expected):
            wanted = "a table" if expected is dict else "a text in quotes"
            raise InputError(f"{key} is {_shown(value)}; it must be {wanted}")
    return table


def _check_texts(rubric: Rubric) -> None:
    for key in ("version", "question"):
        value = getattr(rubric, key)
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{key} is {_shown(value)}; it must be a text that is not empty")


def _checked_labels(labels: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(labels, Mapping) or len(labels) < MIN_LABELS:
        raise InputError(f"labels is {_shown(labels)}; give at least {MIN_LABELS} labels, each with a score")
    checked = {_checked_label(label): checked_score(label, score) for label, score in labels.items()}
    folded: dict[str, str] = {}
    for label in checked:
        if other := folded.get(_folded(label)):
            raise InputError(f"labels {other!r} and {label!r} differ only in case; a judge's answer could mean either")
        folded[_folded(label)] = label
    return checked


def _checked_label(label: str) -> str:
    if not isinstance(label, str) or not label or label != label.strip() or _NOT_IN_LABEL.search(label):
        raise InputError(
            f"label {_shown(label)} is not allowed: one line of text, no comma, no space at its start or end"
        )
    if len(label) > MAX_LABEL_CHARS:
        raise InputError(f"label {_shown(label)} has {len(label)} characters; allowed are {MAX_LABEL_CHARS}")
    return label


def checked_score(label: str, score: float) -> float:
    """Return the score as a float.

    Raises:
        InputError: It is no number, or not finite.
    """
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not math.isfinite(score):
        raise InputError(f"score of label {_shown(label)} is {_shown(score)}; it must be a finite number")
    return float(score)


def _check_definitions(definitions: Mapping[str, str], labels: Mapping[str, float]) -> None:
    for label, text in definitions.items():
        if label not in labels:
            raise UnknownName.among("label in definitions", str(label), labels)
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"definition of {label!r} is {_shown(text)}; it must be a text that is not empty")


def _folded(label: str) -> str:
    return label.strip().casefold()


def _shown(value: object, max_chars: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= max_chars else text[:max_chars] + "…"
