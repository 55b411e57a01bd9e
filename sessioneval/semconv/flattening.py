"""From flattened attributes (``llm.input_messages.0.message.role``) to lists of messages and tools.

OpenInference writes one attribute per leaf. Spans that came through a DataFrame carry the lists nested,
or as JSON text; those are flattened first, so there is one way from keys to messages.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from sessioneval.model import columns as c
from sessioneval.semconv.flattened_keys import (
    CALL_LEAVES,
    COLUMNS,
    FUNCTION_ARGUMENTS,
    FUNCTION_NAME,
    Path,
    path_of,
)
from sessioneval.semconv.json_text import json_text, parsed, text_of
from sessioneval.semconv.key_plans import ListPlan, plan_of

_UNFINISHED = frozenset({c.MESSAGE_CONTENTS, c.MESSAGE_TOOL_CALLS, FUNCTION_NAME, FUNCTION_ARGUMENTS})
_PART_LEAVES = frozenset({c.PART_TYPE, c.PART_TEXT, c.PART_URL})
_OBJECT_LEAVES = (c.CALL_ARGUMENTS, c.TOOL_JSON_SCHEMA)  # JSON text by convention, objects in some frames

_Items = dict[int, dict[str, Any]]


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
    plan = plan_of(tuple(attributes))
    values = tuple(attributes.values()) if plan is not None else ()
    if plan is None or not {type(values[place]) for place in plan.texts} <= {str}:
        return _unflattened_by_key(attributes)
    lists = {each.column: _planned(each, values) for each in plan.lists}
    return Unflattened(lists, {key: values[place] for key, place in plan.rest})


def _planned(plan: ListPlan, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    messages = [{leaf: values[place] for leaf, place in leaves} for leaves in plan.messages]
    for number, leaves in plan.inner:
        for group, item, leaf, place in leaves:
            messages[number].setdefault(group, {}).setdefault(item, {})[leaf] = values[place]
    return messages if plan.is_finished else _finished_list(plan.column, messages)


def _unflattened_by_key(attributes: Mapping[str, Any]) -> Unflattened:
    tree: dict[str, _Items] = {column: {} for column in COLUMNS.values()}
    rest: dict[str, Any] = {}
    for key, value in _flat(attributes).items():
        path = path_of(key)
        if path is None or not (isinstance(value, str) or _holds(path, value)):
            rest[key] = value
        else:
            _put(tree[COLUMNS[path.prefix]], path, value)
    lists = {column: _finished_list(column, _ordered(items)) for column, items in tree.items() if items}
    return Unflattened(lists, rest)


def _holds(path: Path, value: Any) -> bool:
    """Return whether the column can hold the value exactly; the other leaves of a part go to its JSON."""
    if value is None or isinstance(value, str) or path.group == c.MESSAGE_CONTENTS:
        return True
    return path.leaf in _OBJECT_LEAVES and isinstance(value, list | tuple | dict)


def _put(items: _Items, path: Path, value: Any) -> None:
    _, position, group, item, leaf = path
    target = items.get(position)
    if target is None:
        target = items[position] = {}
    if group is not None:
        target = target.setdefault(group, {}).setdefault(item, {})
    if value is not None:
        target[leaf] = value


def _finished_list(column: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if column == c.TOOLS:
        return [_finished_tool(item) for item in items]
    return [item if _UNFINISHED.isdisjoint(item) else _finished_message(item) for item in items]


def _finished_tool(tool: dict[str, Any]) -> dict[str, Any]:
    return {key: text_of(value) for key, value in tool.items()}


def _finished_message(message: dict[str, Any]) -> dict[str, Any]:
    calls = [_finished_tool(call) for call in _ordered(message.pop(c.MESSAGE_TOOL_CALLS, {}))]
    parts = _ordered(message.pop(c.MESSAGE_CONTENTS, {}))
    calls += _calls_of_parts(parts, calls)
    legacy = {c.CALL_NAME: message.pop(FUNCTION_NAME, None), c.CALL_ARGUMENTS: message.pop(FUNCTION_ARGUMENTS, None)}
    if legacy[c.CALL_NAME] is not None or legacy[c.CALL_ARGUMENTS] is not None:
        calls.append(legacy)
    if parts:
        message[c.MESSAGE_CONTENTS] = [_finished_part(part) for part in parts]
    if calls:
        message[c.MESSAGE_TOOL_CALLS] = calls
    return message


def _ordered(items: _Items) -> list[dict[str, Any]]:
    return [items[index] for index in sorted(items)]


def _calls_of_parts(parts: list[dict[str, Any]], calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the calls that stand only in tool_use parts; instrumentors repeat there what is in `tool_calls`."""
    known = [*calls]
    for part in parts:
        call = {key: text_of(part[key]) for key in CALL_LEAVES if key in part}
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
