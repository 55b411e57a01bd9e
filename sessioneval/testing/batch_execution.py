"""How the requests of a batch are answered: as sent at once, but for the time, the limits and the price."""

import json
from typing import Any

from sessioneval.testing.api_errors import answerer_failed, failed_on_purpose, too_many
from sessioneval.testing.asked import Asked
from sessioneval.testing.batch_input import BatchRequest
from sessioneval.testing.billing import Ledger
from sessioneval.testing.counts import Counts
from sessioneval.testing.faults import CONTENT_FAULTS, Fault, Faults
from sessioneval.testing.http_connection import Reply
from sessioneval.testing.rate_limits import Refusal
from sessioneval.testing.responder import FullResponder


class BatchExecution:
    """Answers the requests of batches. Faults of the connection do not exist here; the others do.

    Args:
        responder: What reads and answers.
        faults: How badly.
        counts: What is counted.
        ledger: What is billed, at the price of batches and without the prompt cache.
    """

    def __init__(self, responder: FullResponder, faults: Faults, counts: Counts, ledger: Ledger) -> None:
        self._responder = responder
        self._faults = faults
        self._counts = counts
        self._ledger = ledger

    def __call__(self, request: BatchRequest, failing: bool) -> tuple[int, Any]:  # noqa: FBT001 - as `Execute` wants it
        """Return status and body; a `failing` request ends as a 500."""
        whole = {**request.body, "stream": False} if request.body.get("stream") else request.body
        asked = self._responder.read_fields(whole, cached=False)
        reply = asked if isinstance(asked, Reply) else self._reply(asked, failing=failing)
        return reply.status, json.loads(reply.body)

    def _reply(self, asked: Asked, *, failing: bool) -> Reply:
        attempt = self._counts.arrived(asked)
        fault: Fault = "error" if failing else self._faults.choose(asked.identity, attempt)
        if fault == "none" or fault in CONTENT_FAULTS:
            return self._answered(asked, fault)
        if fault not in ("error", "too_many_requests"):
            return self._answered(asked, "none")
        self._counts.faulted(fault)
        return failed_on_purpose() if fault == "error" else too_many(Refusal(kind="requests", wait_seconds=0), {})

    def _answered(self, asked: Asked, fault: Fault) -> Reply:
        try:
            answered = self._responder.answer(asked, fault)
        except Exception as error:  # noqa: BLE001 - an answerer is anybody's code, and a batch must come to its end
            return answerer_failed(error)
        self._ledger.charge(asked.session, answered.usage, discounted=True)
        if fault == "none":
            self._counts.finished(asked, answered)
        else:
            self._counts.faulted(fault)
        return answered.reply
