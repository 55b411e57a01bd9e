"""Tables of scalar columns: which attribute keys fill a column, and what its type can hold."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sessioneval.semconv.json_text import parsed, text_of

_INT64 = 2**63


class Field(NamedTuple):
    """A column and the attribute keys that fill it, the first one that can be held wins."""

    column: str
    keys: tuple[str, ...]
    read: Callable[[Any], Any]


def text(value: Any) -> str | None:
    """Return text; None for everything else."""
    return value if isinstance(value, str) else None


def json_or_text(value: Any) -> str | None:
    """Return text as it is and any other value as JSON; bytes are no text and no JSON."""
    return None if isinstance(value, bytes) else text_of(value)


def int64(value: Any) -> int | None:
    """Return a whole number that 64 bits can hold; DataFrames carry counts as floats.

    Example:
        >>> int64(3), int64(3.0), int64(3.5), int64(2**70), int64(True)
        (3, 3, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if -_INT64 <= value < _INT64 and value == int(value) else None


def texts(value: Any) -> list[str] | None:
    """Return a list of texts, also when it is given as JSON; None for everything else."""
    items = parsed(value)
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        return None
    return list(items)


def read_fields(attributes: Mapping[str, Any], fields: Iterable[Field]) -> dict[str, Any]:
    """Return the columns that `attributes` fill."""
    found = {}
    for column, keys, read in fields:
        for key in keys:
            if key in attributes and (value := read(attributes[key])) is not None:
                found[column] = value
                break
    return found
