"""Sizes of memory as people write them."""

import re

from sessioneval.errors import InputError

_SIZE = re.compile(r"(\d{1,15})([KMGT])", re.ASCII)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
# Less holds not even a batch of spans with short messages.
LEAST_BYTES = 1 << 20
# More than any machine has, and less than a 64-bit count can hold.
MOST_BYTES = 1 << 50


def parse_size(text: str) -> int:
    """Return the bytes of a size such as ``512M`` or ``2G``; a K is 1024 bytes, an M 1024 K, and so on.

    Raises:
        InputError: It is no size, below 1M or above 1024T.

    Example:
        >>> parse_size("512M")
        536870912
    """
    match = _SIZE.fullmatch(text.upper())
    if match is None:
        raise InputError(f"{_shown(text)} is no size; write a whole number with K, M, G or T, such as 512M or 2G")
    size = int(match[1]) * _UNITS[match[2]]
    if size < LEAST_BYTES:
        raise InputError(f"size {_shown(text)} is too small; give 1M or more")
    if size > MOST_BYTES:
        raise InputError(f"size {_shown(text)} is too large; give 1024T or less")
    return size


def _shown(text: str, max_chars: int = 60) -> str:
    return repr(text if len(text) <= max_chars else text[:max_chars] + "…")
