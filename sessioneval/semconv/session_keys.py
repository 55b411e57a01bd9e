"""Under which attribute keys sessions and users are named, in order of trust."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv.fields import int64
from sessioneval.semconv.json_text import parsed

SESSION_KEYS = (
    "langfuse.session.id",
    "session.id",
    "gen_ai.conversation.id",
    "traceloop.association.properties.session_id",
    "ai.telemetry.metadata.sessionId",
    "langsmith.metadata.session_id",
    "langsmith.metadata.conversation_id",
    "langsmith.metadata.thread_id",
    "langfuse.observation.metadata.langfuse_session_id",
    "langfuse.trace.metadata.langfuse_session_id",
    "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.thread_id",
    "gcp.vertex.agent.session_id",
    "session_id",
    "thread_id",
)
"""Source: the order of Langfuse's ingestion (OtelIngestionProcessor.ts, extractSessionId), widened by recorded spans."""

USER_KEYS = (
    "langfuse.user.id",
    "user.id",
    "enduser.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
    "langsmith.metadata.user_id",
    "user_id",
)

# MLflow writes every value as JSON.
_ENCODING_SCOPE, _ENCODED_REQUEST = "mlflow", "mlflow.traceRequestId"
# A redaction mark in place of an id would pour all sessions into one.
_REDACTED = re.compile(r"\s*(\[Scrubbed due to .*\]|__REDACTED__|\[REDACTED\])\s*", re.DOTALL)


def session_id(span: RawSpan, keys: Iterable[str] = SESSION_KEYS) -> str | None:
    """Return the session that the span, or else its resource, names.

    Example:
        >>> session_id(RawSpan("", "", None, "", 0, 0, {"session.id": "", "gen_ai.conversation.id": "c-1"}))
        'c-1'
    """
    return _first(span, tuple(keys))


def user_id(span: RawSpan, keys: Iterable[str] = USER_KEYS) -> str | None:
    """Return the user that the span, or else its resource, names."""
    return _first(span, tuple(keys))


def _first(span: RawSpan, keys: tuple[str, ...]) -> str | None:
    is_encoded = span.scope_name.startswith(_ENCODING_SCOPE) or _ENCODED_REQUEST in span.attributes
    return _named(span.attributes, keys, is_encoded=is_encoded) or _named(span.resource, keys)


def _named(attributes: Mapping[str, Any], keys: tuple[str, ...], *, is_encoded: bool = False) -> str | None:
    for key in keys:
        if key in attributes and (name := _identifier(_decoded(attributes[key]) if is_encoded else attributes[key])):
            return name
    return None


def _decoded(value: Any) -> Any:
    decoded = parsed(value)
    return decoded if isinstance(decoded, str) else value


def _identifier(value: Any) -> str | None:
    if (number := int64(value)) is not None:
        return str(number)
    if not isinstance(value, str) or not value.strip() or _REDACTED.fullmatch(value):
        return None
    return value
