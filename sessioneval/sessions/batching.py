"""Building a batch of whole sessions from pieces of files that hold their spans."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Coded, Flags, Ints, arrow_flags, arrow_ints, combined, numpy_of
from sessioneval.model.nested import compacted
from sessioneval.model.schemas import SPANS
from sessioneval.model.words import words_of
from sessioneval.sessions.message_columns import FlatMessages, flatten, joined_codes, joined_messages
from sessioneval.sessions.span_batch import AGENT, CHAIN, TOOL, SpanBatch, kind_codes

_CODED = pa.dictionary(pa.int32(), pa.string())
# What is read of every span, and how.
KEYS = pa.schema(
    [SPANS.field(name) for name in (c.TRACE_ID, c.SPAN_ID, c.START_TIME, c.END_TIME)]
    + [SPANS.field(name).with_type(_CODED) for name in (c.SPAN_KIND, c.STATUS_CODE, c.SESSION_STATUS)]
)
# What is read besides, where a file has it.
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
        table: `KEYS` and `COLUMNS` of consecutive spans, texts as dictionary codes where they can be; columns may be missing.
        rows: For each span its row in the listing, `NONE` where it is not wanted.
        has_input_value: Whether `input.value` may hold text.
    """
    columns = {ROW: arrow_ints(rows), HAS_INPUT_VALUE: arrow_flags(np.full(len(rows), has_input_value))}
    for name in table.column_names:
        columns[name] = combined(table.column(name))
    made = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
    return made if (rows != NONE).all() else taken(made, np.flatnonzero(rows != NONE))


def taken(piece: pa.RecordBatch, places: Ints) -> pa.RecordBatch:
    """Return some rows of a piece, their dictionaries cut down to what they use."""
    rows = piece.take(arrow_ints(places))
    return pa.RecordBatch.from_arrays([compacted(column) for column in rows.columns], names=piece.schema.names)


def rows_of(piece: pa.RecordBatch) -> Ints:
    """Return the listing rows of a piece."""
    return np.asarray(numpy_of(piece.column(ROW)), dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is known of the sessions of a batch before their spans are read.

    Attributes:
        rows: Rows of the spans in the listing, session after session in order.
        session: Number of each span's session.
        parent: Place of the parent among `rows`, `NONE` if there is none.
        conflicts, skewed: Counts for each session.
        is_odd: Sessions that take the exact path whatever their messages say.
    """

    rows: Ints
    session: Ints
    parent: Ints
    conflicts: Ints
    skewed: Ints
    is_odd: Flags


def span_batch(frame: Frame, pieces: Sequence[pa.RecordBatch]) -> SpanBatch:
    """Return the batch of a frame; sessions with a span that is in no piece are odd."""
    place, is_odd = _places(frame, pieces)
    kinds = _texts(pieces, c.SPAN_KIND).take(place)
    start = _numbers(pieces, c.START_TIME)[place]
    output_value = _output_values(pieces, place)
    has_value = _flags(pieces, place) | (_lengths(output_value) != 0)
    ids = _texts(pieces, c.TOOL_CALL_ID).take(place)
    kind = kind_codes(kinds)
    is_nameless = (kind == TOOL) & (ids.codes == NONE)
    return SpanBatch(
        n_sessions=len(frame.conflicts),
        session=frame.session,
        parent=frame.parent,
        trace=_traces(pieces)[place],
        span_ids=pa.concat_arrays([each.column(c.SPAN_ID) for each in pieces]).take(arrow_ints(place)),
        start_ns=start,
        end_ns=np.maximum(_numbers(pieces, c.END_TIME)[place], start),
        kind=kind,
        kind_names=kinds,
        is_error=_texts(pieces, c.STATUS_CODE).take(place).equals("ERROR"),
        is_marker=_texts(pieces, c.SESSION_STATUS).codes[place] != NONE,
        may_have_value=has_value,
        agent=_texts(pieces, c.AGENT_NAME).take(place),
        name=_texts(pieces, c.NAME).take(place),
        tool_name=_texts(pieces, c.TOOL_NAME).take(place),
        tool_call_id=ids,
        tool_input=_only(_texts(pieces, c.INPUT_VALUE).take(place), is_nameless),
        tool_parameters=_only(_texts(pieces, c.TOOL_PARAMETERS).take(place), is_nameless),
        output_value=output_value,
        dropped=_numbers(pieces, c.DROPPED_ATTRIBUTES)[place],
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


def _traces(pieces: Sequence[pa.RecordBatch]) -> Ints:
    """Return a number for each trace."""
    words = np.concatenate([words_of(each.column(c.TRACE_ID)) for each in pieces])
    return np.unique(words, return_inverse=True)[1]


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


def _numbers(pieces: Sequence[pa.RecordBatch], name: str) -> Ints:
    """Return a column of numbers or times; 0 where there is none."""
    columns = [_column(each, name) for each in pieces]
    return np.concatenate(
        [
            np.zeros(each.num_rows, dtype=np.int64) if column is None else numpy_of(column)
            for each, column in zip(pieces, columns, strict=True)
        ]
    )


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
    codes = kind_codes(Coded.of(kinds, len(kinds)))
    return np.asarray(codes == TOOL), np.isin(codes, (TOOL, AGENT, CHAIN))
