"""From the attributes of any span to the columns of the store, whatever convention wrote them."""

from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.adk import ADK
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.flattened_keys import COLUMNS, path_of
from sessioneval.semconv.flattening import unflatten
from sessioneval.semconv.genai import GENAI
from sessioneval.semconv.langfuse import LANGFUSE
from sessioneval.semconv.langsmith import LANGSMITH
from sessioneval.semconv.llama_index import LLAMA_INDEX
from sessioneval.semconv.mlflow import MLFLOW
from sessioneval.semconv.openinference import FIELDS, OPENINFERENCE, openinference_columns
from sessioneval.semconv.openllmetry import OPENLLMETRY
from sessioneval.semconv.phoenix import PHOENIX
from sessioneval.semconv.plain import PLAIN
from sessioneval.semconv.pydantic_ai import PYDANTIC_AI
from sessioneval.semconv.session_keys import session_id, user_id
from sessioneval.semconv.smolagents import SMOLAGENTS
from sessioneval.semconv.strands import STRANDS
from sessioneval.semconv.value_bodies import VALUE_BODIES
from sessioneval.semconv.vercel import VERCEL

_CORRECTING: tuple[Dialect, ...] = (PYDANTIC_AI, SMOLAGENTS, LLAMA_INDEX, PHOENIX)
"""Frameworks that are known better than the OpenInference attributes that were put on their spans."""

_OTHERS: tuple[Dialect, ...] = (
    MLFLOW,
    OPENLLMETRY,
    VERCEL,
    STRANDS,
    ADK,
    GENAI,
    LANGFUSE,
    LANGSMITH,
    VALUE_BODIES,
    PLAIN,
)
"""They read nothing of OpenInference's flattened messages, so they are given spans without them."""

DIALECTS: tuple[Dialect, ...] = (*_CORRECTING, OPENINFERENCE, *_OTHERS)
"""In order of preference: where two conventions fill one column of a span, the earlier one wins."""

_COLUMN_OF_KEY = {**COLUMNS, **{field.keys[0]: field.column for field in FIELDS}}


def columns_of(span: RawSpan) -> dict[str, Any]:
    """Return what the attributes of `span` say, by column name; columns that it does not fill are absent.

    `ATTRIBUTES` is a dict of all attributes whose value no typed column holds exactly. The attributes that
    other dialects were read from stay in it, so nothing that was on the span is lost.

    Example:
        >>> columns_of(RawSpan("", "", None, "", 0, 0, {"session.id": "s-1", "x": 1}))
        {'attributes.session.id': 's-1', 'attributes': {'x': 1}, 'span_kind': 'UNKNOWN'}
    """
    found: dict[str, Any] = {column: name for column, name in _names(span) if name is not None}
    for dialect in _CORRECTING:
        if dialect.recognises(span):
            _fill(found, dialect.columns(span))
    unflattened = unflatten(span.attributes)
    if outvoted := _fill(found, openinference_columns(unflattened)):
        found[c.ATTRIBUTES] |= _attributes_of(span, outvoted)
    plain = span._replace(attributes=unflattened.rest)
    for dialect in _OTHERS:
        if dialect.recognises(plain):
            _fill(found, dialect.columns(plain))
    rest = found[c.ATTRIBUTES]
    found[c.ATTRIBUTES] = {key: value for key, value in rest.items() if not _is_name(found, key, value)}
    return found


def _fill(found: dict[str, Any], filled: dict[str, Any]) -> set[str]:
    """Add columns that are not found yet; return those that were found with another value."""
    return {column for column, value in filled.items() if found.setdefault(column, value) != value}


def _attributes_of(span: RawSpan, columns: set[str]) -> dict[str, Any]:
    """Return the attributes that OpenInference reads `columns` from."""
    return {key: value for key, value in span.attributes.items() if _column(key) in columns}


def _column(key: str) -> str | None:
    path = path_of(key)
    return COLUMNS[path.prefix] if path else _COLUMN_OF_KEY.get(key)


def _names(span: RawSpan) -> tuple[tuple[str, str | None], ...]:
    return (c.SESSION_ID, session_id(span)), (c.USER_ID, user_id(span))


def _is_name(found: dict[str, Any], key: str, value: Any) -> bool:
    column = {a.SESSION_ID: c.SESSION_ID, a.USER_ID: c.USER_ID}.get(key)
    return column is not None and found.get(column) == value
