"""JSON text that a length limit cut off: what stands before the cut is read, and that it was cut is said.

SDKs cut attribute values at ``OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`` characters, wherever that is.
"""

import json
import re
from typing import Any, NamedTuple

from sessioneval.semconv.json_text import parsed

CUT = "…"
"""Stands at the end of a text that was cut."""

_TOKEN = re.compile(r'"(?P<text>[^"\\]*(?:\\.[^"\\]*)*)(?P<end>"?)|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_CLOSING = {"[": "]", "{": "}"}
_LITERALS = ("true", "false", "null")
_LONGEST_ESCAPE_CHARS = 12  # a surrogate pair: \ud83d\ude00
_SURROGATES = ("\ud800", "\udfff")
_NOT_JSON = (ValueError, RecursionError)


class Recovered(NamedTuple):
    """A JSON value, and whether its text had been cut."""

    value: Any
    is_cut: bool


class _Open(NamedTuple):
    """A list or object that is open where the text ends: how it closes, and where its last whole member ends."""

    closing: str
    end: int
    is_empty: bool
    wants_key: bool


def recovered(value: Any) -> Recovered:
    """Return what the JSON text `value` says; of a cut text, everything before the cut.

    A string that was cut ends with `CUT`; a number, key or empty object at the cut is left out. The value is None
    if the text is no JSON and not the beginning of any. Lists and dicts are returned as they are.

    Example:
        >>> recovered('[{"role": "user", "content": "Where is my ord')
        Recovered(value=[{'role': 'user', 'content': 'Where is my ord…'}], is_cut=True)
        >>> recovered("[1, 2]"), recovered("[1, 2}")
        (Recovered(value=[1, 2], is_cut=False), Recovered(value=None, is_cut=False))
    """
    whole = parsed(value)
    if whole is not None or not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return Recovered(whole, is_cut=False)
    text = _completed(value)
    try:
        return Recovered(None, is_cut=False) if text is None else Recovered(json.loads(text), is_cut=True)
    except _NOT_JSON:
        return Recovered(None, is_cut=False)


def _completed(text: str) -> str | None:
    """Return the beginning of a JSON text with everything closed that is open; None if nothing is."""
    stack: list[_Open] = []
    for token in _TOKEN.finditer(text):
        said = token["text"]
        if said is not None and not token["end"]:
            string = _string_so_far(said) if stack and not stack[-1].wants_key else ""
            return text[: token.start()] + string + _closings(stack) if string else _closed(text, stack)
        if not _read(stack, token, is_last=token.end() == len(text)):
            return None
    return _closed(text, stack)


def _read(stack: list[_Open], token: re.Match[str], *, is_last: bool) -> bool:
    """Take one token in; return whether the text can still be the beginning of one JSON value."""
    mark, end = token[0], token.end()
    if mark in _CLOSING:
        stack.append(_Open(_CLOSING[mark], end, is_empty=True, wants_key=mark == "{"))
    elif not stack:
        return False
    elif mark in ("]", "}"):
        if stack.pop().closing != mark or not stack:
            return False
        _take_member(stack, end)
    elif mark == ",":
        stack[-1] = stack[-1]._replace(wants_key=stack[-1].closing == "}")
    elif mark == ":" or stack[-1].wants_key:
        stack[-1] = stack[-1]._replace(wants_key=False)
    elif token["text"] is not None or not is_last or mark in _LITERALS:
        _take_member(stack, end)
    return True


def _take_member(stack: list[_Open], end: int) -> None:
    stack[-1] = stack[-1]._replace(end=end, is_empty=False)


def _closed(text: str, stack: list[_Open]) -> str | None:
    """Return the text up to its last whole member, closed; lists and objects without any are left out."""
    while stack and stack[-1].is_empty:
        stack.pop()
    return text[: stack[-1].end] + _closings(stack) if stack else None


def _closings(stack: list[_Open]) -> str:
    return "".join(held.closing for held in reversed(stack))


def _string_so_far(body: str) -> str:
    """Return a JSON string of what is left of one that was cut, maybe within an escape; empty if nothing is left."""
    for length in range(len(body), max(len(body) - _LONGEST_ESCAPE_CHARS, 0), -1):
        try:
            text = json.loads(f'"{body[:length]}"', strict=False)
        except ValueError:
            continue
        if not _SURROGATES[0] <= text[-1:] <= _SURROGATES[1]:
            return json.dumps(text + CUT)
    return ""
