"""How many tokens a text is for a model: counted where that can be done here, else estimated, rather too high than too low."""

import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tiktoken

_CHUNK_CHARS = 4_000
_LOWER = b"abcdefghijklmnopqrstuvwxyz"
_SPACE = b" \t"
_NOT_ASCII = bytes(range(128, 256))
_LONG_RUN = re.compile(rb"\S{40,}")
_TOKENS_PER_BYTE = (0.3, 0.2, 0.77, 0.72)
_MORE_IN_LONG_RUNS = 0.3


@dataclass(frozen=True, kw_only=True)
class TokenCounter:
    """A way to count tokens.

    Attributes:
        name: ``estimate``, or the name of the tokenizer.
        count: From a text to its number of tokens.
    """

    name: str
    count: Callable[[str], int]


def estimated_tokens(text: str) -> int:
    """Return an estimate that any machine can make: so much a byte, by kind of byte.

    Lower-case letters cost 0.3 tokens, spaces 0.2, other ASCII 0.77, other bytes of UTF-8 0.72, and 0.3 more where
    40 characters and more stand without a space (keys, encoded data). Against cl100k_base on 1,028 real sessions
    the median is 1.4 times the count; random letters are the known case where it is too low.

    Example:
        >>> estimated_tokens("The quick brown fox jumps over the lazy dog.")
        14
    """
    data = text.encode("utf-8", "surrogatepass")
    lower, space, other = (len(data) - len(data.translate(None, kind)) for kind in (_LOWER, _SPACE, _NOT_ASCII))
    counts = (lower, space, len(data) - lower - space - other, other)
    in_runs = sum(len(run) for run in _LONG_RUN.findall(data))
    spread = sum(n * share for n, share in zip(counts, _TOKENS_PER_BYTE, strict=True))
    return math.ceil(spread + in_runs * _MORE_IN_LONG_RUNS)


ESTIMATE = TokenCounter(name="estimate", count=estimated_tokens)


@cache
def token_counter(model: str) -> TokenCounter:
    """Return the counter for a model: tiktoken's where it knows the model and has its vocabulary here, else the estimate.

    tiktoken is asked only where ``TIKTOKEN_CACHE_DIR`` names the folder of its vocabularies: else it would download
    one, without a time limit, in the middle of a run.

    Args:
        model: The model's name.
    """
    if not os.environ.get("TIKTOKEN_CACHE_DIR"):
        return ESTIMATE
    try:
        # An optional package, and 60 ms.
        import tiktoken

        encoding = tiktoken.encoding_for_model(model)
    except Exception:  # noqa: BLE001 - not installed, not its model, no vocabulary, no network: the estimate serves
        return ESTIMATE
    return counter_of(encoding)


def counter_of(encoding: "tiktoken.Encoding") -> TokenCounter:
    """Return the counter of one of tiktoken's encodings; what looks like a special token is counted as text."""
    # In pieces: some tokenizers need quadratic time for one long word. A seam costs a token at most, never saves one.
    return TokenCounter(
        name=encoding.name, count=lambda text: sum(len(encoding.encode_ordinary(piece)) for piece in _chunks(text))
    )


def _chunks(text: str) -> list[str]:
    return [text[start : start + _CHUNK_CHARS] for start in range(0, len(text), _CHUNK_CHARS)]
