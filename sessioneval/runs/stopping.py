"""Asking a run to stop: from a signal handler, another thread or its own loop."""

import asyncio
from collections.abc import Callable


class Stop:
    """A request that a run takes no new work, finishes what is in flight and ends.

    Example:
        >>> stop = Stop()
        >>> stop.request()
        >>> stop.is_requested
        True
    """

    def __init__(self) -> None:
        self.is_requested = False
        self._listeners: list[tuple[asyncio.AbstractEventLoop, Callable[[], object]]] = []

    def request(self) -> None:
        """Ask; safe from any thread and from a signal handler, also before the run has begun."""
        self.is_requested = True
        for loop, react in self._listeners:
            if not loop.is_closed():
                loop.call_soon_threadsafe(react)

    def listen(self, react: Callable[[], object]) -> None:
        """Call `react` in the running loop when it is asked, at once if it was."""
        loop = asyncio.get_running_loop()
        self._listeners.append((loop, react))
        if self.is_requested:
            loop.call_soon(react)
