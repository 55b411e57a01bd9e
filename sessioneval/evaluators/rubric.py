"""A rubric: what a judge is asked, the labels it may answer and the score of each."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.rubric_file import rubric_values
from sessioneval.evaluators.rubric_parts import (
    VARIABLE_NAME,
    ChecklistItem,
    Example,
    check_text,
    filled,
    folded,
    shown,
)
from sessioneval.model.evaluation import MAX_LABEL_CHARS, check_evaluator_name

Direction = Literal["maximize", "minimize"]

MIN_LABELS = 2
UNSURE = "unsure"
"""A judge may always answer this; it has no score unless a rubric lists it with one."""
_GIVEN_VARIABLES = ("labels", "definitions")
_NOT_IN_LABEL = re.compile(r"[\x00-\x1f\x7f,]")


@dataclass(frozen=True, kw_only=True)
class Rubric:
    """A judge's question and its labels; everything is checked when it is made.

    Attributes:
        name: The evaluator's name, ``[a-z][a-z0-9_]*``.
        version: Any text; change it to make old evaluations no longer count as done.
        question: The prompt; may use ``{{labels}}``, ``{{definitions}}`` and the rubric's own variables.
        labels: At least two labels, each with its finite score, in the order shown to the judge.
        definitions: When each label holds; keys are labels.
        direction: Whether a higher score is better (``maximize``) or worse (``minimize``).
        description: One line for people; not part of the prompt nor of the fingerprint.
        checklist: What the judge answers before it decides.
        examples: Judged pieces of sessions of the train split.
        reference: Names of what the judge may hold the session against, such as ``user_goal``: attributes of the
            session, or columns of the table given as `Judge(reference=...)`. A session that lacks one is skipped.
        tools: Whether the judge is shown the tools that the agent had.
        variables: Own variables with their defaults; `with_variables` replaces them.

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
    checklist: tuple[ChecklistItem, ...] = ()
    examples: tuple[Example, ...] = ()
    reference: tuple[str, ...] = ()
    tools: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_evaluator_name(self.name)
        check_text("version", self.version)
        check_text("question", self.question)
        given = (self.reference,) if isinstance(self.reference, str) else tuple(self.reference)
        object.__setattr__(self, "labels", _checked_labels(self.labels))
        object.__setattr__(self, "reference", given)
        object.__setattr__(self, "checklist", tuple(self.checklist))
        object.__setattr__(self, "examples", tuple(self.examples))
        if self.direction not in get_args(Direction):
            raise InputError(f"direction is {self.direction!r}; allowed: 'maximize' or 'minimize'")
        _check_definitions(self.definitions, self.labels)
        _check_parts(self)
        render_question(self)
        render_checklist(self)

    @classmethod
    def from_file(cls, path: Path | str) -> "Rubric":
        """Read a rubric from a TOML file.

        Args:
            path: UTF-8 TOML with the keys ``name, version, question`` and the table ``labels``, and if wanted
                ``direction, description, reference, tools`` and the tables ``definitions``, ``variables``,
                ``[[checklist]]`` and ``[[examples]]``.

        Raises:
            InputError: The file cannot be read, or a key or value is not allowed; names file, key and value.
        """
        try:
            return cls(**rubric_values(Path(path)))
        except InputError as error:
            raise InputError(f"rubric file {str(path)!r}: {error}") from error

    def scores_of(self, label: str) -> tuple[str, float | None] | None:
        """Return the rubric's own spelling of `label` and its score; None when it may not be answered.

        Surrounding space and case are forgiven, nothing else is. ``unsure`` may always be answered; it has no
        score, unless it is one of the rubric's labels.
        """
        known: Iterable[tuple[str, float | None]] = [*self.labels.items(), (UNSURE, None)]
        return next(((name, score) for name, score in known if folded(name) == folded(label)), None)

    def with_variables(self, values: Mapping[str, str]) -> "Rubric":
        """Return the rubric with other values for some of its variables.

        Raises:
            UnknownName: The rubric has no such variable.
            InputError: A value is no text.
        """
        for name in values:
            if name not in self.variables:
                raise UnknownName.among(f"variable of rubric {self.name!r}", name, self.variables)
        return replace(self, variables={**self.variables, **values}) if values else self

    def judged_by(self) -> dict[str, Any]:
        """Return everything that may change a verdict, for the fingerprint."""
        said = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "description"}
        # Order counts: it is the order of the prompt.
        return {
            **said,
            "labels": list(self.labels.items()),
            "definitions": dict(self.definitions),
            "variables": dict(self.variables),
            "checklist": [vars(item) for item in self.checklist],
            "examples": [vars(example) for example in self.examples],
        }


def render_question(rubric: Rubric) -> str:
    """Return the question with its variables replaced; what is put in is not read again.

    Raises:
        UnknownName: The question uses a variable that does not exist.
    """
    given = {"labels": ", ".join(rubric.labels), "definitions": render_definitions(rubric)}
    return filled("question", rubric.question, {**rubric.variables, **given})


def render_definitions(rubric: Rubric) -> str:
    """Return one line a label: ``- label: definition``; labels without a definition are left out."""
    return "\n".join(
        f"- {label}: {rubric.definitions[label]}" for label in rubric.labels if label in rubric.definitions
    )


def render_checklist(rubric: Rubric) -> str:
    """Return one line an item: its id, what may be answered, and its question; empty without a checklist.

    Raises:
        UnknownName: An item uses a variable that does not exist.
    """
    return "\n".join(
        f"- {item.id} ({_allowed(item)}): {filled('checklist', item.question, rubric.variables)}"
        for item in rubric.checklist
    )


def _allowed(item: ChecklistItem) -> str:
    answer = f"one of: {', '.join(item.answers)}" if item.answers else "a short text"
    return f"any number of entries, each as item '{item.id}: SUBJECT', {answer}" if item.is_open else answer


def _check_parts(rubric: Rubric) -> None:
    ids = [item.id for item in rubric.checklist]
    if len(set(ids)) < len(ids):
        raise InputError(f"two checklist items have one id: {', '.join(ids)}")
    for example in rubric.examples:
        if rubric.scores_of(example.label) is None:
            raise UnknownName.among("label of an example", example.label, (*rubric.labels, UNSURE))
    for name in rubric.reference:
        check_text("a name in reference", name)
    if not isinstance(rubric.tools, bool):
        raise InputError(f"tools is {shown(rubric.tools)}; it must be true or false")
    for name, value in rubric.variables.items():
        _check_variable(name, value)


def _check_variable(name: str, value: object) -> None:
    if not isinstance(name, str) or not VARIABLE_NAME.fullmatch(name) or name in _GIVEN_VARIABLES:
        raise InputError(
            f"variable {shown(name)} is not allowed: lower-case letters, digits and '_', "
            f"and not {' or '.join(map(repr, _GIVEN_VARIABLES))}, which every rubric has"
        )
    if not isinstance(value, str):
        raise InputError(f"variable {name!r} is {shown(value)}; it must be a text")


def _checked_labels(labels: Mapping[str, float]) -> dict[str, float]:
    if not isinstance(labels, Mapping) or len(labels) < MIN_LABELS:
        raise InputError(f"labels is {shown(labels)}; give at least {MIN_LABELS} labels, each with a score")
    checked = {_checked_label(label): checked_score(label, score) for label, score in labels.items()}
    seen: dict[str, str] = {}
    for label in checked:
        if other := seen.get(folded(label)):
            raise InputError(f"labels {other!r} and {label!r} differ only in case; a judge's answer could mean either")
        seen[folded(label)] = label
    return checked


def _checked_label(label: str) -> str:
    if not isinstance(label, str) or not label or label != label.strip() or _NOT_IN_LABEL.search(label):
        raise InputError(
            f"label {shown(label)} is not allowed: one line of text, no comma, no space at its start or end"
        )
    if len(label) > MAX_LABEL_CHARS:
        raise InputError(f"label {shown(label)} has {len(label)} characters; allowed are {MAX_LABEL_CHARS}")
    return label


def checked_score(label: str, score: float) -> float:
    """Return the score as a float.

    Raises:
        InputError: It is no number, or not finite.
    """
    if isinstance(score, bool) or not isinstance(score, (int, float)) or not math.isfinite(score):
        raise InputError(f"score of label {shown(label)} is {shown(score)}; it must be a finite number")
    return float(score)


def _check_definitions(definitions: Mapping[str, str], labels: Mapping[str, float]) -> None:
    for label, text in definitions.items():
        if label not in labels:
            raise UnknownName.among("label in definitions", str(label), labels)
        check_text(f"definition of {label!r}", text)
