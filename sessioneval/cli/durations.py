"""Durations and moments as people write them."""

import re
from datetime import UTC, datetime, timedelta

from sessioneval.errors import InputError

# 15 digits: Python refuses to read numbers of thousands of digits.
_DURATION = re.compile(r"(?=\d)(?:(\d{1,15})d)?(?:(\d{1,15})h)?(?:(\d{1,15})m)?(?:(\d{1,15})s)?", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration of a text such as ``10m``, ``30s``, ``2h``, ``7d`` or ``1h30m``.

    Raises:
        InputError: It is no duration, or too long for a calendar.

    Example:
        >>> parse_duration("1h30m")
        datetime.timedelta(seconds=5400)
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise InputError(
            f"{_shown(text)} is no duration; write whole numbers with d, h, m or s, such as 30s, 10m, 1h30m or 7d"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise InputError(f"duration {_shown(text)} is too long; the longest is {timedelta.max.days}d") from None


def parse_moment(text: str, now: datetime | None = None) -> datetime:
    """Return a moment in UTC: an ISO 8601 date or date and time (UTC where it names no zone), or a duration ago.

    Args:
        text: ``2026-11-20``, ``2026-11-20T12:00+01:00`` or ``7d``.
        now: What a duration is counted back from.

    Raises:
        InputError: It is neither, or lies outside the calendar.

    Example:
        >>> parse_moment("2026-11-20T12:00+01:00").isoformat()
        '2026-11-20T11:00:00+00:00'
        >>> parse_moment("7d", now=datetime(2026, 11, 20, tzinfo=UTC)).isoformat()
        '2026-11-13T00:00:00+00:00'
    """
    try:
        if _DURATION.fullmatch(text):
            return (now or datetime.now(UTC)) - parse_duration(text)
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise InputError(f"moment {_shown(text)} is outside the calendar (years 1 to 9999)") from None
    except ValueError:
        raise InputError(
            f"{_shown(text)} is no moment; write an ISO 8601 date or time such as 2026-11-20 or 2026-11-20T12:00Z "
            "(UTC if no zone is named), or a duration ago such as 7d"
        ) from None


def _shown(text: str, max_chars: int = 60) -> str:
    return repr(text if len(text) <= max_chars else text[:max_chars] + "…")
