"""Records (one dict a row) as JSON, JSON lines, CSV or Parquet, always valid UTF-8."""

import csv
import io
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, BinaryIO, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

Record = Mapping[str, Any]

# Lone surrogates are no UTF-8; the others could steer or reorder a terminal. All are the same text as escapes.
_ESCAPED = re.compile("[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Spreadsheets run such cells as formulas.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def json_text(value: object) -> str:
    r"""Return strict JSON on one line; numbers that are not finite become null.

    Example:
        >>> json_text({"text": "é\ud800", "score": float("nan")})
        '{"text": "é\\ud800", "score": null}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, default=_plain)
    return _ESCAPED.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def write_records(records: Iterable[Record], columns: Sequence[str], form: str, file: BinaryIO) -> None:
    """Write records to a binary file.

    Args:
        records: Rows; read once, and for all but Parquet one at a time.
        columns: Columns in their order; a record need not have all of them.
        form: ``json`` (one array), ``jsonl``, ``csv`` or ``parquet``. In CSV and Parquet nested values are JSON
            text; in CSV a text that a spreadsheet would run as a formula gets a leading apostrophe.
        file: Where to.
    """
    _WRITERS[form](records, columns, file)


@contextmanager
def text_over(file: BinaryIO) -> Iterator[TextIO]:
    """Yield a UTF-8 text file over a binary one, which stays open; what UTF-8 lacks is written as escapes."""
    text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
    try:
        yield text
    finally:
        text.detach()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return _moment(value)
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return value.tolist()
    return list(value) if isinstance(value, set | frozenset) else str(value)


def _moment(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def _write_json(records: Iterable[Record], columns: Sequence[str], file: BinaryIO) -> None:
    del columns
    before = itertools.chain([b"[\n"], itertools.repeat(b",\n"))
    file.writelines(separator + json_text(record).encode() for record, separator in zip(records, before, strict=False))
    file.write(b"\n]\n" if next(before) == b",\n" else b"[]\n")


def _write_json_lines(records: Iterable[Record], columns: Sequence[str], file: BinaryIO) -> None:
    del columns
    file.writelines(json_text(record).encode() + b"\n" for record in records)


def _write_csv(records: Iterable[Record], columns: Sequence[str], file: BinaryIO) -> None:
    with text_over(file) as text:
        writer = csv.writer(text)  # RFC 4180: its CRLF also has cells with a lone CR quoted
        writer.writerow([_csv_cell(column) for column in columns])
        for record in records:
            writer.writerow([_csv_cell(record.get(column)) for column in columns])


def _csv_cell(value: Any) -> object:
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, datetime):
        return _moment(value)
    return value if type(value) in (int, float) else json_text(value)


def _write_parquet(records: Iterable[Record], columns: Sequence[str], file: BinaryIO) -> None:
    rows = list(records)
    table = pa.table({column: [_parquet_cell(row.get(column)) for row in rows] for column in columns})
    # A pipe cannot tell its position, which the Parquet writer asks for.
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    file.write(buffer.getbuffer())


def _parquet_cell(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return json_text(value) if isinstance(value, Mapping | list | tuple | set | frozenset) else value


_WRITERS: dict[str, Callable[[Iterable[Record], Sequence[str], BinaryIO], None]] = {
    "json": _write_json,
    "jsonl": _write_json_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
