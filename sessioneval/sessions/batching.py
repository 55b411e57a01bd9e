"""Building a batch of whole sessions from pieces of files that hold their spans."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Coded, Flags, Ints, arrow_flags, arrow_ints, is_valid, numpy_of
from sessioneval.model.nested import compacted
from sessioneval.sessions.message_columns import FlatMessages, flatten, joined_codes, joined_messages
from sessioneval.sessions.span_batch import AGENT, CHAIN, TOOL, SpanBatch, kind_codes

# What is read of the spans of a session besides what grouping read.
COLUMNS = (
    c.INPUT_MESSAGES,
    c.OUTPUT_MESSAGES,
    c.AGENT_NAME,
    c.TOOL_CALL_ID,
    c.OUTPUT_VALUE,
    c.DROPPED_ATTRIBUTES,
)
# What is read besides where there are spans of tools, and where these do not say which call they execute.
OF_TOOLS = (c.NAME, c.TOOL_NAME)
OF_TOOLS_WITHOUT_ID = (c.INPUT_VALUE, c.TOOL_PARAMETERS)
ROW = "row"
HAS_INPUT_VALUE = "has_input_value"


def piece(table: pa.Table, rows: Ints, *, has_input_value: bool) -> pa.RecordBatch:
    """Return one row group's columns as a piece.

    Args:
        table: `COLUMNS` of consecutive spans, texts as dictionary codes where they can be; columns may be missing.
        rows: For each span its row in the listing, `NONE` where it is not wanted.
        has_input_value: Whether `input.value` may hold text.
    """
    columns = {ROW: arrow_ints(rows), HAS_INPUT_VALUE: arrow_flags(np.full(len(rows), has_input_value))}
    for name in table.column_names:
        columns[name] = _one(table.column(name))
    made = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return made if (rows != NONE).all() else taken(made, np.flatnonzero(rows != NONE))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)


def taken(piece: pa.RecordBatch, places: Ints) -> pa.RecordBatch:
    """Return some rows of a piece, their dictionaries cut down to what they use."""
    rows = piece.take(arrow_ints(places))
    return pa.RecordBatch.from_arrays([compacted(column) for column in rows.columns], names=piece.schema.names)


def rows_of(piece: pa.RecordBatch) -> Ints:
    """Return the listing rows of a piece."""
    return np.asarray(numpy_of(piece.column(ROW)), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is known of the sessions of a batch before messages are read.

    Attributes:
        keys: Ids, times, kind and status of the spans (columns of grouping), session after session in order.
        rows: Their rows in the listing.
        session: Number of each span's session.
        parent: Row of the parent among `keys`, `NONE` if there is none.
        conflicts, skewed: Counts for each session.
        is_odd: Sessions that take the exact path whatever their messages say.
    """

    keys: pa.Table
    rows: Ints
    session: Ints
    parent: Ints
    conflicts: Ints
    skewed: Ints
    is_odd: Flags


def span_batch(frame: Frame, pieces: Sequence[pa.RecordBatch]) -> SpanBatch:
    """Return the batch of a frame; sessions with a span that is in no piece are odd."""
    place, is_odd = _places(frame, pieces)
    keys = frame.keys
    kinds = Coded.of(_one(keys.column(c.SPAN_KIND)), keys.num_rows)
    start = _times(keys, c.START_TIME)
    output_value = _output_values(pieces, place)
    has_value = _flags(pieces, place) | (_lengths(output_value) != 0)
    ids = _texts(pieces, c.TOOL_CALL_ID).take(place)
    kind = kind_codes(kinds)
    is_nameless = (kind == TOOL) & (ids.codes == NONE)
    return SpanBatch(
        n_sessions=len(frame.conflicts),
        session=frame.session,
        parent=frame.parent,
        trace=_codes(keys.column(c.TRACE_ID)),
        span_ids=_one(keys.column(c.SPAN_ID)),
        start_ns=start,
        end_ns=np.maximum(_times(keys, c.END_TIME), start),
        kind=kind,
        kind_names=kinds,
        is_error=_equal(keys.column(c.STATUS_CODE), "ERROR"),
        is_marker=is_valid(keys.column(c.SESSION_STATUS)),
        may_have_value=has_value,
        agent=_texts(pieces, c.AGENT_NAME).take(place),
        name=_texts(pieces, c.NAME).take(place),
        tool_name=_texts(pieces, c.TOOL_NAME).take(place),
        tool_call_id=ids,
        tool_input=_only(_texts(pieces, c.INPUT_VALUE).take(place), is_nameless),
        tool_parameters=_only(_texts(pieces, c.TOOL_PARAMETERS).take(place), is_nameless),
        output_value=output_value,
        dropped=_dropped(pieces)[place],
        inputs=_messages(pieces, c.INPUT_MESSAGES, place),
        outputs=_messages(pieces, c.OUTPUT_MESSAGES, place),
        conflicts=frame.conflicts,
        skewed=frame.skewed,
        is_odd=is_odd,
    )


def _places(frame: Frame, pieces: Sequence[pa.RecordBatch]) -> tuple[Ints, Flags]:
    """Return for each span of the frame its place among the rows of all pieces."""
    rows = np.concatenate([rows_of(each) for each in pieces]) if pieces else np.zeros(0, np.int64)
    order = np.argsort(rows, kind="stable")
    place = np.minimum(np.searchsorted(rows[order], frame.rows), max(len(rows) - 1, 0))
    place = order[place] if len(rows) else place
    is_odd = frame.is_odd.copy()
    is_odd[frame.session[rows[place] != frame.rows] if len(rows) else frame.session] = True
    return place, is_odd


def _times(keys: pa.Table, name: str) -> Ints:
    return np.asarray(numpy_of(keys.column(name)), dtype=np.int64)


def _codes(column: pa.ChunkedArray) -> Ints:
    return np.asarray(numpy_of(_one(column).dictionary_encode().indices), dtype=np.int64)


def _equal(column: pa.ChunkedArray, text: str) -> Flags:
    coded = Coded.of(_one(column), len(column))
    same = np.array([value == text for value in coded.values.to_pylist()] + [False])
    return np.asarray(same[coded.codes], dtype=bool)


def _column(each: pa.RecordBatch, name: str) -> pa.Array | None:
    index = each.schema.get_field_index(name)
    return each.column(index) if index >= 0 else None


def _texts(pieces: Sequence[pa.RecordBatch], name: str) -> Coded:
    return joined_codes([Coded.of(_column(each, name), each.num_rows) for each in pieces])


def _only(texts: Coded, kept: Flags) -> Coded:
    return Coded(codes=np.where(kept, texts.codes, NONE), values=texts.values)


def _messages(pieces: Sequence[pa.RecordBatch], name: str, place: Ints) -> FlatMessages:
    if len(pieces) == 1 and (column := _column(pieces[0], name)) is not None:
        return flatten(column, place)
    everything = [
        flatten(column, np.arange(each.num_rows))
        if (column := _column(each, name)) is not None
        else FlatMessages.none(each.num_rows)
        for each in pieces
    ]
    return joined_messages(everything).take(place)


def _flags(pieces: Sequence[pa.RecordBatch], place: Ints) -> Flags:
    flags = [numpy_of(each.column(HAS_INPUT_VALUE)) for each in pieces]
    return np.asarray(np.concatenate(flags)[place], dtype=bool)


def _dropped(pieces: Sequence[pa.RecordBatch]) -> Ints:
    counts = []
    for each in pieces:
        column = _column(each, c.DROPPED_ATTRIBUTES)
        none = np.zeros(each.num_rows, dtype=np.int64)
        counts.append(none if column is None else numpy_of(column))
    return np.concatenate(counts)


def _output_values(pieces: Sequence[pa.RecordBatch], place: Ints) -> pa.Array:
    """Return `output.value` of each span of the frame."""
    values = [
        pa.nulls(each.num_rows, pa.string()) if (column := _column(each, c.OUTPUT_VALUE)) is None else _plain(column)
        for each in pieces
    ]
    return pa.concat_arrays(values).take(arrow_ints(place))


def _plain(column: pa.Array) -> pa.Array:
    plain = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return plain.cast(pa.string())


def _lengths(texts: pa.Array) -> Ints:
    return np.asarray(numpy_of(pc.binary_length(texts)), dtype=np.int64)


def tools_and_turns(kinds: pa.ChunkedArray) -> tuple[Flags, Flags]:
    """Return which spans are tools, and of which `output.value` may matter: tools, agents and chains."""
    codes = kind_codes(Coded.of(_one(kinds), len(kinds)))
    return np.asarray(codes == TOOL), np.isin(codes, (TOOL, AGENT, CHAIN))
