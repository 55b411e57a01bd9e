"""Quotes checked against the messages they name: the one part of a verdict that code can verify.

A quote counts when it stands in the message's text, or in the arguments of one of its tool calls as the judge was shown
them, letter for letter after Unicode normalisation (NFKC) and with each run of white space taken as one space. Shorter
ones than 12 characters prove nothing: "the order" stands in most messages.

Source: evidence that code can check, as in "Catching One in Five" (arXiv 2606.10315); Unicode Standard Annex 15 for NFKC.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from sessioneval.evaluators.base import storable
from sessioneval.model.evaluation import Evidence
from sessioneval.model.message import Message
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.escaping import unescaped

MIN_QUOTE_CHARS = 12
MAX_QUOTE_CHARS = 2_000
# Normalising takes time quadratic in a run of combining characters; a hostile word of a million is taken in pieces.
_PIECE = re.compile(r"\s+|\S{1,1000}")


class CheckedQuote(NamedTuple):
    """What became of a quote.

    Attributes:
        evidence: The quote with its span; None where it does not count.
        is_there: Whether its words stand in the message, long enough or not.
    """

    evidence: Evidence | None
    is_there: bool


NOT_THERE = CheckedQuote(None, is_there=False)


class QuoteCheck:
    """Looks up quotes in a transcript; each message is normalised at most once."""

    def __init__(self, transcript: Transcript) -> None:
        self._messages = transcript.messages
        self._texts: dict[int, tuple[str, ...]] = {}

    def check(self, index: int, quote: str) -> CheckedQuote:
        """Look up a quote in message `index`, which must exist."""
        # A judge may quote what it saw: characters that the renderer escaped, as their escapes.
        words = next((each for each in (quote, unescaped(quote)) if self._stands_in(index, each)), None)
        if words is None:
            return NOT_THERE
        if len(normalised(words)) < MIN_QUOTE_CHARS:
            return CheckedQuote(None, is_there=True)
        kept = words.strip()[:MAX_QUOTE_CHARS]
        span_id = self._messages[index].span_id
        return CheckedQuote(Evidence(message_index=index, quote=kept, span_id=span_id), is_there=True)

    def _stands_in(self, index: int, quote: str) -> bool:
        words = normalised(quote)
        is_text = bool(words) and storable(quote, len(quote)) == quote
        return is_text and any(words in text for text in self._of(index))

    def _of(self, index: int) -> tuple[str, ...]:
        if index not in self._texts:
            self._texts[index] = tuple(normalised(text) for text in _texts(self._messages[index]))
        return self._texts[index]


def _texts(message: Message) -> Iterator[str]:
    yield message.content
    for call in message.tool_calls:
        yield json.dumps(call.arguments, ensure_ascii=False, default=str)


def normalised(text: str) -> str:
    r"""Return text in Unicode form NFKC with each run of white space as one space, none at the ends.

    Example:
        >>> normalised(" the\u00a0\ufb01rst\n  line ")
        'the first line'
    """
    if not text.isascii():
        text = "".join(unicodedata.normalize("NFKC", piece) for piece in _PIECE.findall(text))
    return " ".join(text.split())
