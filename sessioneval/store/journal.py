"""The journal of a run: each finished evaluation is on the disk before its worker goes on.

One JSON line an evaluation in ``.journal-<run id>.jsonl``, hidden from Parquet readers. The file is
locked while its run lives, so the journal of a crashed run is told from that of a running one.
"""

import asyncio
import fcntl
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

from sessioneval.errors import InputError, StoreError
from sessioneval.model.evaluation import Evaluation
from sessioneval.model.evaluation_row import from_row, row_from_json_line, row_to_json_line, to_row

_PREFIX = ".journal-"
_SUFFIX = ".jsonl"
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class _Batch:
    """Lines that reach the disk with one fsync, and the future their writers wait for."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.written: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Journal:
    """An append-only file of evaluations with group commit; use it from one event loop.

    Appends that arrive while an fsync is under way share the next one, so durability costs one
    fsync per round of workers and not one per evaluation.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        """Take over an open and locked file; use `Journal.open`."""
        self.path = path
        self._descriptor = descriptor
        self._size = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sessioneval-journal")
        self._batch: _Batch | None = None
        self._commits: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, directory: Path, run_id: str) -> "Journal":
        """Create the journal of a new run and lock it.

        Args:
            directory: The store's directory of evaluations; it is made if missing.
            run_id: Unique; at most 64 letters, digits, ``_`` and ``-``.

        Raises:
            InputError: `run_id` cannot stand in a file name.
            StoreError: The file exists already or cannot be written.
        """
        if not _RUN_ID.fullmatch(run_id):
            raise InputError(f"run id {run_id!r} is not allowed: use at most 64 letters, digits, '_' and '-'")
        path = directory / f"{_PREFIX}{run_id}{_SUFFIX}"
        try:
            return cls(path, _create_locked(path))
        except OSError as error:
            raise StoreError(f"cannot open the journal {str(path)!r}: {error}") from error

    async def append(self, evaluation: Evaluation) -> None:
        """Return once the evaluation is written and fsynced.

        A cancelled append is written all the same.

        Raises:
            StoreError: The disk refused it; nothing of the batch is in the file then.
        """
        if self._batch is None:
            self._batch = _Batch()
        batch = self._batch
        batch.lines.append(row_to_json_line(to_row(evaluation)))
        if self._commits is None or self._commits.done():
            self._commits = asyncio.create_task(self._commit())
        await asyncio.shield(batch.written)

    async def aclose(self) -> None:
        """Write what is pending, give up the lock and close the file; safe to call twice."""
        if self._commits is not None:
            await self._commits
        self._thread.shutdown()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _commit(self) -> None:
        """Write batch after batch until none is left; never raises, the writers get the error."""
        loop = asyncio.get_running_loop()
        while (batch := self._batch) is not None:
            self._batch = None
            try:
                await loop.run_in_executor(self._thread, self._write, b"".join(batch.lines))
            except (OSError, RuntimeError) as error:
                batch.written.set_exception(StoreError(f"cannot write the journal {str(self.path)!r}: {error}"))
            else:
                batch.written.set_result(None)

    def _write(self, data: bytes) -> None:
        """Append and fsync; after an error the file is cut back, so no torn line stands in its middle."""
        try:
            _write_all(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += len(data)


def read_journal(path: Path) -> list[Evaluation]:
    """Return the evaluations of a journal; a torn or unreadable line is left out, a file that is gone is empty.

    Raises:
        StoreError: The file cannot be read.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:  # published and removed meanwhile
        return []
    except OSError as error:
        raise StoreError(f"cannot read the journal {str(path)!r}: {error}") from error
    return [evaluation for line in lines if line and (evaluation := _parsed(line)) is not None]


def live_evaluations(directory: Path) -> list[Evaluation]:
    """Return what the journals in `directory` hold: decided, not yet published."""
    return [evaluation for path in sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}")) for evaluation in read_journal(path)]


def abandoned(directory: Path) -> list[Path]:
    """Return the journals in `directory` that no living run holds, sorted by name."""
    return [path for path in sorted(directory.glob(f"{_PREFIX}*{_SUFFIX}")) if _is_free(path)]


def running(directory: Path) -> set[str]:
    """Return the ids of the runs that hold a journal in `directory`; a journal's name is a run id and a number."""
    paths = (path for path in directory.glob(f"{_PREFIX}*{_SUFFIX}") if not _is_free(path))
    return {path.name.removeprefix(_PREFIX).removesuffix(_SUFFIX).partition("-")[0] for path in paths}


def remove(path: Path) -> None:
    """Delete a journal whose evaluations are published; one that is gone already is fine."""
    path.unlink(missing_ok=True)


def _create_locked(path: Path) -> int:
    """Create, lock, then name the file: under its name it is never seen unlocked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".opening{path.name}")
    descriptor = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _name(hidden, path)
    except OSError:
        os.close(descriptor)
        hidden.unlink(missing_ok=True)
        raise
    return descriptor


def _name(hidden: Path, path: Path) -> None:
    """Rename, for run ids are unique: the check is against reuse by mistake, not against a race."""
    if path.exists():
        raise FileExistsError(f"{path.name} exists already")
    hidden.rename(path)
    _fsync_directory(path.parent)


def _fsync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _is_free(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # held by a living run, or removed meanwhile
        return False
    return True


def _parsed(line: bytes) -> Evaluation | None:
    try:
        return from_row(row_from_json_line(line))
    except ValueError:
        return None
