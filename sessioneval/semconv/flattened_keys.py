"""Where a flattened attribute key (``llm.input_messages.0.message.role``) points.

Indexes are labels, not positions: they may start above 0 and have gaps (SDKs drop attributes over their
limits), and an index of 999999999 allocates nothing.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from sessioneval.model import columns as c
from sessioneval.semconv import attributes as a

COLUMNS = {
    a.LLM_INPUT_MESSAGES: c.INPUT_MESSAGES,
    a.LLM_OUTPUT_MESSAGES: c.OUTPUT_MESSAGES,
    a.LLM_TOOLS: c.TOOLS,
}
"""Attribute prefix to column."""

FUNCTION_NAME = "message.function_call_name"
FUNCTION_ARGUMENTS = "message.function_call_arguments_json"
CALL_LEAVES = frozenset({c.CALL_ID, c.CALL_NAME, c.CALL_ARGUMENTS})
LONGEST_CACHED_KEY = 200
"""Characters; hostile keys would else fill the caches with megabytes."""

_MESSAGE_LEAVES = frozenset(
    {c.MESSAGE_ROLE, c.MESSAGE_CONTENT, c.MESSAGE_NAME, c.MESSAGE_TOOL_CALL_ID, FUNCTION_NAME, FUNCTION_ARGUMENTS}
)
_ROOTS = tuple(f"{prefix}." for prefix in COLUMNS)

# No leading zeros: "00" and "0" would be one index, and one of two values would be lost.
_INDEX = r"(0|[1-9][0-9]{0,8})"
_KEY = re.compile(rf"(llm\.input_messages|llm\.output_messages|llm\.tools)\.{_INDEX}\.(.+)", re.DOTALL)
_ITEM = re.compile(rf"(message\.contents|message\.tool_calls)\.{_INDEX}\.(.+)", re.DOTALL)


class Path(NamedTuple):
    """Where a flattened key points: list, index, and for parts and calls the inner list and index."""

    prefix: str
    position: int
    group: str | None
    item: int
    leaf: str


def path_of(key: str) -> Path | None:
    """Return where `key` points in a message or tool list; None if it is another attribute.

    Example:
        >>> path_of("llm.input_messages.3.message.role")
        Path(prefix='llm.input_messages', position=3, group=None, item=0, leaf='message.role')
    """
    if not key.startswith(_ROOTS):
        return None
    return _parse(key) if len(key) > LONGEST_CACHED_KEY else _cached_parse(key)


def _parse(key: str) -> Path | None:
    match = _KEY.fullmatch(key)
    if not match:
        return None
    prefix, index, leaf = match[1], int(match[2]), match[3]
    if prefix == a.LLM_TOOLS:
        return Path(prefix, index, None, 0, leaf) if leaf == c.TOOL_JSON_SCHEMA else None
    if leaf in _MESSAGE_LEAVES:
        return Path(prefix, index, None, 0, leaf)
    item = _ITEM.fullmatch(leaf)
    if not item or (item[1] == c.MESSAGE_TOOL_CALLS and item[3] not in CALL_LEAVES):
        return None
    return Path(prefix, index, item[1], int(item[2]), item[3])


_cached_parse = lru_cache(maxsize=16_384)(_parse)
