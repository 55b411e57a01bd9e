"""The live channel of this process: one set of connections per endpoint and event loop.

Importing this module loads aiohttp, so judges import it when they are first asked.
"""

import asyncio
from weakref import WeakKeyDictionary

from sessioneval.evaluators.attempts import LiveCompletion, Retrying
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.wire import Connection


class Wire:
    """A channel that makes one attempt a call; the calls of an endpoint in one event loop share its connections."""

    def __init__(self) -> None:
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, Connection]] = WeakKeyDictionary()

    async def complete(self, call: JudgeCall) -> LiveCompletion:
        """Make one attempt.

        Raises:
            AttemptFailed: Another attempt may be answered.
            Rejected: The endpoint rejects the request for good.
        """
        return await self.connection(call.endpoint).complete(call)

    def connection(self, endpoint: Endpoint) -> Connection:
        """Return the running loop's connections to `endpoint`, made if needed."""
        connections = self._open.setdefault(asyncio.get_running_loop(), {})
        if endpoint not in connections:
            connections[endpoint] = Connection(endpoint)
        return connections[endpoint]

    async def close(self, endpoint: Endpoint) -> None:
        """Close the running loop's connections to `endpoint`; calls under way end first, later calls open new ones."""
        connection = self._open.get(asyncio.get_running_loop(), {}).pop(endpoint, None)
        if connection is not None:
            await connection.retire()

    async def aclose(self) -> None:
        """Close all of the running loop's connections in the same way."""
        for endpoint in list(self._open.get(asyncio.get_running_loop(), {})):
            await self.close(endpoint)


class LiveChannel(Retrying):
    """Calls to live endpoints, tried again as `Retrying` says."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        self._wire = wire

    async def close(self, endpoint: Endpoint) -> None:
        """Close the running loop's connections to one endpoint."""
        await self._wire.close(endpoint)


WIRE = Wire()
LIVE = LiveChannel(WIRE)
