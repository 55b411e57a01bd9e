"""Places for evaluations under way; one that waits before a retry gives its place to another meanwhile."""

import asyncio

_CALLS_A_SPARE_PLACE = 10


class Places:
    """A fixed number of places; use it from one event loop.

    There are a tenth more places than calls at once: an evaluation keeps its place until it is on the disk, and
    that must not leave the endpoint idle.

    Args:
        concurrency: Calls at once, at least 1.

    Attributes:
        n_places: Evaluations at once. As many again may wait for a retry.
    """

    def __init__(self, concurrency: int) -> None:
        self.n_places = concurrency + concurrency // _CALLS_A_SPARE_PLACE
        self._free = asyncio.Semaphore(self.n_places)
        self._pauses: set[asyncio.Future[None]] = set()

    async def take(self) -> None:
        """Wait for a place and take it."""
        await self._free.acquire()

    def leave(self) -> None:
        """Give a place back."""
        self._free.release()

    async def pause(self, seconds: float) -> None:
        """Wait without a place, then take one again; call it from a place.

        Raises:
            asyncio.CancelledError: Nothing is waited for any more.
        """
        if len(self._pauses) >= self.n_places:
            await asyncio.sleep(seconds)
            return
        pause: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        alarm = asyncio.get_running_loop().call_later(seconds, _end, pause)
        self._pauses.add(pause)
        self._free.release()
        try:
            await pause
        finally:
            alarm.cancel()
            self._pauses.discard(pause)
            await self._free.acquire()

    def stop_waiting(self) -> None:
        """Cancel whoever waits for a retry now."""
        for pause in self._pauses:
            pause.cancel()


def _end(pause: "asyncio.Future[None]") -> None:
    if not pause.done():
        pause.set_result(None)
