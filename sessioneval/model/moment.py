"""Moments as text."""

from datetime import UTC, datetime


def iso_utc(moment: datetime) -> str:
    """Return an ISO 8601 text in UTC.

    Example:
        >>> iso_utc(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
        '2026-11-20T12:00:00Z'
    """
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
