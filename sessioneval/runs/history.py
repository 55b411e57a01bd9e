"""What earlier runs decided, on columns: objects are made only of what a run asks for."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.evaluators.base import Evaluator
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import from_row
from sessioneval.sessions.due import OVER_BUDGET

Flags = NDArray[np.bool_]
_SEPARATOR = "\0"


class History:
    """What earlier runs decided; votes, which are parts of verdicts, are no decisions.

    Args:
        evaluations: Rows of `Store.evaluations`, oldest first.
    """

    def __init__(self, evaluations: pa.Table) -> None:
        self._decisions = evaluations.filter(pc.is_null(evaluations.column("vote_of")))
        self._pasts: dict[tuple[str, str], Past] = {}

    def of(self, evaluator: Evaluator) -> "Past":
        """Return what one evaluator decided, with exactly its fingerprint."""
        key = (evaluator.name, evaluator.identifier)
        if key not in self._pasts:
            rows = self._decisions
            is_its = pc.and_(pc.equal(rows.column("name"), key[0]), pc.equal(rows.column("identifier"), key[1]))
            self._pasts[key] = Past(rows.filter(is_its))
        return self._pasts[key]

    def judgement(self, session_id: str, evaluator: Evaluator, transcript_digest: str) -> Evaluation | None:
        """Return what the evaluator decided about exactly this transcript, if it did and the session is loaded."""
        return self.of(evaluator).judgement(session_id, transcript_digest)

    def repeats(self, evaluation: Evaluation, evaluator: Evaluator) -> bool:
        """Return whether the newest row about the pair is this very skip: another would be noise."""
        newest = self.of(evaluator).newest(evaluation.session_id)
        return evaluation.status == "skipped" and newest == ("skipped", evaluation.reason)


class Past:
    """What one evaluator decided.

    Args:
        rows: Its decisions, oldest first.
    """

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._ids = _one_piece(rows.column("session_id"))
        self._row_of_text: dict[tuple[str, str], int] = {}
        self._newest: dict[str, tuple[str, str | None]] = {}

    def knows(self, ids: pa.Array) -> Flags:
        """Return which sessions it decided something about."""
        return _flags(pc.is_in(ids, value_set=self._ids))

    def has_judged(self, ids: pa.Array, spans_digests: Sequence[str]) -> Flags:
        """Return which sessions it has judged with exactly these spans."""
        asked = pc.binary_join_element_wise(ids, pa.array(spans_digests, pa.string()), _SEPARATOR)
        return _flags(pc.is_in(asked, value_set=self._judged_spans))

    def failed_last(self, ids: pa.Array) -> Flags:
        """Return of which sessions the newest decision is a failure."""
        coded = self._ids.dictionary_encode()
        last = np.zeros(len(coded.dictionary), dtype=np.int64)
        # Of equal places the last assignment stays, and the rows are oldest first.
        last[coded.indices.to_numpy(zero_copy_only=False)] = np.arange(len(coded))
        statuses = _one_piece(self._rows.column("status")).take(pa.array(last))
        return _flags(pc.is_in(ids, value_set=coded.dictionary.filter(pc.equal(statuses, "failed"))))

    def load(self, ids: pa.Array) -> None:
        """Make what is known of some sessions ready for `judgement` and `newest`."""
        chosen = np.flatnonzero(_flags(pc.is_in(self._ids, value_set=ids)))
        names = ("session_id", "transcript_digest", "status", "reason")
        columns = [self._rows.column(name).take(pa.array(chosen)).to_pylist() for name in names]
        for row, session_id, digest, status, reason in zip(chosen.tolist(), *columns, strict=True):
            self._newest[session_id] = (status, reason)
            if status == "evaluated":
                self._row_of_text[session_id, digest] = row

    def judgement(self, session_id: str, transcript_digest: str) -> Evaluation | None:
        """Return the judgement of exactly this transcript, where the session is loaded."""
        row = self._row_of_text.get((session_id, transcript_digest))
        return None if row is None else from_row(self._rows.slice(row, 1).to_pylist()[0])

    def newest(self, session_id: str) -> tuple[str, str | None] | None:
        """Return status and reason of the newest decision about a session, where it is loaded."""
        return self._newest.get(session_id)

    @cached_property
    def _judged_spans(self) -> pa.Array:
        judged = self._rows.filter(_is_settled(self._rows))
        columns: Iterable[Any] = (_one_piece(judged.column(name)) for name in ("session_id", "spans_digest"))
        return pc.binary_join_element_wise(*columns, _SEPARATOR)


def _is_settled(rows: pa.Table) -> pa.ChunkedArray:
    """Say which rows need not be decided again: judgements, and skips that a model was paid for."""
    status, reason, calls = (rows.column(name) for name in ("status", "reason", "calls"))
    is_paid = pc.and_(pc.greater(calls, 0), pc.not_equal(pc.fill_null(reason, ""), OVER_BUDGET))
    return pc.or_(pc.equal(status, "evaluated"), pc.and_(pc.equal(status, "skipped"), is_paid))


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    return combined.cast(pa.string()) if combined.type != pa.string() else combined


def _flags(truth: pa.Array) -> Flags:
    return np.asarray(truth.to_numpy(zero_copy_only=False), dtype=bool)
