"""The JSON object in the text of an answer."""

import json
from collections.abc import Iterator
from typing import Any

_MAX_CANDIDATES = 500
_DECODER = json.JSONDecoder()


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that `text` is, or else the one it ends with; None where there is none.

    Models without structured output put reasoning or a code fence around their answer. What stands
    last counts, so an answer quoted from the transcript inside the reasoning cannot win.

    Example:
        >>> json_object('The tool says {"label": "good"}. My answer: {"label": "bad", "answers": [{"item": "a"}]}')
        {'label': 'bad', 'answers': [{'item': 'a'}]}
    """
    body = text.strip().removesuffix("```").rstrip()
    candidates = (_decoded(body, start) for start in _object_starts(body))
    return next((found for found in candidates if found is not None), None)


def _object_starts(body: str) -> Iterator[int]:
    """Yield where an object that ends with `body` may begin: at the front, then from the back, a bounded number."""
    if not body.endswith("}"):
        return
    if body.startswith("{"):
        yield 0
    start = len(body)
    for _ in range(_MAX_CANDIDATES):
        start = body.rfind("{", 0, start)
        if start < 0:
            return
        yield start


def _decoded(body: str, start: int) -> dict[str, Any] | None:
    """Return the object from `start` to the very end, if there is one."""
    try:
        value, end = _DECODER.raw_decode(body, start)
    except (ValueError, RecursionError):
        return None
    return value if end == len(body) and isinstance(value, dict) else None
