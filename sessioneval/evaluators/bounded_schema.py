"""JSON Schema validation by `jsonschema`, made safe for schemas and values that strangers wrote.

- References are resolved inside the schema only; nothing is fetched.
- Regular expressions are RE2's (Arrow has it), which takes linear time; one that RE2 does not know is passed over.
- Every keyword that is evaluated is paid from a budget, so nested alternatives cannot multiply without end.
- Dialects of tool definitions are understood: types in capitals and ``nullable`` (Gemini, OpenAPI), ``required``
  that is no list.
- ``unevaluatedProperties`` and ``unevaluatedItems`` are passed over.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from sessioneval.model.arrays import text_scalar

MAX_ERRORS = 20
_MAX_ARGUMENTS_CHARS = 100_000
_SESSION_BUDGET = 60_000
_CHARS_A_UNIT = 1_000
_TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
_PASSED_OVER = ("unevaluatedProperties", "unevaluatedItems")

Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


class Unusable(Exception):
    """A value cannot be checked; the text says why. Never leaves `tool_schemas`."""


class SchemaError(NamedTuple):
    """One violated keyword: its name, where in the value, and what is wrong."""

    keyword: str
    path: str
    text: str


class Budget:
    """What checks may still cost, in evaluated keywords; those of a long value cost more.

    Args:
        units: How much; by default what is allowed for one session, about 2 seconds.
    """

    def __init__(self, units: int = _SESSION_BUDGET) -> None:
        self._left = units
        self.price = 1

    def charge(self, units: int = 1) -> None:
        """Pay.

        Raises:
            Unusable: Nothing is left.
        """
        self._left -= units * self.price
        if self._left < 0:
            raise Unusable("checking it takes too much work")


_BUDGET: ContextVar[Budget] = ContextVar("_BUDGET")


def errors_of(schema: Mapping[str, Any], value: Any, budget: Budget) -> list[SchemaError]:
    """Return the keywords of a schema that a value violates, at most 20.

    Args:
        schema: A JSON schema; ``$schema`` says which draft, 2020-12 by default.
        value: What is checked, as parsed JSON.
        budget: Pays for the work.

    Raises:
        Unusable: The schema is none, or the work is too much.
    """
    draft = _draft_of(schema)
    try:
        budget.price = 1 + _size_chars(value) // _CHARS_A_UNIT
        return _errors(draft, schema, value, budget)
    except Unusable:
        raise
    except Exception as error:  # a stranger's schema may break the library in any way
        raise Unusable(f"the schema cannot be used: {type(error).__name__}") from error


def _size_chars(value: Any) -> int:
    n_chars = len(json.dumps(value, default=str))
    if n_chars > _MAX_ARGUMENTS_CHARS:
        raise Unusable(f"its {n_chars} characters are too many")
    return n_chars


def _draft_of(schema: Mapping[str, Any]) -> Any:
    # Loads in 0.1 s, and only sessions with tools need it.
    from jsonschema.validators import Draft202012Validator, validator_for

    draft = schema.get("$schema")
    return _bounded(validator_for({"$schema": draft} if isinstance(draft, str) else {}, default=Draft202012Validator))


def _errors(draft: Any, schema: Mapping[str, Any], value: Any, budget: Budget) -> list[SchemaError]:
    from referencing import Registry

    token = _BUDGET.set(budget)
    try:
        validator = draft(_without_drafts(schema, budget), registry=Registry())
        return [_described(error) for error in islice(validator.iter_errors(value), MAX_ERRORS)]
    finally:
        _BUDGET.reset(token)


def _described(error: Any) -> SchemaError:
    """Return the violated keyword; alternatives that all want another type are a wrong type."""
    inner = error.context or ()
    is_type = bool(inner) and all(each.validator == "type" and not each.relative_path for each in inner)
    return SchemaError("type" if is_type else str(error.validator), error.json_path, error.message)


def _without_drafts(schema: Any, budget: Budget) -> Any:
    """Return the schema without ``$schema``: inside of it, the library would leave our keywords for its own."""
    budget.charge()
    if isinstance(schema, Mapping):
        kept = ((key, value) for key, value in schema.items() if key != "$schema" or not isinstance(value, str))
        return {key: _without_drafts(value, budget) for key, value in kept}
    return [_without_drafts(each, budget) for each in schema] if isinstance(schema, list) else schema


@cache
def _bounded(draft: Any) -> Any:
    """Return a validator class whose every keyword is paid for."""
    from jsonschema import validators

    own: dict[str, Keyword] = {**draft.VALIDATORS, **_OWN_KEYWORDS, **dict.fromkeys(_PASSED_OVER, _nothing)}
    extend: Any = validators.extend
    return extend(draft, {name: _paid(keyword) for name, keyword in own.items()})


def _paid(keyword: Keyword) -> Keyword:
    def evaluated(validator: Any, wanted: Any, value: Any, schema: Any) -> Iterator[Any]:
        _BUDGET.get().charge()
        yield from keyword(validator, wanted, value, schema) or ()

    return evaluated


def _nothing(_validator: Any, _wanted: Any, _value: Any, _schema: Any) -> None:
    return None


def _wrong(text: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(text)


def _type(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    names = [str(name).lower() for name in (wanted if isinstance(wanted, list) else [wanted])]
    is_open = any(name not in _TYPES for name in names) or (value is None and schema.get("nullable") is True)
    if not is_open and not any(validator.is_type(value, name) for name in names):
        yield _wrong(f"{value!r} is not of type {' or '.join(map(repr, names))}")


def _required(validator: Any, names: Any, value: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(names, list) and validator.is_type(value, "object"):
        for name in names:
            if name not in value:
                yield _wrong(f"{name!r} is a required property")


def _pattern(validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "string") and not _matches(pattern, value, unknown=True):
        yield _wrong(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, _schema: Any) -> Iterator[Any]:
    if validator.is_type(value, "object"):
        for pattern, schema in patterns.items():
            for name in value:
                if _matches(pattern, name, unknown=False):
                    yield from validator.descend(value[name], schema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, wanted: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    if not validator.is_type(value, "object"):
        return
    patterns = schema.get("patternProperties", {})
    known = schema.get("properties", {})
    for name in value:
        if name in known or any(_matches(pattern, name, unknown=True) for pattern in patterns):
            continue
        if validator.is_type(wanted, "object"):
            yield from validator.descend(value[name], wanted, path=name)
        elif wanted is False:
            yield _wrong(f"{name!r} is unexpected")


def _unique_items(validator: Any, wanted: Any, value: Any, _schema: Any) -> Iterator[Any]:
    if wanted is True and validator.is_type(value, "array"):
        distinct = {json.dumps(each, sort_keys=True) for each in value}
        if len(distinct) < len(value):
            yield _wrong(f"{value!r} has non-unique elements")


def _matches(pattern: str, text: str, *, unknown: bool) -> bool:
    """Return whether a pattern occurs in a text; `unknown` for a pattern that RE2 does not know."""
    _BUDGET.get().charge(1 + (len(pattern) + len(text)) // _CHARS_A_UNIT)
    try:
        return bool(pc.match_substring_regex(text_scalar(text), pattern).as_py())
    except pa.ArrowException:
        return unknown


_OWN_KEYWORDS: Mapping[str, Keyword] = {
    "type": _type,
    "required": _required,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
}
