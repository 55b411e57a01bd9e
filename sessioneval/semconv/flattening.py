"""From flattened attributes (``llm.input_messages.0.message.role``) to lists of messages and tools.

OpenInference writes one attribute per leaf. Spans that came through a DataFrame carry the lists nested,
or as JSON text; those are flattened first, so there is one way from keys to messages.
Indexes are labels, not positions: they may start above 0 and have gaps (SDKs drop attributes over their
limits), and an index of 999999999 allocates nothing.
"""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sessioneval.model import columns as c
from sessioneval.semconv import attributes as a
from sessioneval.semconv.json_text import json_text, parsed, text_of

COLUMNS = {
    a.LLM_INPUT_MESSAGES: c.INPUT_MESSAGES,
    a.LLM_OUTPUT_MESSAGES: c.OUTPUT_MESSAGES,
    a.LLM_TOOLS: c.TOOLS,
}
"""Attribute prefix to column."""

_FUNCTION_NAME = "message.function_call_name"
_FUNCTION_ARGUMENTS = "message.function_call_arguments_json"
_MESSAGE_LEAVES = frozenset(
    {c.MESSAGE_ROLE, c.MESSAGE_CONTENT, c.MESSAGE_NAME, c.MESSAGE_TOOL_CALL_ID, _FUNCTION_NAME, _FUNCTION_ARGUMENTS}
)
_UNFINISHED = frozenset({c.MESSAGE_CONTENTS, c.MESSAGE_TOOL_CALLS, _FUNCTION_NAME, _FUNCTION_ARGUMENTS})
_CALL_LEAVES = frozenset({c.CALL_ID, c.CALL_NAME, c.CALL_ARGUMENTS})
_PART_LEAVES = frozenset({c.PART_TYPE, c.PART_TEXT, c.PART_URL})
_OBJECT_LEAVES = (c.CALL_ARGUMENTS, c.TOOL_JSON_SCHEMA)  # JSON text by convention, objects in some frames

# No leading zeros: "00" and "0" would be one index, and one of two values would be lost.
_INDEX = r"(0|[1-9][0-9]{0,8})"
_KEY = re.compile(rf"(llm\.input_messages|llm\.output_messages|llm\.tools)\.{_INDEX}\.(.+)", re.DOTALL)
_ITEM = re.compile(rf"(message\.contents|message\.tool_calls)\.{_INDEX}\.(.+)", re.DOTALL)
_LONGEST_CACHED_KEY = 200


class Path(NamedTuple):
    """Where a flattened key points: list, index, and for parts and calls the inner list and index."""

    prefix: str
    position: int
    group: str | None
    item: int
    leaf: str


class Unflattened(NamedTuple):
    """The lists by column name, and the attributes that are not held in them."""

    lists: dict[str, list[dict[str, Any]]]
    rest: dict[str, Any]


def unflatten(attributes: Mapping[str, Any]) -> Unflattened:
    """Return the message and tool lists of a span, and every attribute that is not in them.

    Example:
        >>> unflatten({"llm.input_messages.7.message.role": "user", "x": 1})
        Unflattened(lists={'attributes.llm.input_messages': [{'message.role': 'user'}]}, rest={'x': 1})
    """
    tree: dict[str, dict[int, dict[str, Any]]] = {}
    rest: dict[str, Any] = {}
    for key, value in _flat(attributes).items():
        path = path_of(key)
        if path is None or not _holds(path, value):
            rest[key] = value
        else:
            _put(tree, path, value)
    return Unflattened({COLUMNS[prefix]: _finished_list(prefix, items) for prefix, items in tree.items()}, rest)


def path_of(key: str) -> Path | None:
    """Return where `key` points in a message or tool list; None if it is another attribute."""
    if not key.startswith("llm."):
        return None
    return _parse(key) if len(key) > _LONGEST_CACHED_KEY else _cached_parse(key)


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
    if not item or (item[1] == c.MESSAGE_TOOL_CALLS and item[3] not in _CALL_LEAVES):
        return None
    return Path(prefix, index, item[1], int(item[2]), item[3])


_cached_parse = lru_cache(maxsize=16_384)(_parse)


def _holds(path: Path, value: Any) -> bool:
    """Return whether the column can hold the value exactly; the other leaves of a part go to its JSON."""
    if value is None or isinstance(value, str) or path.group == c.MESSAGE_CONTENTS:
        return True
    return path.leaf in _OBJECT_LEAVES and isinstance(value, list | tuple | dict)


def _put(tree: dict[str, dict[int, dict[str, Any]]], path: Path, value: Any) -> None:
    target = tree.setdefault(path.prefix, {}).setdefault(path.position, {})
    if path.group is not None:
        target = target.setdefault(path.group, {}).setdefault(path.item, {})
    if value is not None:
        target[path.leaf] = value


def _finished_list(prefix: str, items: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    finish = _finished_tool if prefix == a.LLM_TOOLS else _finished_message
    return [finish(items[index]) for index in sorted(items)]


def _finished_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {key: text_of(value) for key, value in tool.items()}


def _finished_message(message: dict[str, Any]) -> dict[str, Any]:
    if _UNFINISHED.isdisjoint(message):
        return message
    calls = [_finished_tool(call) for call in _ordered(message.pop(c.MESSAGE_TOOL_CALLS, {}))]
    parts = _ordered(message.pop(c.MESSAGE_CONTENTS, {}))
    calls += _calls_of_parts(parts, calls)
    legacy = {c.CALL_NAME: message.pop(_FUNCTION_NAME, None), c.CALL_ARGUMENTS: message.pop(_FUNCTION_ARGUMENTS, None)}
    if legacy[c.CALL_NAME] is not None or legacy[c.CALL_ARGUMENTS] is not None:
        calls.append(legacy)
    if parts:
        message[c.MESSAGE_CONTENTS] = [_finished_part(part) for part in parts]
    if calls:
        message[c.MESSAGE_TOOL_CALLS] = calls
    return message


def _ordered(items: dict[int, dict[str, Any]]) -> list[dict[str, Any]]:
    return [items[index] for index in sorted(items)]


def _calls_of_parts(parts: list[dict[str, Any]], calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls that stand only in tool_use parts; instrumentors repeat there what is in `tool_calls`."""
    known = [*calls]
    for part in parts:
        call = {key: text_of(part[key]) for key in _CALL_LEAVES if key in part}
        if call and not any(_is_same_call(call, other) for other in known):
            known.append(call)
    return known[len(calls) :]


def _is_same_call(call: dict[str, Any], other: dict[str, Any]) -> bool:
    identifier = call.get(c.CALL_ID)
    return call == other if identifier is None else other.get(c.CALL_ID) == identifier


def _finished_part(part: dict[str, Any]) -> dict[str, Any]:
    """Return type, text and image address as they are, and all other leaves as one JSON text."""
    plain = {key: value for key, value in part.items() if key in _PART_LEAVES and isinstance(value, str)}
    others = {key: value for key, value in part.items() if key not in plain}
    if set(others) == {c.PART_JSON} and isinstance(others[c.PART_JSON], str):
        return {**plain, **others}  # a row of our own tables comes back
    return {**plain, c.PART_JSON: json_text(others)} if others else plain


def _flat(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes with nested lists flattened."""
    nested = {prefix: _flat_list(prefix, attributes) for prefix in COLUMNS if prefix in attributes}
    flat = {key: value for leaves in nested.values() for key, value in leaves.items()}
    if not flat:
        return attributes
    return {key: value for key, value in attributes.items() if not nested.get(key)} | flat


def _flat_list(prefix: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a list of objects as flattened keys; empty if it is none, or if two values would share one key."""
    items = parsed(attributes[prefix])
    if not isinstance(items, list | tuple) or not all(isinstance(item, dict) for item in items):
        return {}
    if any(key.startswith(f"{prefix}.") for key in attributes):
        return {}
    try:
        leaves = [leaf for index, item in enumerate(items) for leaf in _leaves(f"{prefix}.{index}", item)]
    except RecursionError:
        return {}
    flat = dict(leaves)
    if len(flat) < len(leaves):
        return {}
    return {key: value for key, value in flat.items() if value is not None or path_of(key)}  # null lists say nothing


def _leaves(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not value or not isinstance(value, list | tuple | dict) or key.endswith(_OBJECT_LEAVES):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves(f"{key}.{name}", item)
    elif all(isinstance(item, dict) for item in value):
        for index, item in enumerate(value):
            yield from _leaves(f"{key}.{index}", item)
    else:
        yield key, value
