"""Values as short texts for one line of a table or of a message."""

from collections.abc import Mapping
from datetime import datetime

from sessioneval.model.display import visible

_LINE_BREAKS = str.maketrans({"\n": "\\n", "\t": "\\t", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))
# What every transcript has, or what the other counts say again.
_NO_LOSS = ("spans_seen", "spans_used", "messages_deduplicated")


def one_line(text: str, max_chars: int | None = None) -> str:
    r"""Return text that can neither break its line nor steer a terminal; a cut is marked.

    Example:
        >>> one_line("a\x1b[2J\nb"), one_line("abcdef", 4)
        ('a\\x1b[2J\\nb', 'abc…')
    """
    safe = visible(text).translate(_LINE_BREAKS).encode("utf-8", "backslashreplace").decode()
    return safe if max_chars is None or len(safe) <= max_chars else safe[: max_chars - 1] + "…"


def moment_text(moment: datetime) -> str:
    """Return a UTC moment to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def seconds_text(seconds: float) -> str:
    """Return a duration in its two largest units.

    Example:
        >>> seconds_text(0.25), seconds_text(59.6), seconds_text(3_725), seconds_text(-3)
        ('0.2s', '1m', '1h 2m', '-3.0s')
    """
    if abs(seconds) < 10:  # noqa: PLR2004 - below ten seconds the tenths matter
        return f"{seconds:.1f}s"
    left, parts = round(abs(seconds)), []
    for unit, size in _UNITS:
        if left >= size:
            parts.append(f"{left // size}{unit}")
            left %= size
    return ("-" if seconds < 0 else "") + " ".join(parts[:2])


def loss_text(loss: Mapping[str, int]) -> str:
    """Return the counts of a loss report that are not zero and say that something is missing.

    Example:
        >>> loss_text({"spans_used": 4, "spans_ignored": 2, "truncated": 0})
        'spans_ignored 2'
    """
    return ", ".join(f"{name} {count}" for name, count in loss.items() if count and name not in _NO_LOSS)


def percent_text(share: float, low: float, high: float) -> str:
    """Return a share with its interval, in per cent.

    Example:
        >>> percent_text(0.625, 0.561, 0.685)
        '62.5 % [56.1, 68.5]'
    """
    return f"{100 * share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
