"""A span as it arrived, before its attributes are normalised."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


class RawEvent(NamedTuple):
    """An event of a span; `time_ns` is Unix time in nanoseconds."""

    name: str
    time_ns: int
    attributes: Mapping[str, Any]


class RawSpan(NamedTuple):
    """A span with its attributes as plain Python values, whatever it was read from.

    Attribute values are str, bool, int, float, bytes, None, or nested lists and dicts of these.
    `session_id` on the resource is looked up in `resource`. Times are Unix nanoseconds.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    kind: str = "INTERNAL"
    status_code: str = "UNSET"
    status_message: str = ""
    events: Sequence[RawEvent] = ()
    links: Sequence[Mapping[str, Any]] = ()
    resource: Mapping[str, Any] = {}
    scope_name: str = ""
    scope_version: str = ""
    trace_state: str = ""
    dropped_attributes: int = 0
