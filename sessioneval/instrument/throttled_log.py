"""A logger that says the same thing at most once an interval."""

import logging
import time


class ThrottledLog:
    """Logs each distinct message at most once in `interval_seconds`.

    A full disk fails every batch; one line every 20 seconds (the interval of the SDK's own filter) tells
    as much as thousands. There is no lock on purpose: a lock could be held by another thread at a fork and
    stay locked in the child, and the worst a race does is log twice.
    """

    def __init__(self, logger: logging.Logger, *, interval_seconds: float = 20.0) -> None:
        self._logger = logger
        self._interval_seconds = interval_seconds
        self._last_logged: dict[str, float] = {}

    def warning(self, message: str, *args: object) -> None:
        """Log a warning unless this `message` (before formatting) was logged within the interval."""
        now = time.monotonic()
        last = self._last_logged.get(message)
        if last is None or now - last >= self._interval_seconds:
            self._last_logged[message] = now
            self._logger.warning(message, *args)
