"""`POST /v1/chat/completions`: limits, faults, time, and the counts of what really reached the client."""

import asyncio

from sessioneval.testing.api_errors import answerer_failed, failed_on_purpose, too_many
from sessioneval.testing.asked import Answered, Asked
from sessioneval.testing.billing import Ledger
from sessioneval.testing.counts import Counts
from sessioneval.testing.faults import Fault, Faults
from sessioneval.testing.http_connection import Exchange, Reply
from sessioneval.testing.prompt_cache import PromptCache
from sessioneval.testing.rate_limits import RateLimits, Refusal
from sessioneval.testing.responder import Responder

CLIENT_LEFT = 499
"""Counted for a request whose client left before the answer (nginx's number; nobody receives it)."""
FLEX = "flex"


class Chat:
    """Answers chat completions.

    Args:
        responder: What reads and answers.
        faults: How badly.
        counts: What is counted.
        ledger: What is billed.
        cache: What ended calls leave behind.
    """

    def __init__(
        self, responder: Responder, faults: Faults, counts: Counts, ledger: Ledger, cache: PromptCache
    ) -> None:
        self.counts = counts
        self.faults = faults
        self._responder = responder
        self._ledger = ledger
        self._cache = cache
        self._limits = RateLimits(
            faults.requests_per_minute, faults.tokens_per_minute, burst_seconds=faults.burst_seconds
        )

    def __call__(self, exchange: Exchange) -> None:
        """Answer, at once or when the latency is over."""
        self.counts.began()
        asked = self._responder.read(exchange.body)
        if isinstance(asked, Reply):
            self.end(exchange, asked)
            return
        attempt = self.counts.arrived(asked)
        refusal = self._limits.take(asked.prompt_tokens)
        if refusal:
            self.counts.faulted("rate_limit")
            self.end(exchange, self.too_many(refusal))
            return
        fault = self.faults.choose(asked.identity, attempt)
        if fault != "none":
            self.counts.faulted(fault)
        _Call(self, exchange, asked, fault).after(self.faults.delay_seconds(asked.identity, attempt))

    def too_many(self, refusal: Refusal) -> Reply:
        """Return a 429."""
        return too_many(refusal, self._limits.headers())

    def answer(self, asked: Asked, fault: Fault) -> Answered:
        """Return the answer, billed and remembered by the prompt cache."""
        answered = self._responder.answer(asked, fault)
        self._cache.remember(asked.cache)
        self._ledger.charge(asked.session, answered.usage, discounted=asked.request.service_tier == FLEX)
        answered.reply.headers.update(self._limits.headers())
        return answered

    def end(self, exchange: Exchange, reply: Reply) -> None:
        """Count and send a reply."""
        self.counted(reply.status)
        exchange.reply(reply)

    def counted(self, status: int) -> None:
        """Count a response and that its request is not in flight any more."""
        self.counts.responded(status)
        self.counts.ended()


class _Call:
    """One request between its arrival and its reply."""

    __slots__ = ("_asked", "_chat", "_exchange", "_fault", "_timer")

    def __init__(self, chat: Chat, exchange: Exchange, asked: Asked, fault: Fault) -> None:
        self._chat = chat
        self._exchange = exchange
        self._asked = asked
        self._fault = fault
        self._timer: asyncio.TimerHandle | None = None
        exchange.on_gone = self._left

    def after(self, delay_seconds: float) -> None:
        if delay_seconds:
            self._timer = asyncio.get_running_loop().call_later(delay_seconds, self._act)
        else:
            self._act()

    def _act(self) -> None:
        match self._fault:
            case "hang":
                pass  # Until the client leaves.
            case "reset":
                self._exchange.reset()
            case "too_many_requests":
                wait = Refusal(kind="requests", wait_seconds=self._chat.faults.retry_after_seconds)
                self._chat.end(self._exchange, self._chat.too_many(wait))
            case "error":
                self._chat.end(self._exchange, failed_on_purpose())
            case _:
                self._answer()

    def _answer(self) -> None:
        try:
            answered = self._chat.answer(self._asked, self._fault)
        except Exception as error:  # noqa: BLE001 - an answerer is anybody's code, and the client must not wait for ever
            self._chat.end(self._exchange, answerer_failed(error))
            return
        if self._fault == "slow":
            slow_seconds = self._chat.faults.slow_seconds
            self._exchange.trickle(answered.reply, slow_seconds, lambda: self._finish(answered))
            return
        # Counted before it is sent, so that a client that has it finds it counted.
        self._finish(answered)
        self._exchange.reply(answered.reply)

    def _finish(self, answered: Answered) -> None:
        if self._fault in ("none", "slow"):
            self._chat.counts.finished(self._asked, answered)
        self._chat.counted(answered.reply.status)

    def _left(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._chat.counted(CLIENT_LEFT)
