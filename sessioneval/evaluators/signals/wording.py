"""Texts as signals compare them, and message indexes as explanations show them."""

import re
import unicodedata
from collections.abc import Iterable

_SHOWN_INDEXES = 20
# Han and kana are written without spaces: each character counts as a word.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\s\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_QUOTES = str.maketrans("\u2018\u2019\u02bc`\u00b4", "'''''")
# Full stop, exclamation and question mark, also those of Chinese and Japanese.
_ENDS = ".!?\u3002\uff01\uff1f"
_EDGES = _ENDS + ",;:\"'()[]{}\u2026\uff0c\u3001"
_SENTENCE = re.compile(rf"[^{_ENDS}\n]+[{_ENDS}]*")
_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")


def normalised(text: str) -> str:
    r"""Return the text after NFKC normalisation, case folding and joining of white space.

    Example:
        >>> normalised("  Where is\n my  PARCEL? ")
        'where is my parcel?'
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(folded.split())


def words(text: str) -> list[str]:
    """Return the words of a text; each character of Chinese and Japanese is one.

    Example:
        >>> words("Where is it?"), words("我的包裹")
        (['Where', 'is', 'it?'], ['我', '的', '包', '裹'])
    """
    return _WORD.findall(text)


def bare_words(text: str) -> list[str]:
    """Return the words of the normalised text without punctuation at their edges.

    Example:
        >>> bare_words("Where IS it?")
        ['where', 'is', 'it']
    """
    return [bare for word in words(normalised(text)) if (bare := word.strip(_EDGES))]


def sentences(text: str, max_chars: int) -> list[str]:
    r"""Return the sentences at the start of a text, case folded, with straight apostrophes.

    Example:
        >>> sentences("No! That\u2019s wrong.", 100)
        ['no!', "that's wrong."]
    """
    straight = text[:max_chars].translate(_QUOTES)
    lines = (normalised(line) for line in straight.splitlines())
    return [sentence for line in lines for found in _SENTENCE.findall(line) if (sentence := found.strip())]


def is_blank(text: str) -> bool:
    r"""Return whether nothing of the text can be seen: spaces, control and format characters only.

    Example:
        >>> is_blank(" \u200b\n"), is_blank(".")
        (True, False)
    """
    return all(unicodedata.category(character) in _INVISIBLE for character in text)


def shown(indexes: Iterable[int]) -> str:
    """Return ``[1], [4]``, at most 20 of them.

    Example:
        >>> shown([1, 4]), shown([])
        ('[1], [4]', 'none')
    """
    known = list(indexes)
    text = ", ".join(f"[{index}]" for index in known[:_SHOWN_INDEXES]) or "none"
    more = len(known) - _SHOWN_INDEXES
    return f"{text} and {more} more" if more > 0 else text
