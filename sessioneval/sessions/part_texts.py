"""The text of messages that are lists of parts: made once for each distinct list."""

import numpy as np
import pyarrow as pa

from sessioneval.model import columns as c
from sessioneval.model.arrays import NONE, Coded, Ints, arrow_texts, ranges, starts_of, text_scalar
from sessioneval.model.nested import list_borders
from sessioneval.model.words import PRIMES
from sessioneval.sessions.utterances import text_of_parts

_LEAVES = (c.PART_TYPE, c.PART_TEXT, c.PART_URL, c.PART_JSON)


def with_part_texts(contents: Coded, parts: pa.Array, messages: Ints) -> Coded:
    """Return the contents of messages, those without one being the text of their parts.

    Args:
        contents: Content of each message.
        parts: All lists of parts of the column.
        messages: For each message the number of its list.
    """
    starts, lengths = list_borders(parts)
    starts, lengths = starts[messages], lengths[messages]
    empty = int(contents.values.index(text_scalar("")).as_py()) if len(contents.values) else NONE
    lacking = np.flatnonzero((lengths > 0) & ((contents.codes == NONE) | ((contents.codes == empty) & (empty != NONE))))
    if not len(lacking):
        return contents
    items = parts.values
    leaves = [Coded.of(_field(items, name), len(items)) for name in _LEAVES]
    places = ranges(starts[lacking], lengths[lacking])
    _, first, kind = np.unique(_hashes(leaves, places, lengths[lacking]), return_index=True, return_inverse=True)
    texts = [_text(leaves, places[at : at + n]) for at, n in _spans(lengths[lacking], first)]
    codes = contents.codes.copy()
    codes[lacking] = len(contents.values) + kind
    return Coded(codes=codes, values=pa.concat_arrays([contents.values.cast(pa.string()), arrow_texts(texts)]))


def _spans(lengths: Ints, chosen: Ints) -> list[tuple[int, int]]:
    return list(zip(starts_of(lengths)[chosen].tolist(), lengths[chosen].tolist(), strict=True))


def _hashes(leaves: list[Coded], places: Ints, lengths: Ints) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Return a 64-bit hash of each list of parts."""
    mixed = ranges(np.zeros(len(lengths), dtype=np.int64), lengths).astype(np.uint64) + np.uint64(1)
    for leaf in leaves:
        mixed = (mixed * PRIMES[0]) ^ ((leaf.codes[places] + 2).astype(np.uint64) * PRIMES[1])
        mixed = (mixed ^ (mixed >> np.uint64(29))) * PRIMES[2]
    totals: np.ndarray[tuple[int], np.dtype[np.uint64]] = np.add.reduceat(
        mixed ^ (mixed >> np.uint64(32)), starts_of(lengths)
    )
    return totals


def _text(leaves: list[Coded], places: Ints) -> str:
    parts = [{name: leaf.text(place) for name, leaf in zip(_LEAVES, leaves, strict=True)} for place in places.tolist()]
    return text_of_parts(parts)


def _field(items: pa.StructArray, name: str) -> pa.Array | None:
    index = items.type.get_field_index(name)
    return None if index < 0 else items.flatten()[index]
