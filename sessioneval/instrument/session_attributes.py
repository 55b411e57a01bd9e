"""What an app says about a session, as attribute values that every exporter can carry.

Nothing here raises: an unusable value is left out (an unusable id is replaced by a made one) and logged.
"""

import json
import logging
import math
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.util.types import AttributeValue

from sessioneval.instrument import session_keys as keys
from sessioneval.instrument.throttled_log import ThrottledLog

_log = ThrottledLog(logging.getLogger(__name__))
_MAX_DEPTH = 32


def made_session_id() -> str:
    """Make a session id: a random UUID (version 4)."""
    return str(uuid.uuid4())


def session_attributes(
    session_id: object, *, user_id: object, source: object, agent_version: object, metadata: object, tags: object
) -> dict[str, AttributeValue]:
    """Turn what the app gave into attributes; values that are None or empty are left out.

    Returns:
        Attribute name -> value. ``session.id`` is always there. Metadata is one JSON object in a string, tags
        are a list of strings: the forms OpenInference uses.

    Example:
        >>> session_attributes(7, user_id=None, source="web", agent_version=None, metadata={"a": 1}, tags=["x"])
        {'session.id': '7', 'session.source': 'web', 'metadata': '{"a": 1}', 'tag.tags': ['x']}
    """
    values: dict[str, AttributeValue | None] = {
        keys.SESSION_ID: _session_id(session_id),
        keys.USER_ID: _text("user_id", user_id),
        keys.SOURCE: _text("source", source),
        keys.AGENT_VERSION: _text("agent_version", agent_version),
        keys.METADATA: _metadata(metadata),
        keys.TAGS: _tags(tags),
    }
    return {key: value for key, value in values.items() if value}


def _session_id(value: object) -> str:
    if value is None:
        return made_session_id()
    if callable(value):
        _log.warning("session_id is a function, a made id is used; as a decorator write @session() with parentheses")
        return made_session_id()
    text = _text("session_id", value)
    if text and text.strip():  # readers take a blank id for none
        return text
    made = made_session_id()
    _log.warning(
        "session_id is empty or unusable, a made id is used instead: %s; pass a non-empty string or None", made
    )
    return made


def _text(name: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        # Lone surrogates cannot be encoded by OTLP, Parquet or the baggage header; escaped they stay distinct.
        return str(value).encode("utf-8", "backslashreplace").decode()
    except Exception:  # noqa: BLE001 - any __str__ of the app's objects may raise anything
        _log.warning("session %s left out: a %s that cannot be turned into text; pass a string", name, type(value))
        return None


def _metadata(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        _log.warning("session metadata left out: got a %s; pass a mapping such as {'plan': 'pro'}", type(value))
        return None
    try:
        return json.dumps(_plain(value), ensure_ascii=False) if value else None
    except Exception:  # noqa: BLE001 - a mapping of the app may raise anything while it is read
        _log.warning("session metadata left out: a %s that cannot be written as JSON", type(value))
        return None


def _plain(value: Any, depth: int = 0) -> Any:
    """Copy a value as strict JSON types: other objects, NaN and whatever lies too deep become text."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {_text("metadata key", key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset) and depth < _MAX_DEPTH:
        return [_plain(item, depth + 1) for item in value]
    return _text("metadata value", value)


def _tags(value: object) -> list[str] | None:
    if value is None:
        return None
    try:
        # A lone string is one tag, not a list of its letters.
        items: list[object] = [value] if isinstance(value, str | bytes) or not isinstance(value, Iterable) else [*value]
    except Exception:  # noqa: BLE001 - as in _metadata
        _log.warning("session tags left out: a %s that cannot be read; pass a list of strings", type(value))
        return None
    return [tag for tag in (_text("tag", item) for item in items) if tag]
