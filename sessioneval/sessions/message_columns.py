"""A message column of many spans as flat arrays of codes: one entry a message, one code for equal texts.

Texts are normalised once for each distinct text, however often history repeats it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sessioneval.model import columns as c
from sessioneval.model.arrays import (
    NONE,
    Coded,
    Ints,
    arrow_ints,
    arrow_texts,
    codes_of,
    is_everything,
    numpy_of,
    ranges,
    starts_of,
    text_scalar,
)
from sessioneval.model.nested import list_borders
from sessioneval.sessions.part_texts import with_part_texts
from sessioneval.sessions.utterances import REDACTED, REDACTION_MARK, ROLES, canonical, parsed_arguments

ROLE_NAMES = ("system", "user", "assistant", "tool")
SYSTEM, USER, ASSISTANT, TOOL = range(4)
_ASCII_END = 0x80
_MESSAGE_LEAVES = (c.MESSAGE_ROLE, c.MESSAGE_CONTENT, c.MESSAGE_NAME, c.MESSAGE_TOOL_CALL_ID)
_CALL_LEAVES = (c.CALL_ID, c.CALL_NAME, c.CALL_ARGUMENTS)


@dataclass(frozen=True, kw_only=True)
class FlatMessages:
    """The messages of a column, one after the other.

    Attributes:
        lengths: Messages of each row.
        leaves: Role, content, name and tool call id of each message, by column name.
        n_calls: Tool calls of each message.
        calls: Id, name and arguments of each tool call, by column name.
    """

    lengths: Ints
    leaves: Mapping[str, Coded]
    n_calls: Ints
    calls: Mapping[str, Coded]

    @classmethod
    def none(cls, n_rows: int) -> "FlatMessages":
        """Return the messages of rows without any."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(
            lengths=np.zeros(n_rows, dtype=np.int64),
            leaves={name: Coded.of(None, 0) for name in _MESSAGE_LEAVES},
            n_calls=nothing,
            calls={name: Coded.of(None, 0) for name in _CALL_LEAVES},
        )

    def take(self, rows: Ints) -> "FlatMessages":
        """Return the messages of some rows."""
        lengths = self.lengths[rows]
        positions = ranges(starts_of(self.lengths)[rows], lengths)
        n_calls = self.n_calls[positions]
        inner = ranges(starts_of(self.n_calls)[positions], n_calls)
        return FlatMessages(
            lengths=lengths,
            leaves={name: coded.take(positions) for name, coded in self.leaves.items()},
            n_calls=n_calls,
            calls={name: coded.take(inner) for name, coded in self.calls.items()},
        )


def flatten(column: pa.Array, rows: Ints) -> FlatMessages:
    """Return the messages of some rows of a list column; struct fields that were not read have no texts."""
    starts, lengths = list_borders(column)
    lengths = lengths[rows]
    positions = ranges(starts[rows], lengths)
    said = column.values
    # Files are mostly read from one end to the other, and then nothing needs to be picked.
    chosen = slice(None) if is_everything(positions, len(said)) else positions
    calls = _field(said, c.MESSAGE_TOOL_CALLS)
    n_calls, call_leaves = _calls(calls, positions)
    parts = _field(said, c.MESSAGE_CONTENTS)
    leaves = {name: Coded.of(_field(said, name), len(said)).take(chosen) for name in _MESSAGE_LEAVES}
    if parts is not None:
        leaves[c.MESSAGE_CONTENT] = with_part_texts(leaves[c.MESSAGE_CONTENT], parts, positions)
    return FlatMessages(
        lengths=lengths,
        leaves=leaves,
        n_calls=n_calls,
        calls=call_leaves,
    )


def _calls(calls: pa.Array | None, positions: Ints) -> tuple[Ints, dict[str, Coded]]:
    if calls is None:
        return np.zeros(len(positions), dtype=np.int64), {name: Coded.of(None, 0) for name in _CALL_LEAVES}
    starts, lengths = list_borders(calls)
    lengths = lengths[positions]
    inner = ranges(starts[positions], lengths)
    items = calls.values
    return lengths, {name: Coded.of(_field(items, name), len(items)).take(inner) for name in _CALL_LEAVES}


def _field(items: pa.StructArray, name: str) -> pa.Array | None:
    index = items.type.get_field_index(name)
    if index < 0:
        return None
    # A null struct may hide values below it, so its own nulls are laid over the field's.
    return items.field(index) if not items.null_count else items.flatten()[index]


class Pool:
    """Distinct texts of several columns under common codes."""

    def __init__(self, *columns: Coded) -> None:
        self._borders = np.cumsum([0, *(len(column.values) for column in columns)]).tolist()
        encoded = pa.concat_arrays([column.values.cast(pa.string()) for column in columns]).dictionary_encode()
        self._code_of = codes_of(encoded.indices)
        self.values: pa.Array = encoded.dictionary
        self.columns: list[Ints] = [
            self._recoded(column, base) for column, base in zip(columns, self._borders, strict=False)
        ]

    def codes_of_values(self, column: int) -> Ints:
        """Return the common code of each value of a column's dictionary."""
        return self._code_of[self._borders[column] : self._borders[column + 1]]

    def _recoded(self, column: Coded, base: int) -> Ints:
        if not len(self._code_of):
            return column.codes
        return np.where(column.codes == NONE, NONE, self._code_of[np.maximum(column.codes + base, 0)])

    def is_empty(self) -> NDArray[np.bool_]:
        """Return for each text whether it is empty."""
        return np.asarray(text_lengths(self.values) == 0, dtype=bool)


def without_empty(codes: Ints, pool: Pool) -> Ints:
    """Return the codes with those of empty texts as `NONE`."""
    if not len(pool.values):
        return codes
    empty = pool.is_empty()
    return np.where(empty[codes] & (codes != NONE), NONE, codes) if empty.any() else codes


def text_lengths(texts: pa.Array) -> Ints:
    """Return the bytes of each text."""
    return np.asarray(numpy_of(pc.binary_length(texts)), dtype=np.int64)


def readable_texts(texts: pa.Array) -> pa.Array:
    """Return the texts with the instrumentation's redaction mark made visible."""
    marked = pc.equal(texts, text_scalar(REDACTION_MARK))
    return pc.if_else(marked, text_scalar(REDACTED), texts) if pc.any(marked).as_py() else texts


class TextPool(Pool):
    """Distinct texts of messages; those that differ in outer white space only share a stripped code.

    Attributes:
        stripped: For each text the code of the text without outer white space, `NONE` where nothing is left.
    """

    def __init__(self, *columns: Coded) -> None:
        texts = [
            Coded(codes=column.codes, values=readable_texts(column.values.cast(pa.string()))) for column in columns
        ]
        padded = [_padded(column.values) for column in texts]
        super().__init__(*texts, *(Coded.of(trimmed, len(trimmed)) for _, trimmed in padded))
        stripped = np.arange(len(self.values), dtype=np.int64)
        for number, (places, _) in enumerate(padded):
            stripped[self.codes_of_values(number)[places]] = self.columns[len(texts) + number]
        self.stripped = (
            np.where(text_lengths(self.values)[stripped] == 0, NONE, stripped) if len(stripped) else stripped
        )


def _padded(texts: pa.Array) -> tuple[Ints, pa.Array]:
    """Return which texts have outer white space, and those texts without it."""
    lengths = text_lengths(texts)
    filled = np.flatnonzero(lengths)
    if not len(filled):
        return filled, arrow_texts([])
    data = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    borders = np.frombuffer(texts.buffers()[1], dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    first, last = data[borders[:-1][filled]], data[borders[1:][filled] - 1]
    # White space is an ASCII character up to the blank, or not ASCII.
    suspects = filled[(first <= ord(" ")) | (first >= _ASCII_END) | (last <= ord(" ")) | (last >= _ASCII_END)]
    if not len(suspects):
        return suspects, arrow_texts([])
    trimmed = pc.utf8_trim_whitespace(texts.take(arrow_ints(suspects)))
    changed = np.flatnonzero(text_lengths(trimmed) != lengths[suspects])
    return suspects[changed], trimmed.take(arrow_ints(changed))


def role_codes(roles: Coded, default: int) -> NDArray[np.int8]:
    """Return the role of each message as an index into `ROLE_NAMES`."""
    names = roles.values.to_pylist()
    table = [default if not name else ROLE_NAMES.index(ROLES.get(name.lower(), "user")) for name in names]
    return np.array([*table, default], dtype=np.int8)[roles.codes]


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """Distinct tool-call arguments: values, JSON texts, and codes that are equal for equal values."""

    values: Sequence[Any]
    json_texts: pa.Array
    canonical: Ints

    @classmethod
    def of(cls, pool: Pool) -> "Arguments":
        """Parse each distinct text once; the code `NONE`, no text, stands for ``{}``."""
        values = [parsed_arguments(text) for text in [*pool.values.to_pylist(), None]]
        numbers: dict[str, int] = {}
        codes = [numbers.setdefault(canonical(value), len(numbers)) for value in values]
        return cls(
            values=values,
            json_texts=arrow_texts([json_text(value) for value in values]),
            canonical=np.array(codes, dtype=np.int64),
        )


def json_text(value: object) -> str:
    """Return a JSON value as text that UTF-8 can hold."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_unicode(text) else json.dumps(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def joined_messages(parts: Sequence[FlatMessages]) -> FlatMessages:
    """Return messages of several pieces one after the other."""
    if len(parts) == 1:
        return parts[0]
    return FlatMessages(
        lengths=np.concatenate([part.lengths for part in parts]),
        leaves={name: joined_codes([part.leaves[name] for part in parts]) for name in _MESSAGE_LEAVES},
        n_calls=np.concatenate([part.n_calls for part in parts]),
        calls={name: joined_codes([part.calls[name] for part in parts]) for name in _CALL_LEAVES},
    )


def joined_codes(parts: Sequence[Coded]) -> Coded:
    """Return the texts of several pieces one after the other; equal texts of two pieces keep two codes."""
    bases = np.cumsum([0, *(len(part.values) for part in parts)])
    codes = [np.where(part.codes == NONE, NONE, part.codes + base) for part, base in zip(parts, bases, strict=False)]
    return Coded(
        codes=np.concatenate(codes), values=pa.concat_arrays([part.values.cast(pa.string()) for part in parts])
    )
