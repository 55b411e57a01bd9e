"""JSON text of any attribute value, and back; neither ever fails.

An attribute may hold what JSON or Arrow cannot: bytes, NaN, lone surrogates, numbers of any size, cycles.
One such value must not cost its span or its batch.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

MAX_DEPTH = 100
"""Levels of nesting that are kept; below them stands a note."""

_CUT = "(nested too deep)"
_CONTAINERS = (Mapping, list, tuple, set, frozenset)
_NOT_JSON = (ValueError, TypeError, RecursionError)
_MAX_INT_BITS = 10_000  # CPython refuses to print integers of more than 4300 digits


def json_text(value: Any) -> str:
    r"""Return `value` as compact JSON that UTF-8 can hold.

    Bytes become base64 text, NaN and infinities become their names, lone surrogates become U+FFFD.

    Example:
        >>> json_text({"a": b"\x00", "b": float("nan"), "c": "é"})
        '{"a":"AA==","b":"NaN","c":"é"}'
    """
    try:
        return utf8_text(_dumps(value))
    except _NOT_JSON:
        return utf8_text(_dumps(_plain(value, ())))


def text_of(value: Any) -> str | None:
    """Return text as it is, None as None and everything else as JSON.

    Example:
        >>> text_of("a"), text_of({"a": 1}), text_of(None)
        ('a', '{"a":1}', None)
    """
    return value if value is None or isinstance(value, str) else json_text(value)


def parsed(value: Any) -> Any:
    """Return what the JSON text `value` says; None if it is no JSON. Lists and dicts are returned as they are.

    Example:
        >>> parsed("[1]"), parsed("[1"), parsed([1])
        ([1], None, [1])
    """
    if not isinstance(value, str):
        return value if isinstance(value, list | tuple | dict) else None
    try:
        return json.loads(value)
    except _NOT_JSON:
        return None


def utf8_text(text: str) -> str:
    r"""Return `text` with lone surrogates replaced, because no file and no Arrow array can hold them.

    Example:
        >>> utf8_text("a\ud800b")
        'a�b'
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """Return `value` with everything that JSON cannot say replaced by text; `above` are the ids of what holds it."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return _number(value)
    if not isinstance(value, _CONTAINERS):
        return _described(value)
    if len(above) >= MAX_DEPTH or id(value) in above:
        return _CUT
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item, above) for key, item in value.items()}
    return [_plain(item, above) for item in value]


def _number(value: float) -> float | str:
    if isinstance(value, int):
        return int(value) if value.bit_length() < _MAX_INT_BITS else hex(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return float(value)


def _described(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    try:
        return str(value)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything, and the span must be kept
        return f"({type(value).__name__})"
