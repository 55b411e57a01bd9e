"""Statements of the form "<subject> is <value>", to see whether a speaker gives one subject two values."""

import re
from dataclasses import dataclass

from sessioneval.testing.sentences import asserted

MIN_SUBJECT_WORDS = 2
MAX_SUBJECT_WORDS = 8
MAX_VALUE_WORDS = 4

_CLAUSE = re.compile(r"[,;:()]\s+|\s+-+\s+")
_IS = re.compile(r"\s+(?:is|are)\s+")
_VALUE_END = re.compile(r"[,;:.!?()](?:\s|$)|\s(?:and|but|because|which|that|so|as|when|while|since|for)\s")
_OPENER = re.compile(
    r"so|and|but|well|actually|yes|no|right|now|remember|note|that|because|since|then|also|in|fact|exactly"
)
_NO_SUBJECT = re.compile(
    r"it|this|that|these|those|there|here|what|which|who|how|why|where|when|he|she|they|we|you|i|my|your|our|one"
    r"|another|each|every|all|some|any|both|either|as"
)
_GENERIC = re.compile(
    r"the (?:answer|result|total|sum|question|problem|value|point|key|idea|rule|trick|goal|reason|"
    r"(?:next|first|second|third|last|other|only|best|main|final) \w+)(?: (?:step|thing|part|question))?"
)
_FILLER = frozenset(["a", "an", "the", "about", "exactly", "approximately", "just", "also", "still", "really"])
_DESCRIPTION = re.compile(
    r"\w+(?:ed|ing|ly|ful|ous|able|ible|ive|ant|ent|al|ic|ory|less)|"
    r"good|great|fine|clear|ready|simple|hard|easy|big|small|new|old|next|right|true|same|different|complex|open"
    r"|up|out|on|at|to|here|there|where|what|why|how|part|one"
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A subject and the value it is said to have, both in lower case and without filler words."""

    subject: str
    value: str

    def contradicts(self, other: "Claim") -> bool:
        """Whether both are about one subject and neither value is part of the other.

        Example:
            >>> a, b = claims("The capital of Peru is Lima."), claims("The capital of Peru is Cusco.")
            >>> a[0].contradicts(b[0])
            True
        """
        mine, theirs = set(self.value.split()), set(other.value.split())
        if self.subject != other.subject or mine <= theirs or theirs <= mine:
            return False
        numbers = _NUMBER.findall(self.value), _NUMBER.findall(other.value)
        return not (numbers[0] and [float(n) for n in numbers[0]] == [float(n) for n in numbers[1]])


def claims(text: str) -> list[Claim]:
    """Return the statements of a text that give a definite subject a short value.

    A subject has 2 to 8 words, no pronoun in front and is not one that changes ("the answer", "the next step").
    A value is a number or a name, or, for a subject like "the ... of ...", any 1 to 4 words that do not describe.

    Example:
        >>> claims("Remember, the gas that plants take in is carbon dioxide.")
        [Claim(subject='gas that plants take in', value='carbon dioxide')]
    """
    clauses = [clause for sentence in asserted(text) for clause in _CLAUSE.split(sentence)]
    return [claim for clause in clauses if (claim := _claim(clause))]


def _claim(clause: str) -> Claim | None:
    sides = _IS.split(clause, maxsplit=1)
    if len(sides) == 1:
        return None
    subject = _subject(sides[0])
    value = _VALUE_END.split(sides[1], maxsplit=1)[0].strip(" .!\"'*_")
    if not subject or not _is_value(value, subject):
        return None
    return Claim(subject=_without_filler(subject), value=_without_filler(value))


def _subject(text: str) -> str:
    words = text.lower().split()
    while words and _OPENER.fullmatch(words[0]):
        words = words[1:]
    subject = " ".join(words)
    usable = (
        MIN_SUBJECT_WORDS <= len(words) <= MAX_SUBJECT_WORDS
        and not _NO_SUBJECT.fullmatch(words[0])
        and not _GENERIC.fullmatch(subject)
    )
    return subject if usable else ""


def _is_value(value: str, subject: str) -> bool:
    words = value.split()
    if not 1 <= len(words) <= MAX_VALUE_WORDS:
        return False
    if value[0].isupper() or _NUMBER.search(value):
        return True
    definite = subject.startswith("the ") and any(f" {word} " in subject for word in ("of", "that", "which", "in"))
    return definite and not any(_describes(word) for word in value.lower().split())


def _describes(word: str) -> bool:
    return bool(_DESCRIPTION.fullmatch(word))


def _without_filler(text: str) -> str:
    words = [word.strip(".,!?\"'*_°") for word in text.lower().split()]
    return " ".join(word for word in words if word and word not in _FILLER)
