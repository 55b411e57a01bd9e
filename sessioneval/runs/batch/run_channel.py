"""The channel of a whole batch run: rounds of known answers, request files, and waiting for the provider."""

from dataclasses import replace
from pathlib import Path

from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.runs.batch.answers import Answers
from sessioneval.runs.batch.channel import BatchChannel
from sessioneval.runs.batch.ledger import Ledger
from sessioneval.runs.batch.mode import BatchMode
from sessioneval.runs.batch.provider import Provider
from sessioneval.runs.batch.request_files import RequestFiles
from sessioneval.runs.batch.submission import Submission
from sessioneval.runs.stopping import Stop


class BatchRunChannel:
    """Defers every call to a batch of its endpoint, until a batch has answered it.

    Args:
        evaluations_folder: The store's folder in which the batches are kept.
        mode: How batches are made and waited for.

    Raises:
        StoreError: Another run is at work on the store's batches.
    """

    given_up: tuple[str, ...] = ()

    def __init__(self, evaluations_folder: Path, mode: BatchMode) -> None:
        self._ledger = Ledger.open(evaluations_folder)
        self._mode = mode
        self._limits = mode.limits
        self._providers: dict[str, Provider] = {}
        self._answers = Answers(self._ledger)
        self._submission = Submission(
            self._ledger, self._answers, self._providers, poll=mode.poll, on_progress=mode.on_progress
        )
        self._files = RequestFiles(self._ledger, self._limits)
        self._channel = BatchChannel(self._answers, self._files)

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the answer that a batch brought.

        Raises:
            CallDeferred: There is none yet.
            JudgeError: There will be none.
        """
        endpoint = call.endpoint
        if endpoint.shown not in self._providers:
            self._providers[endpoint.shown] = Provider(endpoint)
        return await self._channel.complete(call)

    async def answer_deferred(self, stop: Stop) -> None:
        """Submit what was deferred and wait for it; when nothing was, forget the batches that this run has used up.

        Answers that this run did not ask for are kept for a month: another run may.

        Raises:
            JudgeError: The provider refuses batches, or has not answered for long; a later run goes on here.
        """
        self._files.close()
        if stop.is_requested:
            return
        if not self._channel.wanted:
            collected = [batch for batch in self._ledger.batches() if batch.step == "collected"]
            self._ledger.forget(filter(self._answers.all_asked, collected))
            return
        await self._submission.carry_out(self._channel.wanted, stop)
        if self._submission.fitting_bytes is not None:
            self._limits = replace(self._limits, n_bytes=min(self._limits.n_bytes, self._submission.fitting_bytes))
        self._files = RequestFiles(self._ledger, self._limits)
        self._channel.begin_round(self._files)

    async def aclose(self) -> None:
        """Close the files, the connections and the ledger; what is with the provider stays there."""
        self._files.close()
        for provider in self._providers.values():
            await provider.aclose()
        self._ledger.close()
