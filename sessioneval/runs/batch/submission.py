"""Taking batches through their steps at the provider, each step on the disk before the next."""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta

from sessioneval.errors import JudgeUnavailable
from sessioneval.runs.batch.answers import Answers
from sessioneval.runs.batch.batch_status import BatchStatus
from sessioneval.runs.batch.ledger import Batch, Ledger
from sessioneval.runs.batch.mode import DEFAULT_POLL, BatchProgress
from sessioneval.runs.batch.provider import NoRoom, Provider, ResultsGone
from sessioneval.runs.stopping import Stop

# A day of polling meets lost connections; this many polls in a row without an answer end the run (it can go on later).
_MAX_SILENT_POLLS = 20
# Of the provider's limit a file takes this share at most, for its tokens are only estimated.
_SHARE_OF_LIMIT = 0.75
_BYTES_A_TOKEN = 4


class Submission:
    """Submits batches of a ledger and waits until they have ended.

    Args:
        ledger: Where the batches stand.
        answers: Is told what comes back.
        providers: By address.
        poll: How long to wait between two looks at the provider.
        on_progress: Called after each look.

    Attributes:
        fitting_bytes: What a file of requests may have at most, once a provider said that one was too large.
    """

    def __init__(
        self,
        ledger: Ledger,
        answers: Answers,
        providers: Mapping[str, Provider],
        *,
        poll: timedelta = DEFAULT_POLL,
        on_progress: Callable[[BatchProgress], object] = lambda _: None,
    ) -> None:
        self._ledger = ledger
        self._answers = answers
        self._providers = providers
        self._poll = poll
        self._on_progress = on_progress
        self._n_done: dict[str, int] = {}
        # Batches of which it is certain that this process has not submitted them, nor any other.
        self._unsubmitted: set[str] = set()
        self._uploaded_here: set[str] = set()
        self._full: set[str] = set()
        self._silent_polls: Counter[str] = Counter()
        self.fitting_bytes: int | None = None

    async def carry_out(self, names: Collection[str], stop: Stop) -> None:
        """Return when the named batches are collected, or when the run is asked to stop.

        Raises:
            JudgeRefused: The provider refuses batches.
            JudgeUnavailable: The provider did not answer for many polls; the ledger can go on later.
        """
        stopped = asyncio.Event()
        stop.listen(stopped.set)
        while (batches := self._open(names)) and not stopped.is_set():
            # An address without room has some again once a batch there has ended; where none is under way, ask.
            self._full = {endpoint for endpoint in self._full if self._is_under_way(endpoint)}
            for batch in batches:
                if not stopped.is_set():
                    await self._tried(batch)
            self._report(names)
            if self._open(names):
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), self._poll.total_seconds())

    def _open(self, names: Collection[str]) -> list[Batch]:
        found = (self._ledger.batch(name) for name in names)
        return [batch for batch in found if batch is not None and batch.step != "collected"]

    def _is_under_way(self, endpoint: str) -> bool:
        return any(batch.step == "submitted" and batch.endpoint == endpoint for batch in self._ledger.batches())

    async def _tried(self, batch: Batch) -> None:
        """Take a batch as far as it goes now; that one of them gets no answer does not hold up the others."""
        try:
            await self._advanced(batch)
            self._silent_polls[batch.name] = 0
        except NoRoom:
            self._full.add(batch.endpoint)
        except JudgeUnavailable:
            self._silent_polls[batch.name] += 1
            if self._silent_polls[batch.name] >= _MAX_SILENT_POLLS:
                raise

    async def _advanced(self, batch: Batch) -> None:
        provider = self._providers[batch.endpoint]
        if batch.step != "submitted" and batch.endpoint in self._full:
            return
        if batch.step == "written":
            file_id = await provider.upload(self._ledger.requests_path(batch.name))
            batch = self._ledger.save(batch, step="uploaded", file_id=file_id)
            self._unsubmitted.add(batch.name)
            self._uploaded_here.add(batch.name)
        if batch.step == "uploaded" and batch.file_id:
            batch = await self._submitted(batch, batch.file_id, provider)
        if batch.step == "submitted" and batch.batch_id:
            await self._looked_at(batch, await provider.status(batch.batch_id), provider)

    async def _submitted(self, batch: Batch, file_id: str, provider: Provider) -> Batch:
        """Submit a batch, unless that has happened; without room it stays as it is."""
        batch_id = None
        if batch.name not in self._unsubmitted:
            batch_id = await provider.find(file_id, batch.name)
        if batch_id is None and batch.name not in self._uploaded_here:
            # Of an earlier process that asked for more than this one may: what is wanted of it is written again.
            self._answers.drop(batch)
            self._ledger.forget([batch])
            return batch
        if batch_id is None:
            self._unsubmitted.discard(batch.name)
            try:
                batch_id = await provider.submit(file_id, batch.name)
            except NoRoom:
                self._unsubmitted.add(batch.name)
                raise
        return self._ledger.save(batch, step="submitted", batch_id=batch_id)

    async def _looked_at(self, batch: Batch, status: BatchStatus, provider: Provider) -> None:
        self._n_done[batch.name] = min(status.n_done, batch.n_requests)
        if not status.has_ended:
            return
        if status.lacks_results:
            raise JudgeUnavailable(f"{batch.endpoint} says that batch {batch.batch_id} has ended and names no results")
        if status.is_without_room and not self._is_too_large(batch, status):
            self._ledger.save(batch, step="uploaded", batch_id=None)
            self._unsubmitted.add(batch.name)
            self._uploaded_here.add(batch.name)
            self._full.add(batch.endpoint)
            return
        await self._collected(batch, status, provider)

    def _is_too_large(self, batch: Batch, status: BatchStatus) -> bool:
        """Say whether a batch has no room even alone; the next files are smaller then."""
        n_bytes = self._ledger.requests_path(batch.name).stat().st_size
        if status.token_limit is None or n_bytes <= status.token_limit * _BYTES_A_TOKEN:
            return False
        self.fitting_bytes = int(status.token_limit * _BYTES_A_TOKEN * _SHARE_OF_LIMIT)
        return True

    async def _collected(self, batch: Batch, status: BatchStatus, provider: Provider) -> None:
        outcome = f"{status.status}: {status.problem}" if status.problem else status.status
        with self._ledger.part_path(batch.name).open("wb") as file:
            for file_id in status.result_file_ids:
                try:
                    await provider.download(file_id, file, batch.n_requests)
                except ResultsGone as gone:
                    outcome = f"{outcome}, and {gone}"
            file.flush()
            os.fsync(file.fileno())
        # A file of one call cannot be made smaller: it counts, so that it is not sent for ever.
        is_tried = not status.is_without_room or batch.n_requests == 1
        self._answers.add(self._ledger.collect(batch, outcome, is_tried=is_tried))
        self._full.discard(batch.endpoint)

    def _report(self, names: Collection[str]) -> None:
        batches = [batch for name in names if (batch := self._ledger.batch(name)) is not None]
        collected = [batch for batch in batches if batch.step == "collected"]
        done = sum(batch.n_requests for batch in collected)
        under_way = sum(self._n_done.get(batch.name, 0) for batch in batches if batch.step == "submitted")
        self._on_progress(
            BatchProgress(
                n_batches=len(batches),
                n_collected=len(collected),
                n_requests=sum(batch.n_requests for batch in batches),
                n_done=done + under_way,
                n_waiting=sum(batch.step in ("written", "uploaded") for batch in batches),
            )
        )
