"""Finding out what the models of an endpoint accept: once for each, whatever the number of calls.

The first call of a kind to a model goes ahead as a pilot, and the others wait for its answer: a hundred calls that
start together would be refused a hundred times. They wait only for a short time, in which a server that refuses has said
so; one that takes longer is at work on an answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.dialect import Dialect
from sessioneval.evaluators.refusal import read_refusal

Reply = tuple[int, dict[str, str], bytes]
"""Status, headers with lower-case names, and body of a response."""
Send = Callable[[bytes], Awaitable[Reply]]

_logger = logging.getLogger(__name__)
PATIENCE_SECONDS = 2.0
# A call's model, its parameters and whether it asks for a format: what has worked once need not be tried out again.
_Kind = tuple[str, frozenset[str], bool]


class Negotiation:
    """What the models of one endpoint turned out to accept; belongs to one event loop.

    Args:
        patience_seconds: How long calls wait for a pilot, from its last refusal on.
    """

    def __init__(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._patience_seconds = patience_seconds
        self._dialects: dict[str, Dialect] = {}
        self._settled: set[_Kind] = set()
        self._pilots: dict[_Kind, _Pilot] = {}

    async def reply(self, call: JudgeCall, send: Send) -> Reply:
        """Return the response to a call, asked again more simply as long as a part of it is refused.

        Args:
            call: What to ask.
            send: Sends a body; its exceptions pass.
        """
        kind = (call.model, frozenset(call.parameters), bool(call.response_format))
        while (pilot := self._pilot_to_await(kind)) is not None:
            await pilot.wait()
        if kind in self._settled or kind in self._pilots:
            return await self._negotiated(call, kind, send, _Pilot(0.0))
        pilot = self._pilots[kind] = _Pilot(self._patience_seconds)
        try:
            return await self._negotiated(call, kind, send, pilot)
        finally:
            del self._pilots[kind]
            pilot.has_ended.set()

    def _pilot_to_await(self, kind: _Kind) -> "_Pilot | None":
        pilot = None if kind in self._settled else self._pilots.get(kind)
        return pilot if pilot is not None and pilot.seconds_left > 0 else None

    async def _negotiated(self, call: JudgeCall, kind: _Kind, send: Send, pilot: "_Pilot") -> Reply:
        """Ask, and on a refusal ask again without what was refused; each drops something, so it ends."""
        dialect = self._dialects.get(call.model, Dialect())
        while True:
            reply = status, _, body = await send(dialect.body(call))
            if status < HTTPStatus.MULTIPLE_CHOICES:
                self._settle(kind, dialect)
            simpler = dialect.after(read_refusal(status, body), call) if status >= HTTPStatus.BAD_REQUEST else None
            if simpler is None:
                return reply
            dialect = simpler
            pilot.has_progressed()

    def _settle(self, kind: _Kind, dialect: Dialect) -> None:
        """Remember what worked; not before, since a server that echoes prompts in its errors may have misled us."""
        model = kind[0]
        known = self._dialects.get(model, Dialect())
        if known.joined(dialect) != known:
            self._dialects[model] = known.joined(dialect)
            dropped = ", ".join(sorted(dialect.dropped)) or "nothing"
            _logger.info("model %r answers as %s; left out: %s", model, dialect.answer_format, dropped)
        self._settled.add(kind)


class _Pilot:
    """The call that finds out for the others, and until when they wait for it."""

    def __init__(self, patience_seconds: float) -> None:
        self.has_ended = asyncio.Event()
        self._patience_seconds = patience_seconds
        self.has_progressed()

    @property
    def seconds_left(self) -> float:
        """How long to wait for it from now on."""
        return self._until - asyncio.get_running_loop().time()

    def has_progressed(self) -> None:
        """Wait longer: it was refused and asks again."""
        self._until = asyncio.get_running_loop().time() + self._patience_seconds

    async def wait(self) -> None:
        """Return when it has ended or has taken too long."""
        try:
            await asyncio.wait_for(self.has_ended.wait(), self.seconds_left)
        except TimeoutError:
            return
