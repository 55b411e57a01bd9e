"""The ledger of a store's batches: which calls were written, submitted and answered, in files that survive a crash.

Each batch has three files in a hidden folder beside the evaluations: its requests, its state and its results.
A state is replaced as a whole and fsynced, so after a crash each batch stands at one of its steps.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self

from sessioneval.errors import StoreError
from sessioneval.evaluators.dialect import AnswerFormat, Dialect
from sessioneval.store.durable_file import replace_file

FOLDER = ".batches"
# Providers keep the results of a batch as long.
KEPT = timedelta(days=30)
# A longer line of results is no answer of a model, and must not fill the memory.
MAX_LINE_BYTES = 16 << 20
_STATE = ".state.json"
_REQUESTS = ".requests.jsonl"
_RESULTS = ".results.jsonl"
_PART = ".part"
_LOCK = ".lock"
# What `request_line` puts between a call's name and its body; a quote inside the name is escaped, so this is not in it.
_BODY = b', "body": '

Step = Literal["written", "uploaded", "submitted", "collected"]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One file of requests and where it stands.

    Attributes:
        name: Unique, and later batches have later ones; stands in the metadata of the provider's batch, so that it is
            found again after a crash.
        endpoint: The address it belongs to, without key.
        model: Who is asked.
        n_requests: Lines of the requests file.
        answer_format, dropped: The `Dialect` of its requests.
        step: ``written`` here, ``uploaded`` as a file, ``submitted`` as a batch, or ``collected``: it ended, and
            what came back is here.
        file_id, batch_id: The provider's names, once it gave them.
        outcome: The provider's last status, and why it rejected the batch if it did.
        is_tried: Whether its calls were tried; not so in a file that was too large for the provider.
    """

    name: str
    endpoint: str
    model: str = ""
    n_requests: int
    answer_format: AnswerFormat = "json_schema"
    dropped: list[str] = field(default_factory=list)
    step: Step = "written"
    file_id: str | None = None
    batch_id: str | None = None
    outcome: str | None = None
    is_tried: bool = True

    @property
    def dialect(self) -> Dialect:
        """How its calls are written."""
        return Dialect(answer_format=self.answer_format, dropped=frozenset(self.dropped))


class Ledger:
    """The batches of one store; one process at a time holds it."""

    def __init__(self, folder: Path, lock: int) -> None:
        """Take over a locked folder; use `Ledger.open`."""
        self.folder = folder
        self._lock = lock
        self._batches: dict[str, Batch] = {}

    @classmethod
    def open(cls, evaluations_folder: Path) -> Self:
        """Lock the ledger of a store and remove what nobody waits for.

        Files that a crash left half written, batches that were not uploaded (their calls are written again if
        somebody asks for them), and batches of more than 30 days ago.

        Raises:
            StoreError: Another process holds it, or the folder cannot be read or written.
        """
        folder = evaluations_folder / FOLDER
        lock = _locked(folder)
        ledger = cls(folder, lock)
        try:
            ledger._load()
        except (OSError, ValueError, TypeError) as error:
            ledger.close()
            raise StoreError(
                f"cannot read the batches in {str(folder)!r}: {error}; remove it to give them up"
            ) from error
        return ledger

    def close(self) -> None:
        """Give the ledger up for other processes; safe to call twice."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def batches(self) -> list[Batch]:
        """Return all batches, the oldest first."""
        return list(self._batches.values())

    def batch(self, name: str) -> Batch | None:
        """Return a batch, as it stands now."""
        return self._batches.get(name)

    def save(self, batch: Batch, **changed: Any) -> Batch:
        """Return the batch with what changed, once that is on the disk."""
        new = replace(batch, **changed)
        replace_file(self.folder / f"{new.name}{_STATE}", json.dumps(asdict(new)).encode())
        self._batches[new.name] = new
        return new

    def requests_path(self, batch_name: str) -> Path:
        """Where the requests of a batch are."""
        return self.folder / f"{batch_name}{_REQUESTS}"

    def results_path(self, batch_name: str) -> Path:
        """Where what came back of a batch is."""
        return self.folder / f"{batch_name}{_RESULTS}"

    def part_path(self, batch_name: str) -> Path:
        """Where to write what comes back of a batch, until it is whole."""
        return self.folder / f"{batch_name}{_PART}"

    def keys(self, batch: Batch) -> Iterator[str]:
        """Yield the key of each call of a batch."""
        with self.requests_path(batch.name).open("rb") as lines:
            for line in lines:
                yield json.loads(line.partition(_BODY)[0] + b"}")["custom_id"]

    def collect(self, batch: Batch, outcome: str, *, is_tried: bool = True) -> Batch:
        """Keep what came back of a batch that ended, which is whole in its part file, and return the batch."""
        self.part_path(batch.name).rename(self.results_path(batch.name))
        return self.save(batch, step="collected", outcome=outcome, is_tried=is_tried)

    def results(self, batch: Batch) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that came back of a collected batch with their offsets; overlong ones are left out."""
        with self.results_path(batch.name).open("rb") as lines:
            offset, is_whole = 0, True
            while line := lines.readline(MAX_LINE_BYTES):
                was_whole, is_whole = is_whole, line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
                if was_whole and is_whole:
                    yield offset, line
                offset += len(line)

    def line(self, batch_name: str, offset: int) -> bytes:
        """Return the line of a collected batch's results that begins at `offset`."""
        with self.results_path(batch_name).open("rb") as file:
            file.seek(offset)
            return file.readline(MAX_LINE_BYTES)

    def forget(self, batches: Iterable[Batch]) -> None:
        """Remove the files of batches whose answers are not needed any more."""
        for batch in list(batches):
            self._batches.pop(batch.name, None)
            for suffix in (_STATE, _RESULTS, _REQUESTS, _PART):
                (self.folder / f"{batch.name}{suffix}").unlink(missing_ok=True)

    def _load(self) -> None:
        now = time.time()
        for path in sorted(self.folder.glob(f"*{_STATE}")):
            batch = Batch(**json.loads(path.read_bytes()))
            self._batches[batch.name] = batch
            if batch.step == "written" or now - path.stat().st_mtime > KEPT.total_seconds():
                self.forget([batch])
        self._remove_stateless()

    def _remove_stateless(self) -> None:
        """Remove request files that never got a state: nobody was asked."""
        for suffix in (_REQUESTS, _RESULTS, _PART):
            for path in self.folder.glob(f"*{suffix}"):
                if path.name.removesuffix(suffix) not in self._batches:
                    path.unlink(missing_ok=True)


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise StoreError(f"cannot open the batches in {str(folder)!r}: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise StoreError(f"another run is at work on the batches in {str(folder)!r}; wait for it or stop it") from None
    return lock
