"""Where the tables of a store are, and how their columns are encoded.

Partitions are dates only. A session id is hostile input and stands in columns, never in a path.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

SPANS = "spans"
EVALUATIONS = "evaluations"

# Every value differs, so a dictionary would only add to these.
_UNIQUE = frozenset({"context.span_id", "parent_id", "attributes", "evaluation_id", "links"})


def leaf_columns(schema: pa.Schema) -> list[str]:
    """Return the Parquet paths of the string columns that are dictionary-encoded.

    Example:
        >>> leaf_columns(pa.schema([("name", pa.string()), ("tags", pa.list_(pa.string())), ("n", pa.int64())]))
        ['name', 'tags.list.element']
    """
    return [path for field in schema if field.name not in _UNIQUE for path in _leaves(field.name, field.type)]


def _leaves(path: str, kind: pa.DataType) -> Iterator[str]:
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    elif pa.types.is_string(kind):
        yield path


def table_files(root: Path, table: str) -> list[Path]:
    """Return the published files of a table, in name order; hidden and half-written ones are not among them."""
    return sorted(
        path for path in (root / table).glob("**/*.parquet") if not any(part[0] in "._" for part in path.parts[-2:])
    )
