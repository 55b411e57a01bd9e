"""The spans of one session as objects, with the family relations that assembly asks for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.semconv.genai_messages import TRUNCATED_ROLE

# What assembly reads of the spans of a session, besides what grouping read.
COLUMNS = (
    c.TRACE_ID,
    c.SPAN_ID,
    c.PARENT_ID,
    c.NAME,
    c.SPAN_KIND,
    c.START_TIME,
    c.END_TIME,
    c.STATUS_CODE,
    c.AGENT_NAME,
    c.INPUT_VALUE,
    c.OUTPUT_VALUE,
    c.INPUT_MESSAGES,
    c.OUTPUT_MESSAGES,
    c.RESPONSE_ID,
    c.TOOL_NAME,
    c.TOOL_CALL_ID,
    c.TOOL_PARAMETERS,
    c.SESSION_STATUS,
    c.DROPPED_ATTRIBUTES,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class SpanView:
    """One span of a session; `parent` is None where the parent is not among the session's spans."""

    trace_id: str
    span_id: str
    name: str
    kind: str
    start_ns: int
    end_ns: int
    is_error: bool
    agent: str | None
    inputs: Sequence[Mapping[str, Any]]
    outputs: Sequence[Mapping[str, Any]]
    input_value: str | None
    output_value: str | None
    response_id: str | None
    tool_name: str | None
    tool_call_id: str | None
    tool_parameters: str | None
    is_marker: bool
    dropped_attributes: int
    parent_id: str | None
    ancestors: "tuple[SpanView, ...]" = field(default=(), repr=False)

    @property
    def parent(self) -> "SpanView | None":
        """The parent span."""
        return self.ancestors[0] if self.ancestors else None

    @property
    def has_messages(self) -> bool:
        """Whether the span carries structured messages."""
        return bool(self.inputs or self.outputs)

    @property
    def has_cut_input(self) -> bool:
        """Whether a limit on the length of attributes cut the input, so that its newest messages are missing."""
        return any(message.get(c.MESSAGE_ROLE) == TRUNCATED_ROLE for message in self.inputs)

    def nearest_agent(self) -> str | None:
        """Return the agent named by the span or its nearest ancestor that names one."""
        return next((span.agent for span in (self, *self.ancestors) if span.agent), None)

    def inside(self, *kinds: str) -> bool:
        """Return whether an ancestor is of one of `kinds`."""
        return any(span.kind in kinds for span in self.ancestors)


def span_views(spans: pa.Table) -> list[SpanView]:
    """Return the spans of one session (a table with `COLUMNS`), ordered by (start, depth, span id).

    The order of the rows does not matter. Parent cycles are cut.
    """
    rows = _rows(spans)
    by_id = {(row[c.TRACE_ID], row[c.SPAN_ID]): row for row in rows}
    views: dict[tuple[str, str], SpanView] = {}
    for row in rows:
        for key in reversed(_path(row, by_id)):
            if key not in views:
                views[key] = _view(by_id[key], views)
    return sorted(views.values(), key=lambda span: (span.start_ns, len(span.ancestors), span.span_id, span.trace_id))


def _rows(spans: pa.Table) -> list[dict[str, Any]]:
    times = {name: pc.fill_null(spans.column(name).cast(pa.int64()), 0) for name in (c.START_TIME, c.END_TIME)}
    for name, column in times.items():
        spans = spans.set_column(spans.column_names.index(name), name, column)
    return sorted(spans.to_pylist(), key=lambda row: (row[c.START_TIME], row[c.SPAN_ID], row[c.TRACE_ID]))


def _path(row: Mapping[str, Any], by_id: Mapping[tuple[str, str], Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the keys from the row up to its root; a cycle is cut where it would repeat."""
    path = {(row[c.TRACE_ID], row[c.SPAN_ID]): None}
    while (key := (row[c.TRACE_ID], row[c.PARENT_ID])) in by_id and key not in path:
        path[key] = None
        row = by_id[key]
    return list(path)


def _view(row: Mapping[str, Any], views: Mapping[tuple[str, str], SpanView]) -> SpanView:
    parent = views.get((row[c.TRACE_ID], row[c.PARENT_ID]))
    return SpanView(
        trace_id=row[c.TRACE_ID],
        span_id=row[c.SPAN_ID],
        parent_id=row[c.PARENT_ID],
        name=row[c.NAME] or "",
        kind=row[c.SPAN_KIND] or "UNKNOWN",
        start_ns=row[c.START_TIME],
        end_ns=max(row[c.END_TIME], row[c.START_TIME]),
        is_error=row[c.STATUS_CODE] == "ERROR",
        agent=row[c.AGENT_NAME] or None,
        inputs=row[c.INPUT_MESSAGES] or (),
        outputs=row[c.OUTPUT_MESSAGES] or (),
        input_value=row[c.INPUT_VALUE],
        output_value=row[c.OUTPUT_VALUE],
        response_id=row[c.RESPONSE_ID],
        tool_name=row[c.TOOL_NAME],
        tool_call_id=row[c.TOOL_CALL_ID],
        tool_parameters=row[c.TOOL_PARAMETERS],
        is_marker=row[c.SESSION_STATUS] is not None,
        dropped_attributes=row[c.DROPPED_ATTRIBUTES] or 0,
        ancestors=(parent, *parent.ancestors) if parent else (),
    )


def traces(spans: Sequence[SpanView]) -> Iterator[list[SpanView]]:
    """Yield the spans of each trace, traces by their first span."""
    by_trace: dict[str, list[SpanView]] = {}
    for span in spans:
        by_trace.setdefault(span.trace_id, []).append(span)
    yield from by_trace.values()
