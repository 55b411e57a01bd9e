"""A store: a directory of plain Parquet files that any tool can read."""

import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa

from sessioneval.errors import StoreError
from sessioneval.model import columns as c
from sessioneval.model.arrays import arrow_flags
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import to_row
from sessioneval.model.schemas import EVALUATIONS as EVALUATION_SCHEMA
from sessioneval.model.schemas import SPANS as SPAN_SCHEMA
from sessioneval.store.clustering import NO_DAY, by_day
from sessioneval.store.journal import live_evaluations, read_journal, remove
from sessioneval.store.layout import EVALUATIONS, SPANS, table_files
from sessioneval.store.publication import publish
from sessioneval.store.reading import FILE, ROW, TableRead, first_of_each, keys_of, load_rows, read_files

_logger = logging.getLogger(__name__)
_KEY = [c.TRACE_ID, c.SPAN_ID]
_LISTING_ATTEMPTS = 5
_CODED = pa.dictionary(pa.int32(), pa.string())
_Answer = TypeVar("_Answer")


class Store:
    """Spans and evaluations in a directory of immutable Parquet files.

    Writers only add whole files, readers remove duplicates, so re-sends, crashes and compaction change
    no result and there is no lock and no catalogue.

    Args:
        path: The directory. It need not exist before the first write.

    Example:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp())
        >>> store.span_index().table.num_rows
        0
    """

    def __init__(self, path: "str | os.PathLike[str] | Store") -> None:
        self.path: Path = path.path if isinstance(path, Store) else Path(path)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    @classmethod
    def existing(cls, path: "str | os.PathLike[str] | Store") -> "Store":
        """Return the store at `path`.

        Raises:
            StoreError: There is no directory, or it holds no spans.
        """
        store = cls(path)
        if not store.path.is_dir():
            raise StoreError(
                f"no store at {str(store.path)!r}: the directory does not exist. Give the directory that "
                "register() or `sessioneval import --store` wrote to"
            )
        if not (store.path / SPANS).is_dir():
            raise StoreError(
                f"no store at {str(store.path)!r}: it has no {SPANS!r} folder. Give the directory that "
                "register() or `sessioneval import --store` wrote to"
            )
        return store

    @property
    def evaluations_folder(self) -> Path:
        """Where evaluations and the journals of runs are."""
        return self.path / EVALUATIONS

    def append_spans(self, table: pa.Table) -> list[Path]:
        """Publish a span table (schema `model.schemas.SPANS`), one file for each UTC date of start times.

        Texts in it may be dictionary codes; they are stored as texts.

        When this returns, all rows are in published, fsynced files.

        Raises:
            OSError: A file could not be written; rows of earlier dates of this table may be published,
                which is harmless: appending the table again adds nothing visible.
        """
        return [publish(rows, self.path / SPANS / f"date={day}") for day, rows in by_day(table)]

    def append_evaluations(self, evaluations: Iterable[Evaluation]) -> list[Path]:
        """Publish evaluations as rows, one file for each UTC date on which they were made.

        Raises:
            OSError: A file could not be written.
        """
        by_day: dict[str, list[dict[str, object]]] = {}
        for evaluation in evaluations:
            day = f"{evaluation.created_at:%Y-%m-%d}" if evaluation.created_at else NO_DAY
            by_day.setdefault(day, []).append(to_row(evaluation))
        return [
            publish(pa.Table.from_pylist(rows, schema=EVALUATION_SCHEMA), self.path / EVALUATIONS / f"date={day}")
            for day, rows in sorted(by_day.items())
        ]

    def publish_journal(self, path: Path) -> None:
        """Publish the evaluations of a journal that no run writes any more, then remove it.

        Killed in between, the rows are there twice, which readers see once.

        Raises:
            OSError: The file could not be written; the journal is kept.
        """
        self.append_evaluations(read_journal(path))
        remove(path)

    def span_index(
        self,
        columns: Iterable[str] = (),
        coded: Iterable[str] = (),
        change: Callable[[pa.Table], pa.Table] = lambda table: table,
        keys: Iterable[str] = _KEY,
    ) -> TableRead:
        """Read the keys, times and the asked columns of all spans, each span once.

        Args:
            columns: More columns.
            coded: Those of them whose texts repeat and come as dictionary codes.
            change: What is kept of each file's rows, end times among it.
            keys: The columns of that which tell spans apart.

        Of two deliveries of one span that differ, the one that ended later counts.

        Raises:
            StoreError: Files keep vanishing while they are read.
        """
        names = dict.fromkeys([*_KEY, c.END_TIME, *columns])
        repeating = set(coded)
        schema = pa.schema(
            [
                SPAN_SCHEMA.field(name).with_type(_CODED) if name in repeating else SPAN_SCHEMA.field(name)
                for name in names
            ]
        )
        read = _listed_again_if_changed(lambda: read_files(table_files(self.path, SPANS), schema, change))
        distinct = first_of_each(read.table, list(keys), newest_by=c.END_TIME)
        return TableRead(table=distinct, files=read.files, unreadable=read.unreadable)

    def load_spans(self, index: TableRead, columns: Iterable[str]) -> pa.Table:
        """Read more columns of the rows of `index` (any subset of a `span_index`), in no particular order.

        Only row groups that hold a wanted row are read. Files compacted away since the index was made
        are found again by the keys of the rows; rows that are gone or damaged are left out.

        Raises:
            StoreError: Files keep vanishing while they are read.
        """
        schema = pa.schema([SPAN_SCHEMA.field(name) for name in dict.fromkeys([*_KEY, *columns])])
        try:
            return load_rows(index.table, index.files, schema)
        except FileNotFoundError:
            return self._load_moved(index, schema)

    def _load_moved(self, index: TableRead, schema: pa.Schema) -> pa.Table:
        def load() -> pa.Table:
            fresh = self.span_index()
            wanted = np.isin(keys_of(fresh.table), keys_of(index.table))
            return load_rows(fresh.table.filter(arrow_flags(wanted)), fresh.files, schema)

        return _listed_again_if_changed(load)

    def evaluations(self) -> pa.Table:
        """Return every decision ever made, one row each (schema `model.schemas.EVALUATIONS`), oldest first.

        Rows that a running or crashed evaluation has in its journal are among them.

        Raises:
            StoreError: Files keep vanishing while they are read.
        """
        folder = self.evaluations_folder
        # The journal first: a run publishes before it removes its journal, so no row is missed.
        live = pa.Table.from_pylist(list(map(to_row, live_evaluations(folder))), schema=EVALUATION_SCHEMA)
        files = _listed_again_if_changed(lambda: read_files(table_files(self.path, EVALUATIONS), EVALUATION_SCHEMA))
        for bad in files.unreadable:
            _logger.warning("evaluations passed over, the file cannot be read: %s: %s", bad.path, bad.error)
        rows = pa.concat_tables([files.table.drop_columns([FILE, ROW]), live], promote_options="permissive")
        distinct = first_of_each(rows, ["evaluation_id"], newest_by="created_at")
        return distinct.sort_by([("created_at", "ascending"), ("evaluation_id", "ascending")])


def _listed_again_if_changed(read: Callable[[], _Answer]) -> _Answer:
    """Run `read` until no file that it listed vanished meanwhile: a compaction may remove old files at any time."""
    for _ in range(_LISTING_ATTEMPTS):
        try:
            return read()
        except FileNotFoundError:
            continue
    raise StoreError(f"the store changed {_LISTING_ATTEMPTS} times while it was read; try again when it is quieter")
