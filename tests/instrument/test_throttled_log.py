"""Logging the same thing once an interval."""

import logging

from sessioneval.instrument.throttled_log import ThrottledLog


def test_each_message_is_logged_once_within_the_interval(caplog):
    """Different messages do not hide each other; the same one with other values does."""
    log = ThrottledLog(logging.getLogger("throttled"), interval_seconds=3600)
    for number in range(3):
        log.warning("disk full after %d", number)
        log.warning("no rights after %d", number)
    assert [record.getMessage() for record in caplog.records] == ["disk full after 0", "no rights after 0"]


def test_it_is_logged_again_after_the_interval(caplog):
    """A lasting fault stays visible."""
    log = ThrottledLog(logging.getLogger("throttled"), interval_seconds=0)
    for number in range(3):
        log.warning("disk full after %d", number)
    assert len(caplog.records) == 3
