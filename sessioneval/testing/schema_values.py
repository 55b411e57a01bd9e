"""Values that fill a JSON schema, so that an answer has the shape that was asked for."""

from typing import Any

MAX_DEPTH = 8
_EMPTY: dict[str, Any] = {"string": "", "array": [], "number": 0, "integer": 0, "boolean": False, "null": None}


def fill(schema: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the schema's properties in their order: known values, else the emptiest allowed ones.

    A schema without properties gets the known values as they are. Known values that the schema has no
    place for are left out, and so are records where it wants texts.

    Args:
        schema: A JSON schema of type object; `$ref` into its own `$defs`, `enum`, `const` and `anyOf` are followed.
        known: Property name to value.

    Example:
        >>> schema = {"properties": {"evidence": {"type": "array"}, "label": {"type": "string"}}}
        >>> fill(schema, {"label": "coherent"})
        {'evidence': [], 'label': 'coherent'}
    """
    properties = _properties(schema)
    if not properties:
        return dict(known)
    return {
        name: known[name] if name in known and _fits(known[name], part) else empty(part, schema)
        for name, part in properties.items()
    }


def empty(schema: Any, root: dict[str, Any], depth: int = 0) -> Any:
    """Return the emptiest value that a property's schema allows.

    Example:
        >>> empty({"enum": ["low", "high"]}, {})
        'low'
    """
    part = _resolved(schema, root)
    options = _options(part)
    if "const" in part or "default" in part:
        return part["const"] if "const" in part else part["default"]
    if options and depth < MAX_DEPTH:
        return options[0] if "enum" in part else empty(options[0], root, depth + 1)
    return _empty_of_type(part, root, depth)


def _fits(value: Any, part: Any) -> bool:
    items = part.get("items") if isinstance(part, dict) else None
    wants_texts = isinstance(items, dict) and items.get("type") == "string"
    return not (wants_texts and isinstance(value, list) and any(isinstance(entry, dict) for entry in value))


def _empty_of_type(part: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    kinds = part.get("type", "object" if "properties" in part else "string")
    kind = kinds[0] if isinstance(kinds, list) and kinds else kinds
    if kind == "object":
        inside = _properties(part) if depth < MAX_DEPTH else {}
        return {name: empty(inner, root, depth + 1) for name, inner in inside.items()}
    value = _EMPTY.get(kind, "") if isinstance(kind, str) else ""
    return list(value) if isinstance(value, list) else value


def _properties(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def _options(part: dict[str, Any]) -> list[Any]:
    for key in ("enum", "anyOf", "oneOf"):
        if isinstance(part.get(key), list):
            return list(part[key])
    return []


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(schema, dict):
        return {}
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    definitions = root.get("$defs")
    target = definitions.get(name) if name and isinstance(definitions, dict) else None
    return target if isinstance(target, dict) else schema
