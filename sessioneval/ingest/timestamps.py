"""Times of DataFrame cells as Unix nanoseconds."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BELOW_MICROSECONDS = re.compile(r"\.\d{6}(\d{1,3})")
_MICROSECOND_NS = 1_000


def unix_ns(value: Any) -> int:
    """Return a time (Unix nanoseconds, datetime, or ISO 8601 text; UTC where no zone is given); 0 if it is none.

    Example:
        >>> unix_ns("1970-01-01T00:00:01.000000002Z"), unix_ns(5), unix_ns("soon")
        (1000000002, 5, 0)
    """
    if isinstance(value, datetime):
        return _from_datetime(value) + int(getattr(value, "nanosecond", 0))
    if isinstance(value, str):
        return _from_text(value.strip())
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _from_text(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return 0
    finer = _BELOW_MICROSECONDS.search(text)
    return _from_datetime(moment) + (int(finer[1].ljust(3, "0")) if finer else 0)


def _from_datetime(moment: datetime) -> int:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND_NS
