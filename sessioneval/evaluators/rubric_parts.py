"""The parts of a rubric beside its labels: checklist items and examples; each is checked when it is made."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.splits import Split, split_of

VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_VARIABLE = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class ChecklistItem:
    """One thing a judge answers on its way to the label; its answer ends in `Evaluation.fields` under `id`.

    Attributes:
        id: ``[a-z][a-z0-9_]*``.
        question: What is asked; may use the rubric's variables.
        answers: The allowed answers; empty where any short text will do.
        is_open: Whether there may be any number of answers, such as one for each intention of the user.

    Example:
        >>> ChecklistItem(id="is_escalated", question="Handed over?", answers=("yes", "no")).answer_of(" Yes")
        'yes'
    """

    id: str
    question: str
    answers: tuple[str, ...] = ()
    is_open: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not VARIABLE_NAME.fullmatch(self.id):
            raise InputError(f"checklist id {shown(self.id)} is not allowed: lower-case letters, digits and '_'")
        check_text(f"question of checklist item {self.id!r}", self.question)
        if isinstance(self.answers, str):
            raise InputError(f"answers of checklist item {self.id!r} is a text; give a list of answers")
        object.__setattr__(self, "answers", tuple(self.answers))
        for answer in self.answers:
            check_text(f"an answer of checklist item {self.id!r}", answer)
        if len({folded(answer) for answer in self.answers}) < len(self.answers):
            raise InputError(f"two answers of checklist item {self.id!r} differ only in case: {shown(self.answers)}")

    def answer_of(self, text: str) -> str | None:
        """Return the item's own spelling of an answer, or the text where any will do; None for what is not allowed."""
        if not self.answers:
            return text.strip() or None
        return next((answer for answer in self.answers if folded(answer) == folded(text)), None)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A judged piece of a session, shown to the judge.

    Attributes:
        session: The id of the session it was taken from.
        split: Must be ``train``: examples from the others would spoil what they are for.
        excerpt: What was said.
        label: The right label.
        reason: Why.
    """

    session: str
    split: Split
    excerpt: str
    label: str
    reason: str = ""

    def __post_init__(self) -> None:
        for key in ("session", "excerpt", "label"):
            check_text(f"{key} of an example", getattr(self, key))
        actual = split_of(self.session)
        if self.split != "train" or actual != "train":
            raise InputError(
                f"an example is from session {shown(self.session)}, whose split is {actual!r} (given: "
                f"{shown(self.split)}); examples may only come from the split 'train'"
            )


def filled(what: str, text: str, values: Mapping[str, str]) -> str:
    """Return `text` with each ``{{name}}`` replaced by its value; what is put in is not read again.

    Raises:
        UnknownName: A variable has no value.

    Example:
        >>> filled("question", "Is {{ what }} done?", {"what": "{{all}}"})
        'Is {{all}} done?'
    """

    def value(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name not in values:
            raise UnknownName.among(f"variable in the {what}", name, values)
        return values[name]

    return _VARIABLE.sub(value, text).strip()


def folded(text: str) -> str:
    """Return what is compared of a label or answer: surrounding space and case do not count."""
    return text.strip().casefold()


def check_text(what: str, value: object) -> None:
    """Raise `InputError` unless the value is a text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{what} is {shown(value)}; it must be a text that is not empty")


def shown(value: object, max_chars: int = 80) -> str:
    """Return a value as it stands in an error."""
    text = repr(value)
    return text if len(text) <= max_chars else text[:max_chars] + "…"
