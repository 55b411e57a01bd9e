"""Objects and lists where JSON of strangers should hold them; anything else is an empty one."""

from typing import Any


def object_in(value: Any) -> dict[str, Any]:
    """Return an object as it is."""
    return value if isinstance(value, dict) else {}


def list_in(value: Any) -> list[Any]:
    """Return a list as it is."""
    return value if isinstance(value, list) else []


def objects_in(value: Any) -> list[dict[str, Any]]:
    """Return the objects of a list.

    Example:
        >>> objects_in([{"a": 1}, 2, None]), objects_in("text")
        ([{'a': 1}], [])
    """
    return [item for item in list_in(value) if isinstance(item, dict)]
