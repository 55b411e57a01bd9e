"""Pieces of files with the columns that transcripts are made of, in the order of the files.

Each row group that holds a wanted span is read once, however many sessions it holds a part of.
"""

import logging
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Ints, arrow_ints, is_valid
from sessioneval.reader.wanted import Wanted
from sessioneval.sessions.batching import COLUMNS, KEYS, OF_TOOLS, OF_TOOLS_WITHOUT_ID, piece, tools_and_turns
from sessioneval.store.reading import conform
from sessioneval.store.row_groups import RowGroups

_logger = logging.getLogger(__name__)
_MESSAGES = (c.INPUT_MESSAGES, c.OUTPUT_MESSAGES)
_REPEATING = tuple(field.name for field in KEYS if pa.types.is_dictionary(field.type))
_CODED = (*_MESSAGES, *_REPEATING, *OF_TOOLS, c.AGENT_NAME, c.TOOL_CALL_ID)


def pieces(wanted: Wanted) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Yield a piece for each row group with wanted rows, and the row of the index up to which all have been read."""
    for number, path in enumerate(wanted.index.files):
        rows, in_file = wanted.rows_of_file(number)
        if not len(rows):
            continue
        try:
            with RowGroups(path, coded=_CODED) as groups:
                starts = np.searchsorted(in_file, groups.borders)
                for group in np.flatnonzero(np.diff(starts)).tolist():
                    chosen = slice(starts[group], starts[group + 1])
                    yield int(rows[chosen][-1]), _Part(groups, group, in_file[chosen]).piece(rows[chosen])
        except (pa.ArrowException, OSError) as error:
            # Its sessions are incomplete here and take the exact path, which looks for moved files.
            _logger.info("passed over %s while reading columns: %s", path, error)


class _Part:
    """The wanted rows of a row group."""

    def __init__(self, groups: RowGroups, group: int, rows: Ints) -> None:
        self._groups = groups
        self._group = group
        self._within = rows - groups.borders[group]
        self._size = int(groups.borders[group + 1] - groups.borders[group])
        keys = [leaf for name in KEYS.names for leaf in groups.leaves(name)]
        self._keys = conform(groups.read(group, keys), KEYS)
        is_wanted = np.zeros(self._size, dtype=bool)
        is_wanted[self._within] = True
        is_tool, is_turn = tools_and_turns(self._keys.column(c.SPAN_KIND))
        self._tools = np.flatnonzero(is_tool & is_wanted)
        self._has_turns = bool((is_turn & is_wanted).any())

    def piece(self, listed: Ints) -> pa.RecordBatch:
        """Read the columns that these rows need; `listed` are their rows in the listing."""
        columns = [name for name in COLUMNS if self._has_turns or name != c.OUTPUT_VALUE]
        columns += OF_TOOLS if len(self._tools) else ()
        leaves = [leaf for name in columns for leaf in _leaves(self._groups, self._group, name)]
        table = self._with_arguments(_checked(self._groups.read(self._group, leaves)))
        for name in KEYS.names:
            table = table.append_column(name, self._keys.column(name))
        rows = np.full(self._size, NONE, dtype=np.int64)
        rows[self._within] = listed
        has_input = self._holds(c.INPUT_VALUE) or (not self._has_turns and self._holds(c.OUTPUT_VALUE))
        return piece(table, rows, has_input_value=has_input)

    def _holds(self, name: str) -> bool:
        return any(self._groups.holds_values(self._group, leaf) for leaf in self._groups.leaves(name))

    def _with_arguments(self, table: pa.Table) -> pa.Table:
        """Add what tools were called with, where they do not say which call they execute."""
        tools = self._tools
        if c.TOOL_CALL_ID in table.column_names:
            tools = tools[~is_valid(table.column(c.TOOL_CALL_ID))[tools]]
        for name in OF_TOOLS_WITHOUT_ID if len(tools) else ():
            if self._holds(name):
                texts = self._groups.read_texts(self._group, name, tools)
                place = np.full(self._size, NONE, dtype=np.int64)
                place[tools] = np.arange(len(tools))
                table = table.append_column(name, texts.take(arrow_ints(place)))
        return table


def _checked(table: pa.Table) -> pa.Table:
    """Return the table.

    Raises:
        pa.ArrowTypeError: Messages are no lists of structs, as in files of other writers.
    """
    for name in (name for name in _MESSAGES if name in table.column_names):
        kind = table.schema.field(name).type
        if not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
            raise pa.ArrowTypeError(f"column {name!r} is {kind}")
    return table


def _leaves(groups: RowGroups, group: int, name: str) -> list[str]:
    """Return the leaves of a column that are worth reading: a message's role and whatever holds a value."""
    leaves = groups.leaves(name)
    always = f".{c.MESSAGE_ROLE}" if name in _MESSAGES else None
    return [leaf for leaf in leaves if groups.holds_values(group, leaf) or (always and leaf.endswith(always))]
