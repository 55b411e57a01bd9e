"""A transcript: a session's conversation as a person would read it, and what was lost on the way."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sessioneval.model.context import SessionContext
from sessioneval.model.display import as_html, as_text
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.message import Message, ToolCall
from sessioneval.model.moment import iso_utc
from sessioneval.model.session import Session


@dataclass(frozen=True, kw_only=True)
class LossReport:
    """What happened to every span and message of a session; all values are counts.

    `spans_seen` is `spans_used` plus the sum of `spans_ignored`.

    Attributes:
        spans_seen: Distinct spans of the session.
        spans_used: Spans that a message was taken from, or that confirmed one.
        spans_ignored: Reason to number of spans.
        messages_deduplicated: Messages re-sent as history inside later model calls, counted once each time.
        calls_without_result: Tool calls whose result is in no span.
        results_without_call: Tool results whose call is in no span.
        redacted: Values that the instrumentation replaced by a redaction mark.
        truncated: Messages that the instrumentation cut.
        dropped_attributes: Attributes that SDKs dropped over their limits.
        session_id_conflicts: Spans that named another session than their outermost ancestor.
        clock_skew: Spans that ended before they started, or started before their parent.
        messages_replaced: Messages of an abandoned branch (edited or regenerated).
    """

    spans_seen: int = 0
    spans_used: int = 0
    spans_ignored: dict[str, int] = field(default_factory=dict)
    messages_deduplicated: int = 0
    calls_without_result: int = 0
    results_without_call: int = 0
    redacted: int = 0
    truncated: int = 0
    dropped_attributes: int = 0
    session_id_conflicts: int = 0
    clock_skew: int = 0
    messages_replaced: int = 0

    @property
    def n_lost(self) -> int:
        """Things that were said or done and are not, or not wholly, in the transcript."""
        return (
            self.calls_without_result
            + self.results_without_call
            + self.redacted
            + self.truncated
            + self.dropped_attributes
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all counts by name."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """A session's messages in order, with the session they belong to and the loss report.

    `str()` gives text for a terminal; a notebook shows HTML.

    Attributes:
        session: The session.
        messages: What was said, in order.
        loss: What happened to every span.
        evaluations: The newest evaluation of each name, where they were asked for.
        context: Tools, model calls and attributes, where they were asked for.
    """

    session: Session
    messages: tuple[Message, ...]
    loss: LossReport = field(default_factory=LossReport)
    evaluations: tuple[Evaluation, ...] = ()
    context: SessionContext = field(default_factory=SessionContext)

    def __str__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self.session.session_id

    @property
    def n_turns(self) -> int:
        """Number of user messages."""
        return sum(message.role == "user" for message in self.messages)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """All tool calls of the session, in order."""
        return tuple(call for message in self.messages for call in message.tool_calls)

    @property
    def loss_share(self) -> float:
        """Share of what was said that is known to be missing, 0 to 1: losses of losses and messages together."""
        n_lost = self.loss.n_lost
        return n_lost / (n_lost + len(self.messages)) if n_lost else 0.0

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of what a judge reads: roles, texts, calls and results, not ids or times.

        Two transcripts with one digest read the same, so an evaluation of one holds for the other.
        """
        said = [
            (m.role, m.content, m.name, m.agent, [(c.name, c.arguments, c.is_error) for c in m.tool_calls], m.is_error)
            for m in self.messages
        ]
        text = json.dumps(said, ensure_ascii=True, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return the object that `sessioneval transcripts` writes as one JSON line."""
        return {
            "session_id": self.session.session_id,
            "anchor_span_id": self.session.anchor_span_id,
            "start_time": iso_utc(self.session.start_time),
            "end_time": iso_utc(self.session.end_time),
            "n_traces": self.session.n_traces,
            "n_spans": self.session.n_spans,
            "messages": [message.to_dict() for message in self.messages],
            "loss": self.loss.to_dict(),
        }
