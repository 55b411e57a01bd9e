"""The spans of some sessions as columns, with the family relations that assembly asks for."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sessioneval.model.arrays import NONE, Coded, Flags, Ints
from sessioneval.sessions.message_columns import FlatMessages

KINDS = ("LLM", "TOOL", "AGENT", "CHAIN", "UNKNOWN", "GUARDRAIL", "EVALUATOR", "EMBEDDING", "RERANKER", "RETRIEVER")
LLM, TOOL, AGENT, CHAIN, UNKNOWN = range(5)
_SIDE = range(KINDS.index("GUARDRAIL"), len(KINDS))
OTHER = len(KINDS)
# No framework nests deeper; sessions that do, or whose parents form a cycle, take the exact path.
_MAX_DEPTH = 64


@dataclass(frozen=True, kw_only=True)
class SpanBatch:
    """All spans of some sessions, session after session, each in the order of `span_views`.

    Attributes:
        n_sessions: How many sessions.
        session: Number of each row's session.
        parent: Row of the parent, `NONE` where it is not among the session's spans.
        trace: A number for each trace.
        span_ids: Span ids.
        start_ns, end_ns: Times, the end not before the start.
        kind: Index into `KINDS`, or `OTHER`.
        kind_names: The kind as it stands on the span.
        is_error, is_marker: Status ERROR; carries the completion marker.
        may_have_value: Whether `input.value` or `output.value` may hold text.
        agent, name, tool_name, tool_call_id: Texts; names are there for TOOL spans only.
        tool_input, tool_parameters: Texts of TOOL spans without a call id.
        output_value: `output.value` as strings.
        dropped: Attributes that the SDK dropped.
        inputs, outputs: Messages.
        conflicts, skewed: What grouping counted, for each session.
        is_odd: Sessions that columns cannot tell exactly, by number.
    """

    n_sessions: int
    session: Ints
    parent: Ints
    trace: Ints
    span_ids: pa.Array
    start_ns: Ints
    end_ns: Ints
    kind: NDArray[np.int8]
    kind_names: Coded
    is_error: Flags
    is_marker: Flags
    may_have_value: Flags
    agent: Coded
    name: Coded
    tool_name: Coded
    tool_call_id: Coded
    tool_input: Coded
    tool_parameters: Coded
    output_value: pa.Array
    dropped: Ints
    inputs: FlatMessages
    outputs: FlatMessages
    conflicts: Ints
    skewed: Ints
    is_odd: Flags

    @property
    def has_messages(self) -> Flags:
        """Whether a span carries structured messages."""
        return (self.inputs.lengths > 0) | (self.outputs.lengths > 0)

    def doubt(self, rows: Ints) -> None:
        """Leave the sessions of some rows to the exact path."""
        self.is_odd[self.session[rows]] = True


def kind_codes(kinds: Coded) -> NDArray[np.int8]:
    """Return each span's kind as an index into `KINDS`; a missing one is UNKNOWN."""
    table = [
        KINDS.index(name or "UNKNOWN") if (name or "UNKNOWN") in KINDS else OTHER for name in kinds.values.to_pylist()
    ]
    return np.array([*table, UNKNOWN], dtype=np.int8)[kinds.codes]


@dataclass(frozen=True, kw_only=True)
class Family:
    """What stands above each row.

    Attributes:
        inside_tool, inside_side: An ancestor is a TOOL; is a guardrail, evaluator, retriever and the like.
        agent: Code of the nearest agent's name, the row's own first.
        entry: The outermost AGENT, CHAIN or LLM span at or above the row.
        has_turn: An ancestor is an AGENT or a CHAIN.
    """

    inside_tool: Flags
    inside_side: Flags
    agent: Ints
    entry: Ints
    has_turn: Flags


def family(batch: SpanBatch, agents: Ints) -> Family:
    """Walk up from all rows at once, a level at a time.

    Args:
        batch: The spans.
        agents: Code of each span's agent name.
    """
    size = len(batch.session)
    found = Family(
        inside_tool=np.zeros(size, dtype=bool),
        inside_side=np.zeros(size, dtype=bool),
        agent=agents.copy(),
        entry=np.arange(size, dtype=np.int64),
        has_turn=np.zeros(size, dtype=bool),
    )
    rows = np.flatnonzero(batch.parent != NONE)
    above = batch.parent[rows]
    for _ in range(_MAX_DEPTH):
        if not len(rows):
            return found
        _look(found, batch.kind, agents, rows, above)
        above = batch.parent[above]
        rows, above = rows[above != NONE], above[above != NONE]
    batch.doubt(rows)
    return found


def _look(found: Family, kinds: NDArray[np.int8], agents: Ints, rows: Ints, above: Ints) -> None:
    kind = kinds[above]
    found.inside_tool[rows[kind == TOOL]] = True
    found.inside_side[rows[(kind >= _SIDE.start) & (kind < _SIDE.stop)]] = True
    found.has_turn[rows[(kind == AGENT) | (kind == CHAIN)]] = True
    is_entry = (kind == AGENT) | (kind == CHAIN) | (kind == LLM)
    found.entry[rows[is_entry]] = above[is_entry]
    found.agent[rows] = np.where(found.agent[rows] == NONE, agents[above], found.agent[rows])
