"""The loss reports of many sessions as one column: `loss` on arrays."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessioneval.model.arrays import Flags, Ints, arrow_ints
from sessioneval.sessions.loss import REASON_OF_KIND, REASONS
from sessioneval.sessions.span_batch import LLM, TOOL, Family, SpanBatch
from sessioneval.sessions.transcript_table import LOSS

_NUMBER = {reason: number for number, reason in enumerate(REASONS)}


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What became of spans and messages.

    Attributes:
        found: What stands above each span.
        rows: Rows of the model calls that may be part of the talk.
        aside, nested: Which of them are beside it; which are the work of an agent that it calls as a tool.
        known: Messages that each of them sent again.
        used: Rows that gave or confirmed a message.
        redacted, unanswered: For each session, messages that are redacted, and calls without a result.
    """

    found: Family
    rows: Ints
    aside: Flags
    nested: Flags
    known: Ints
    used: Flags
    redacted: Ints
    unanswered: Ints


def loss_columns(batch: SpanBatch, uses: Uses) -> pa.StructArray:
    """Return the loss report of each session of a batch."""
    n = batch.n_sessions
    reasons = _reasons(batch, uses)
    unused = np.flatnonzero(~uses.used)
    cells = np.bincount(batch.session[unused] * len(REASONS) + reasons[unused], minlength=n * len(REASONS))
    ignored = cells.reshape(n, len(REASONS))
    seen = np.bincount(batch.session, minlength=n)
    counts = {
        "spans_seen": seen,
        "spans_used": seen - ignored.sum(axis=1),
        "messages_deduplicated": _summed(batch.session[uses.rows], uses.known, n),
        "calls_without_result": uses.unanswered,
        "redacted": uses.redacted,
        "dropped_attributes": _summed(batch.session, batch.dropped, n),
        "session_id_conflicts": batch.conflicts,
        "clock_skew": batch.skewed,
    }
    nothing = np.zeros(n, dtype=np.int64)
    fields = [
        _ignored(ignored) if field.name == "spans_ignored" else arrow_ints(counts.get(field.name, nothing))
        for field in LOSS
    ]
    return pa.StructArray.from_arrays(fields, fields=list(LOSS))


def _summed(session: Ints, values: Ints, n_sessions: int) -> Ints:
    return np.bincount(session, weights=values, minlength=n_sessions).astype(np.int64)


def _ignored(counts: NDArray[np.int64]) -> pa.StructArray:
    kind = LOSS.field(LOSS.get_field_index("spans_ignored")).type
    return pa.StructArray.from_arrays([arrow_ints(column) for column in counts.T], fields=list(kind))


def _reasons(batch: SpanBatch, uses: Uses) -> NDArray[np.int64]:
    """Return for each row the reason why it would be ignored: the last one set counts."""
    reasons = _by_kind(batch)
    is_call = (batch.kind == LLM) & batch.has_messages
    reasons[(batch.kind == LLM) & ~batch.is_error] = _NUMBER["no_content"]
    reasons[(batch.kind == LLM) & batch.is_error] = _NUMBER["failed_call"]
    reasons[is_call & uses.found.inside_side] = _NUMBER["side_call"]
    reasons[(is_call | (batch.kind == TOOL)) & uses.found.inside_tool] = _NUMBER["nested_agent"]
    reasons[uses.rows] = np.where(uses.aside, _NUMBER["side_call"], _NUMBER["failed_call"])
    reasons[uses.rows[uses.nested]] = _NUMBER["nested_agent"]
    reasons[batch.is_marker] = _NUMBER["completion_marker"]
    return reasons


def _by_kind(batch: SpanBatch) -> NDArray[np.int64]:
    names = batch.kind_names.values.to_pylist()
    table = [_NUMBER[REASON_OF_KIND.get(name or "UNKNOWN", "not_llm")] for name in names]
    return np.array([*table, _NUMBER["not_llm"]], dtype=np.int64)[batch.kind_names.codes]
