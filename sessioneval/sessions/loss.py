"""Accounting for every span of a session: used, or ignored with a reason from a closed list."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sessioneval.model.message import Message
from sessioneval.model.session import Session
from sessioneval.model.transcript import LossReport, Transcript
from sessioneval.semconv.cut_json import CUT
from sessioneval.sessions.lanes import Entry, Lane
from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.tool_results import ToolJoin
from sessioneval.sessions.utterances import REDACTED

Reason = Literal[
    "wrapper",  # repeats what the spans inside it say
    "side_call",  # a model call beside the talk: title, guardrail, routing, summary
    "nested_agent",  # inside a tool call: the talk shows the call and its result
    "duplicate_call",  # the same model call shown by a second instrumentation
    "failed_call",  # a model call that gave no answer
    "tool_without_call",  # a tool execution that no message asks for
    "completion_marker",  # says that the session ended
    "evaluator",  # an evaluation of the app's own
    "retrieval",  # retriever, reranker or embedding
    "guardrail",
    "no_content",  # content was not recorded
    "not_llm",  # no span of an LLM app: HTTP, database, the app's own
    "not_assembled",  # a fault of ours: the log says what it was
]
REASONS: tuple[str, ...] = get_args(Reason)

REASON_OF_KIND: dict[str, Reason] = {
    "EVALUATOR": "evaluator",
    "RETRIEVER": "retrieval",
    "RERANKER": "retrieval",
    "EMBEDDING": "retrieval",
    "GUARDRAIL": "guardrail",
    "TOOL": "tool_without_call",
    "AGENT": "wrapper",
    "CHAIN": "wrapper",
    "PROMPT": "wrapper",
}


@dataclass(frozen=True, kw_only=True)
class SessionFaults:
    """What grouping noticed about a session; counts of spans."""

    session_id_conflicts: int = 0
    clock_skew: int = 0


class Accounts:
    """Which span was used for what, kept while a transcript is assembled."""

    def __init__(self, spans: Sequence[SpanView]) -> None:
        self._spans = spans
        self._used: set[int] = set()
        self._ignored: dict[int, Reason] = {}
        self._children: dict[int, list[SpanView]] = {}
        for span in spans:
            if span.parent is not None:
                self._children.setdefault(id(span.parent), []).append(span)

    def children(self, span: SpanView) -> list[SpanView]:
        """Return the direct children of a span."""
        return self._children.get(id(span), [])

    def ignore(self, span: SpanView, reason: Reason) -> None:
        """Note why a span gave no message."""
        self._ignored[id(span)] = reason

    def use(self, span: SpanView) -> None:
        """Note that a message came from a span, or was confirmed by it."""
        self._used.add(id(span))

    def use_messages(self, messages: Sequence[Message], entries: Sequence[Entry], tools: ToolJoin) -> None:
        """Note the spans behind the messages of the finished talk."""
        ids = {message.span_id for message in messages}
        for span in self._spans:
            if span.span_id in ids:
                self.use(span)
        for entry in entries:
            self.use(entry.said.call)
        for execution in (*tools.span_of_call.values(), *tools.span_of_result.values()):
            self.use(execution)

    def use_calls(self, lanes: Sequence[Lane]) -> None:
        """Note the calls that were folded in: an answer makes them part of the talk even if re-sent later."""
        for lane in lanes:
            duplicates = set(map(id, lane.duplicates))
            for call in lane.calls:
                if id(call) in duplicates and id(call) not in self._used:
                    self.ignore(call, "duplicate_call")
                elif id(call) not in self._ignored:
                    self._settle(call)

    def _settle(self, call: SpanView) -> None:
        if call.outputs or id(call) in self._used:
            self.use(call)
        else:
            self.ignore(call, "failed_call")

    def truncated(self, messages: Sequence[Message]) -> int:
        """Return how many messages a limit on the length of attributes cut."""
        has_cuts = any(span.has_cut_input for span in self._spans)
        return sum(message.content.endswith(CUT) for message in messages) if has_cuts else 0

    def dropped_attributes(self) -> int:
        """Return how many attributes SDKs dropped over their limits."""
        return sum(span.dropped_attributes for span in self._spans)

    def totals(self) -> tuple[int, dict[str, int]]:
        """Return the number of spans used, and the number ignored by reason."""
        ignored = Counter(self._reason(span) for span in self._spans if id(span) not in self._used)
        return len(self._spans) - ignored.total(), dict(sorted(ignored.items()))

    def _reason(self, span: SpanView) -> Reason:
        if span.is_marker:
            return "completion_marker"
        noted = self._ignored.get(id(span))
        if noted is not None:
            return noted
        if span.kind == "LLM":
            return "failed_call" if span.is_error else "no_content"
        return REASON_OF_KIND.get(span.kind, "not_llm")


def without_messages(session: Session, n_spans: int) -> Transcript:
    """Return the transcript of a session that could not be assembled: all its spans are accounted for, none is used."""
    reason: Reason = "not_assembled"
    return Transcript(
        session=session, messages=(), loss=LossReport(spans_seen=n_spans, spans_ignored={reason: n_spans})
    )


def loss_report(
    accounts: Accounts, messages: Sequence[Message], lanes: Sequence[Lane], tools: ToolJoin, faults: SessionFaults
) -> LossReport:
    """Return the counts of a finished transcript."""
    accounts.use_calls(lanes)
    used, ignored = accounts.totals()
    results = [message for message in messages if message.role == "tool"]
    answered = {(id(question.entry), question.position) for question in tools.call_of_result.values()}
    return LossReport(
        spans_seen=used + sum(ignored.values()),
        spans_used=used,
        spans_ignored=ignored,
        messages_deduplicated=sum(lane.deduplicated for lane in lanes),
        messages_replaced=sum(lane.replaced for lane in lanes),
        calls_without_result=sum(len(message.tool_calls) for message in messages) - len(answered),
        results_without_call=len(results) - len(answered),
        redacted=sum(message.content == REDACTED for message in messages),
        truncated=accounts.truncated(messages),
        dropped_attributes=accounts.dropped_attributes(),
        session_id_conflicts=faults.session_id_conflicts,
        clock_skew=faults.clock_skew,
    )
