"""Phrases by which the stand-in tells frustration, closure and failure, all in lower case."""

import re
from collections.abc import Iterable

from sessioneval.testing.typography import plain

FRUSTRATION = (
    "this is frustrating",
    "so frustrating",
    "i'm frustrated",
    "i am frustrated",
    "this is annoying",
    "this is ridiculous",
    "this is useless",
    "this is a waste",
    "waste of time",
    "waste of my time",
    "i already told you",
    "i already said",
    "i told you already",
    "i just told you",
    "just tell me",
    "just give me",
    "just answer",
    "stop asking",
    "you're not listening",
    "you are not listening",
    "are you even listening",
    "you keep asking",
    "for the third time",
    "for the last time",
    "how many times",
    "come on",
    "ugh",
    "argh",
    "enough already",
    "get to the point",
    "i'm losing patience",
    "fed up",
)
UNDERSTANDING = (
    "got it",
    "makes sense",
    "i understand now",
    "i get it now",
    "now i get it",
    "now i understand",
    "now i see",
    "that's all",
    "that is all",
    "that's clear",
    "that helps",
    "that solves it",
    "that answers",
    "that works",
    "problem solved",
    "perfect",
    "all set",
    "finally, thanks",
    "finally, thank you",
)
THANKS = ("thanks", "thank you", "finally", "great, bye", "cheers")
NOT_REACHED = (
    "we never got to",
    "we never got around",
    "we didn't get to",
    "but we never",
    "but you never",
    "you never answered",
    "you didn't answer",
    "never mind",
    "that's not what i asked",
    "that is not what i asked",
    "not what i asked for",
    "we ran out",
    "ran out of time",
    "still don't",
    "still do not",
    "still doesn't",
    "still can't",
    "still cannot",
    "still not",
    "i give up",
    "forget it",
    "without an answer",
)
LEAVING = ("i have to go", "i need to go", "i've got to go", "gotta go", "i must go", "i have to leave", "i'm leaving")
CONTRADICTION = (
    "i never said that",
    "i never said so",
    "contradicts what i said",
    "forget what i said",
    "ignore what i said",
    "the opposite of what i said",
)
EXCLAMATIONS = "!!!"
_EARLIER = re.compile(
    r"\b(?:earlier i said|i said earlier|i told you earlier)\b.{0,200}\b(?:wrong|mistake|actually|but)\b"
)


def first_marker(text: str, markers: Iterable[str]) -> str:
    """Return the first of the markers that stands in a text as whole words, or an empty text.

    Example:
        >>> first_marker("Ugh, come on!", FRUSTRATION), first_marker("enough", FRUSTRATION)
        ('come on', '')
    """
    folded = _folded(text)
    return next((marker for marker in markers if _stands_in(marker, folded)), "")


def takes_back(text: str) -> str:
    """Return the words by which a text takes back an earlier statement, or an empty text.

    Example:
        >>> takes_back("Earlier I said it is 5, but that was wrong.")
        'earlier i said it is 5, but that was wrong'
    """
    found = _EARLIER.search(_folded(text))
    return found[0] if found else first_marker(text, CONTRADICTION)


def _stands_in(marker: str, folded: str) -> bool:
    # A plain search first: the pattern is needed for the few texts that hold the words at all.
    return marker in folded and bool(re.search(rf"(?<!\w){re.escape(marker)}(?!\w)", folded))


def _folded(text: str) -> str:
    return " ".join(plain(text).lower().split())
