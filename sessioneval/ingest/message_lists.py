"""Message lists of many spans as one nested Arrow column, built from flat lists.

Messages are taken apart as they come, so that no dict outlives its span: a batch of a hundred thousand small objects
costs more in garbage collections than in everything else. Repeated texts become dictionary codes here, where Python
knows their hashes already; the text of a re-sent message is never copied.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, arrow_ints, offsets_of
from sessioneval.model.schemas import CALL, MESSAGE, PART
from sessioneval.semconv.json_text import utf8_text

_Struct = Mapping[str, Any]
_USUAL = {c.MESSAGE_ROLE, c.MESSAGE_CONTENT}


class CodedTexts:
    """Texts as numbers: equal ones have one number.

    Example:
        >>> texts = CodedTexts()
        >>> texts.extend(["a", None, "a"])
        >>> texts.array().to_pylist()
        ['a', None, 'a']
    """

    def __init__(self) -> None:
        self._codes: list[int] = []
        # The first entry stands for missing texts, so the number of a text is that of entries before it, less one.
        self._code_of: dict[str | None, int] = {None: NONE}

    def __len__(self) -> int:
        return len(self._codes)

    def extend(self, texts: Iterable[str | None]) -> None:
        """Add texts."""
        known = self._code_of
        self._codes += [known.setdefault(text, len(known) - 1) for text in texts]

    def skip_to(self, size: int) -> None:
        """Add missing texts until there are `size`."""
        self._codes += [NONE] * (size - len(self._codes))

    def array(self) -> pa.DictionaryArray:
        """Return the texts as a dictionary array."""
        indices = arrow_ints(np.array(self._codes, dtype=np.int32))
        return pa.DictionaryArray.from_arrays(indices, text_array([*self._code_of][1:]))


class TextLists:
    """One list a span, of structs whose fields are all texts.

    Args:
        fields: Names of the fields.
    """

    def __init__(self, fields: Iterable[str]) -> None:
        self._lengths: list[int] = []
        self._fields = {name: CodedTexts() for name in fields}
        self._size = 0

    def append(self, structs: Sequence[_Struct] | None) -> None:
        """Add the list of a span; None for one that has none."""
        if not structs:
            self._lengths.append(NONE if structs is None else 0)
            return
        self._lengths.append(len(structs))
        for name, texts in self._fields.items():
            texts.extend([struct.get(name) for struct in structs])
        self._size += len(structs)

    def skip_to(self, size: int) -> None:
        """Add missing lists until there are `size`."""
        self._lengths += [NONE] * (size - len(self._lengths))

    def array(self) -> pa.Array:
        """Return the lists; the texts in them are dictionary codes."""
        return _lists(self._lengths, _struct(self._size, {name: texts.array() for name, texts in self._fields.items()}))


class MessageLists:
    """One list of messages a span (`model.schemas.MESSAGE`).

    Example:
        >>> lists = MessageLists()
        >>> lists.append([{"message.role": "user", "message.content": "hi"}])
        >>> lists.append(None)
        >>> [None if each is None else each[0]["message.content"] for each in lists.array().to_pylist()]
        ['hi', None]
    """

    def __init__(self) -> None:
        self._lengths: list[int] = []
        self._roles, self._contents = CodedTexts(), CodedTexts()
        # Few messages have these, so those without are filled in when the next one with it comes.
        self._rare = {name: CodedTexts() for name in (c.MESSAGE_NAME, c.MESSAGE_TOOL_CALL_ID)}
        self._inner = {
            c.MESSAGE_CONTENTS: TextLists(field.name for field in PART),
            c.MESSAGE_TOOL_CALLS: TextLists(field.name for field in CALL),
        }

    def append(self, messages: Sequence[_Struct] | None) -> None:
        """Add the messages of a span; None for a span that has none."""
        if not messages:
            self._lengths.append(NONE if messages is None else 0)
            return
        first = len(self._roles)
        self._lengths.append(len(messages))
        self._roles.extend([message.get(c.MESSAGE_ROLE) for message in messages])
        self._contents.extend([message.get(c.MESSAGE_CONTENT) for message in messages])
        for number, message in enumerate(messages, first):
            if message.keys() != _USUAL:
                self._add_rare(number, message)

    def array(self) -> pa.Array:
        """Return the lists; the texts in them are dictionary codes."""
        size = len(self._roles)
        sparse: dict[str, CodedTexts | TextLists] = {**self._rare, **self._inner}
        for column in sparse.values():
            column.skip_to(size)
        texts = {c.MESSAGE_ROLE: self._roles, c.MESSAGE_CONTENT: self._contents, **sparse}
        return _lists(self._lengths, _struct(size, {field.name: texts[field.name].array() for field in MESSAGE}))

    def _add_rare(self, number: int, message: _Struct) -> None:
        for name, texts in self._rare.items():
            if (text := message.get(name)) is not None:
                texts.skip_to(number)
                texts.extend((text,))
        for name, lists in self._inner.items():
            if (items := message.get(name)) is not None:
                lists.skip_to(number)
                lists.append(items)


def text_array(texts: list[Any]) -> pa.Array:
    """Return texts as an Arrow array; lone surrogates are looked for only where Arrow refuses the texts.

    Raises:
        pa.ArrowException: One is no text.
    """
    try:
        return pa.array(texts, pa.string())
    except (pa.ArrowException, UnicodeError):
        return pa.array([utf8_text(text) if isinstance(text, str) else text for text in texts], pa.string())


def _struct(size: int, columns: Mapping[str, pa.Array]) -> pa.StructArray:
    fields = [pa.field(name, array.type) for name, array in columns.items()]
    return pa.StructArray.from_buffers(pa.struct(fields), size, [None], children=list(columns.values()))


def _lists(lengths: list[int], values: pa.Array) -> pa.Array:
    counts = np.array(lengths, dtype=np.int64)
    is_there = counts != NONE
    offsets = pa.py_buffer(offsets_of(np.where(is_there, counts, 0)).astype(np.int32))
    validity = None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))
    return pa.Array.from_buffers(pa.list_(values.type), len(counts), [validity, offsets], children=[values])
