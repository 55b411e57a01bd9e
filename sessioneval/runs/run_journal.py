"""The journals of one run: when one has grown long enough it is published, and the run goes on in the next."""

import asyncio
from collections.abc import Iterable

from sessioneval.model.evaluation import Evaluation
from sessioneval.store.journal import Journal
from sessioneval.store.journal_publication import publish_journal
from sessioneval.store.store import Store

# Rows that publishing takes into memory at once.
ROWS_A_JOURNAL = 4_000


class RunJournal:
    """Keeps decisions safe and publishes them by and by; use it from one event loop.

    Args:
        store: Where the journals and the evaluations are.
        run_id: Names the journals.
        rows_a_journal: After so many rows a journal is published.
    """

    def __init__(self, store: Store, run_id: str, rows_a_journal: int = ROWS_A_JOURNAL) -> None:
        self._store = store
        self._run_id = run_id
        self._rows_a_journal = rows_a_journal
        self._n_journals = 0
        self._publishing: set[asyncio.Task[None]] = set()
        self._open_next()

    async def append(self, evaluation: Evaluation) -> None:
        """Return once the evaluation is on the disk.

        Raises:
            StoreError: The disk refused it.
        """
        journal = self._journal
        self._n_rows += 1
        if self._n_rows >= self._rows_a_journal:
            self._open_next()
            # The full journal takes what has been handed to it, this row included, before it is closed.
            kept = asyncio.ensure_future(journal.append(evaluation))
            task = asyncio.create_task(self._publish(journal, kept))
            self._publishing.add(task)
            task.add_done_callback(self._publishing.discard)
            await asyncio.shield(kept)
        else:
            await journal.append(evaluation)

    async def append_all(self, evaluations: Iterable[Evaluation]) -> None:
        """Append some at once; they share their way to the disk."""
        rows = list(evaluations)
        if len(rows) == 1:  # without a task of its own
            await self.append(rows[0])
        else:
            await asyncio.gather(*map(self.append, rows))

    async def aclose(self) -> None:
        """Publish what is left.

        Raises:
            OSError: The store cannot be written; the journals are kept.
        """
        waiting = list(self._publishing)
        await self._publish(self._journal)
        await asyncio.gather(*waiting)

    def _open_next(self) -> None:
        self._n_journals += 1
        self._n_rows = 0
        self._journal = Journal.open(self._store.evaluations_folder, f"{self._run_id}-{self._n_journals}")

    async def _publish(self, journal: Journal, last: "asyncio.Future[None] | None" = None) -> None:
        if last is not None:
            await asyncio.wait([last])
        await journal.aclose()
        await asyncio.to_thread(publish_journal, journal.path)
