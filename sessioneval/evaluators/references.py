"""References by session: what a judge holds a session against, from a table joined by session id."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import Any

from sessioneval.errors import InputError
from sessioneval.evaluators.rubric_parts import shown

ID_COLUMN = "session_id"
DEFAULT_NAME = "reference"
Row = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class References:
    """A table of references.

    Attributes:
        rows: Session id to text by name.
    """

    rows: Mapping[str, Row]

    @classmethod
    def of(cls, source: "References | Mapping[str, Any] | str | PathLike[str]") -> "References":
        """Return the table that `source` is or names.

        Args:
            source: A table; a mapping from session id to a text, or to texts by name; or the path of a CSV, JSON
                Lines or Parquet file with a column ``session_id``, whose other columns are the names.

        Raises:
            InputError: The file cannot be read, has no such column, or holds a session twice.

        Example:
            >>> References.of({"chat-1": "a refund"}).of_session("chat-1")
            {'reference': 'a refund'}
        """
        if isinstance(source, References):
            return source
        if isinstance(source, Mapping):
            return cls(rows=dict(_of_mapping(source)))
        path = Path(source)
        try:
            return cls(rows=_unique(_of_records(_read(path))))
        except InputError as error:
            raise InputError(f"references {str(path)!r}: {error}") from error

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name that some session has a text for."""
        return tuple(sorted({name for row in self.rows.values() for name in row}))

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the table's content, whatever the order of its rows."""
        rows = {session_id: dict(row) for session_id, row in self.rows.items()}
        return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()

    def of_session(self, session_id: str, names: Iterable[str] = ()) -> dict[str, str]:
        """Return a session's texts by name: those asked for, or all; what it lacks is left out."""
        row = self.rows.get(session_id, {})
        return {name: row[name] for name in (tuple(names) or row) if name in row}


def as_reference(value: object) -> str:
    """Return a value as the text that a judge reads; empty for what is missing.

    Example:
        >>> as_reference([{"name": "refund", "arguments": {"id": 7}}]), as_reference(None)
        ('[{"name": "refund", "arguments": {"id": 7}}]', '')
    """
    if isinstance(value, str):
        return value.strip()
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _of_mapping(source: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    for session_id, value in source.items():
        if not isinstance(session_id, str):
            raise InputError(f"the session id {shown(session_id)} of a reference is no text")
        yield session_id, _row(value if isinstance(value, Mapping) else {DEFAULT_NAME: value})


def _of_records(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Row]]:
    for number, record in enumerate(records, 1):
        session_id = record.get(ID_COLUMN)
        if not isinstance(session_id, str) or not session_id:
            raise InputError(f"row {number} has the {ID_COLUMN} {shown(session_id)}; each row needs one, a text")
        yield session_id, _row({name: value for name, value in record.items() if name != ID_COLUMN})


def _row(values: Mapping[str, Any]) -> Row:
    texts = {str(name): as_reference(value) for name, value in values.items()}
    return {name: text for name, text in texts.items() if text}


def _unique(pairs: Iterable[tuple[str, Row]]) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for session_id, row in pairs:
        if session_id in rows:
            raise InputError(f"session {shown(session_id)} stands in it twice; each session may have one row")
        rows[session_id] = row
    return rows


def _read(path: Path) -> Iterable[Mapping[str, Any]]:
    readers = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(f"its name ends in {path.suffix!r}; allowed: {', '.join(readers)}")
    try:
        return reader(path)
    except FileNotFoundError:
        raise InputError("there is no such file") from None
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        # Arrow's and pandas' errors about malformed files are ValueErrors.
        raise InputError(f"is not what its name says: {error}") from error


def _csv(path: Path) -> Iterable[Mapping[str, Any]]:
    # Loads pandas, a second: only for a table in CSV.
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return [{str(name): value for name, value in record.items()} for record in table.to_dict("records")]


def _json_lines(path: Path) -> Iterable[Mapping[str, Any]]:
    records = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise InputError(f"line {number} is {shown(record)}; each line must be a JSON object")
    return records


def _parquet(path: Path) -> Iterable[Mapping[str, Any]]:
    # Loads pyarrow: only for a table in Parquet.
    import pyarrow.parquet as pq

    records: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return records
