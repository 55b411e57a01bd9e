"""DataFrames for notebooks: spans, sessions and evaluations of a store."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from sessioneval.analysis.current import current_rows, eval_columns, pivoted
from sessioneval.analysis.span_export import span_tables
from sessioneval.errors import UnknownName
from sessioneval.model import columns as c
from sessioneval.model.evaluation_row import from_row
from sessioneval.model.schemas import EVALUATIONS as EVALUATION_SCHEMA
from sessioneval.model.transcript import Transcript
from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import DEFAULT_MEMORY_BYTES, read_transcripts
from sessioneval.sessions.selection import Selection
from sessioneval.sessions.span_facts import DEFAULT_COMPLETION
from sessioneval.store.stitches import read_stitches
from sessioneval.store.store import Store

if TYPE_CHECKING:  # annotations only
    from sessioneval.reader.listing import Listing, StoredSession

_SCORE = ".score"


def spans_df(
    store: "str | PathLike[str] | Store",
    selection: Selection | None = None,
    *,
    identifiers: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the spans of a store, one row each, ordered by start time.

    Args:
        store: The store, or its directory.
        selection: Which sessions; with a selection, spans of no session are left out.
        identifiers: Evaluator name to the fingerprint that counts; by default the one that judged last.

    Returns:
        The columns of `sessioneval.model.columns` (those of Arize and Phoenix span DataFrames), and
        ``session_eval.<name>.label/.score/.explanation``, filled on the anchor row of each session and
        null elsewhere.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    spans = pa.concat_tables(span_tables(store, selection, identifiers=identifiers))
    frame: pd.DataFrame = spans.to_pandas().sort_values([c.START_TIME, c.SPAN_ID], ignore_index=True)
    return frame


def _eval_frame(rows: Sequence[Mapping[str, Any]], sessions: Sequence[str]) -> pd.DataFrame:
    """Return the pivoted evaluations, one row for each of `sessions`."""
    values = pivoted(rows)
    columns = {
        name: pa.array(
            [values.get(session, {}).get(name) for session in sessions],
            pa.float64() if name.endswith(_SCORE) else pa.string(),
        )
        for name in eval_columns(rows)
    }
    frame: pd.DataFrame = pa.table(columns).to_pandas()
    return frame


def sessions_df(
    store: "str | PathLike[str] | Store",
    selection: Selection | None = None,
    *,
    completion: tuple[str, str] = DEFAULT_COMPLETION,
    identifiers: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the sessions of a store, one row each, indexed by `session_id`, ordered by start time.

    Args:
        store: The store, or its directory.
        selection: Which sessions; all by default.
        completion: Attribute key and value that mark a session as ended.
        identifiers: Evaluator name to the fingerprint that counts; by default the one that judged last.

    Returns:
        Columns: the fields of `Session`; ``duration_seconds``, ``n_messages``, ``n_turns`` (user
        messages), ``n_tool_calls``; ``stitch_confidence``, null for a session whose spans carry its id; each count
        of the loss report as ``loss.<name>`` and ``loss.share`` (`Transcript.loss_share`); ``session_eval.<name>.*``; ``session_eval.<name>.is_stale`` where the session went on after
        it was judged.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    return sessions_frame(list_sessions(Store.existing(store), selection, completion), identifiers)


def sessions_frame(
    listing: "Listing", identifiers: Mapping[str, str] | None = None, *, memory_bytes: int = DEFAULT_MEMORY_BYTES
) -> pd.DataFrame:
    """Return `sessions_df` of sessions that are listed.

    Args:
        listing: The sessions.
        identifiers: Evaluator name to the fingerprint that counts; by default the one that judged last.
        memory_bytes: What messages may take up while they are read.
    """
    rows = current_rows(listing.store.evaluations(), identifiers)
    made = map(_record, read_transcripts(listing, memory_bytes=memory_bytes))
    records = sorted(made, key=lambda record: (record["start_time"], record["session_id"]))
    frame = pd.DataFrame(records, columns=None if records else _record_names())
    ids = list(frame["session_id"])
    confidences = dict(read_stitches(listing.store.path).values())
    frame["stitch_confidence"] = pd.Series([confidences.get(session_id) for session_id in ids], dtype="float64")
    stale = _stale_frame(rows, listing.sessions)
    return pd.concat([frame, _eval_frame(rows, ids), stale], axis=1).set_index("session_id")


_SESSION_FIELDS = (
    "session_id",
    "anchor_span_id",
    "user_id",
    "source",
    "agent_version",
    "start_time",
    "end_time",
    "n_spans",
    "n_traces",
    "n_errors",
    "total_tokens",
    "is_complete",
    "tags",
    "metadata",
)
_LOSS_FIELDS = (
    "spans_used",
    "messages_deduplicated",
    "messages_replaced",
    "calls_without_result",
    "results_without_call",
    "redacted",
    "truncated",
    "dropped_attributes",
    "session_id_conflicts",
    "clock_skew",
)


def _record(transcript: Transcript) -> dict[str, Any]:
    session = transcript.session
    return {
        **{name: getattr(session, name) for name in _SESSION_FIELDS},
        "duration_seconds": (session.end_time - session.start_time).total_seconds(),
        "n_messages": len(transcript.messages),
        "n_turns": transcript.n_turns,
        "n_tool_calls": len(transcript.tool_calls),
        **{f"loss.{name}": getattr(transcript.loss, name) for name in _LOSS_FIELDS},
        "loss.spans_ignored": sum(transcript.loss.spans_ignored.values()),
        "loss.share": transcript.loss_share,
    }


def _record_names() -> list[str]:
    counts = ("duration_seconds", "n_messages", "n_turns", "n_tool_calls")
    return [*_SESSION_FIELDS, *counts, *(f"loss.{name}" for name in _LOSS_FIELDS), "loss.spans_ignored", "loss.share"]


def _stale_frame(rows: Sequence[Mapping[str, Any]], sessions: Sequence["StoredSession"]) -> pd.DataFrame:
    """Return for each session and evaluator whether the session has other spans than were judged."""
    judged = {(row["session_id"], row["name"]): row["spans_digest"] for row in rows if row["status"] == "evaluated"}
    names = sorted({row["name"] for row in rows})
    return pd.DataFrame(
        {
            f"session_eval.{name}.is_stale": pd.array(
                [
                    None
                    if (digest := judged.get((stored.session.session_id, name))) is None
                    else digest != stored.session.spans_digest
                    for stored in sessions
                ],
                dtype="boolean",
            )
            for name in names
        },
        index=range(len(sessions)),
    )


def evaluations_df(store: "str | PathLike[str] | Store", *, history: bool = False) -> pd.DataFrame:
    """Return the evaluations of a store, one row for each decision.

    Args:
        store: The store, or its directory.
        history: All decisions ever made, oldest first; by default only the one that counts for each
            (session, evaluator), which answers "what is the score" and "why is there none".

    Returns:
        The columns of the evaluations table: session_id, name, label, score, explanation, status,
        reason, error, identifier, model, usage and times.

    Raises:
        StoreError: There is no store, or it cannot be read.
    """
    table = Store.existing(store).evaluations()
    if not history:
        table = pa.Table.from_pylist(current_rows(table), schema=EVALUATION_SCHEMA)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def transcript(store: "str | PathLike[str] | Store", session_id: str) -> Transcript:
    """Return one session's transcript with the evaluations that count; a notebook shows it as HTML.

    Raises:
        UnknownName: The store has no such session; the nearest id is named.
        StoreError: There is no store, or it cannot be read.
    """
    opened = Store.existing(store)
    listing = list_sessions(opened)
    stored = [found for found in listing.sessions if found.session.session_id == session_id]
    if not stored:
        raise UnknownName.among("session", session_id, (found.session.session_id for found in listing.sessions))
    found = next(read_transcripts(listing, stored))
    rows = [row for row in current_rows(opened.evaluations()) if row["session_id"] == session_id]
    evaluations = tuple(from_row(row) for row in sorted(rows, key=lambda row: str(row["name"])))
    return Transcript(session=found.session, messages=found.messages, loss=found.loss, evaluations=evaluations)
