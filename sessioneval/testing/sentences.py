"""The sentences that a text asserts, as opposed to asks, quotes, supposes or takes back."""

import re
from functools import lru_cache

from sessioneval.testing.typography import plain

_END = re.compile(r"(?<=[.!?])\s+|\n")
_NOT_ASSERTED = re.compile(
    r"\b(?:not|never|cannot|wrong|incorrect|mistake|mistaken|if|suppose|imagine|instead of|rather than"
    r"|you (?:said|wrote|got|had|think|thought)|some people|earlier i said|i said)\b|n't\b"
)
_CACHED_TEXTS = 512


def sentences(text: str) -> list[str]:
    """Return the sentences of a text in plain typography: split at ends of lines and after ``.``, ``!`` and ``?`` followed by space.

    Example:
        >>> sentences("It is 7.5 here. Is it?")
        ['It is 7.5 here.', 'Is it?']
    """
    return [sentence.strip(" \t\r*_>#-") for sentence in _END.split(plain(text)) if sentence.strip()]


@lru_cache(_CACHED_TEXTS)  # each message is read by two judges, twice by each
def asserted(text: str) -> tuple[str, ...]:
    """Return the sentences that state something as true.

    Questions, conditions, negations, quotations of the other speaker and corrections are left out.

    Example:
        >>> asserted("Is 2 + 2 = 5? You said 2 + 2 = 5. It is 4: 2 + 2 = 4.")
        ('It is 4: 2 + 2 = 4.',)
    """
    return tuple(s for s in sentences(text) if not asks(s) and not _NOT_ASSERTED.search(s.lower()))


def asks(text: str) -> bool:
    """Whether a text ends with a question.

    Example:
        >>> asks('Is it "blue?"'), asks("Why? Because.")
        (True, False)
    """
    return plain(text).rstrip(" \t\r\n\"')*_").endswith("?")
