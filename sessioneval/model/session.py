"""A session: all spans that share one session id."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is known of a session without reading its messages.

    Attributes:
        session_id: The id as the application wrote it; hostile input, never used as a path.
        anchor_span_id: The earliest span by (start time, root before child, span id); evaluations
            are shown on it.
        start_time, end_time: First start and last end of its spans, UTC.
        n_spans, n_traces: How many distinct spans and traces it has.
        n_errors: How many of its spans have status ERROR.
        total_tokens: Sum of prompt and completion tokens over its LLM spans, where they say.
        user_id, source, agent_version: The first non-empty value in span order.
        metadata: The first non-empty ``metadata`` object in span order.
        tags: The distinct tags of all spans, in order of first appearance.
        is_complete: Whether a span carries the completion marker.
        spans_digest: Changes whenever a span of the session is added or replaced; 16 hex digits.
    """

    session_id: str
    anchor_span_id: str
    start_time: datetime
    end_time: datetime
    n_spans: int
    n_traces: int
    n_errors: int = 0
    total_tokens: int = 0
    user_id: str | None = None
    source: str | None = None
    agent_version: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    is_complete: bool = False
    spans_digest: str = ""
