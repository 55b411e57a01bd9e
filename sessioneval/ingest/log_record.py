"""A log record as it arrived, before it is known whether it says anything about a conversation."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class LogRecord(NamedTuple):
    """A log record with plain Python values, whatever it was read from.

    `time_ns` is the time of the event, or of its observation where that is not given, in Unix nanoseconds.
    """

    trace_id: str
    span_id: str
    time_ns: int
    event_name: str
    body: Any
    attributes: Mapping[str, Any]
    resource: Mapping[str, Any]
    scope_name: str = ""
    scope_version: str = ""
