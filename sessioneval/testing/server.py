"""Serving the stand-in model: in a thread for tests and demos, or until interrupted for the command line."""

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from sessioneval.errors import InputError
from sessioneval.testing.bench import Bench
from sessioneval.testing.faults import Faults
from sessioneval.testing.http_connection import HttpConnection
from sessioneval.testing.options import Options

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8399
MAX_PORT = 65_535
BACKLOG = 4096


class StandIn:
    """The stand-in model on a port of this machine, for as long as the `with` block lasts.

    Args:
        faults: How badly it behaves; not at all if left out.
        port: 0 takes a free one.
        host: Address to listen on.
        options: The other fields of `Options`: `api_key`, `models`, `answerer`, `refuses`, `prompt_cache`, `prices`,
            `batches`.

    Attributes:
        base_url: What an OpenAI client takes as `base_url`; known once the block is entered.

    Raises:
        InputError: The port cannot be listened on, or an option is not allowed.

    Example:
        >>> from openai import OpenAI
        >>> with StandIn() as server, OpenAI(base_url=server.base_url, api_key="none") as client:
        ...     client.models.list().data[0].id, server.stats["requests"]
        ('stand-in', 0)
    """

    def __init__(
        self, faults: Faults | None = None, port: int = 0, *, host: str = DEFAULT_HOST, **options: Any
    ) -> None:
        self._bench = Bench(Options(faults=faults or Faults(), **options))
        self._address = (host, port)
        self.base_url = ""

    @property
    def stats(self) -> dict[str, Any]:
        """The counts that ``GET /stats`` shows."""
        return self._bench.stats()

    @property
    def evaluations(self) -> dict[tuple[str, str], int]:
        """How many answers each (session, evaluator) got; a session is known by its transcript, not by the nonce."""
        return self._bench.evaluations()

    @property
    def bills(self) -> dict[str, dict[str, float]]:
        """The bill of each session, by kind of token and in dollars."""
        return self._bench.bills()

    def reset(self) -> None:
        """Forget all counts, bills and cached prefixes; batches stay."""
        self._bench.reset()

    def __enter__(self) -> Self:
        listener = _listener(*self._address)
        self.base_url = _base_url(listener)
        self._server = _Server(self._bench, listener)
        self._thread = threading.Thread(target=self._server.run, name="stand-in", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.stop()
        self._thread.join()


def serve(
    port: int = DEFAULT_PORT,
    faults: Faults | None = None,
    *,
    host: str = DEFAULT_HOST,
    on_ready: Callable[[str], None] | None = None,
    **options: Any,
) -> None:
    """Serve the stand-in until it is interrupted (Ctrl-C or SIGTERM).

    Args:
        port: 0 takes a free one.
        faults: How badly it behaves; not at all if left out.
        host: Address to listen on.
        on_ready: Called once with the base URL when requests are accepted.
        options: As `StandIn` takes them.

    Raises:
        InputError: The port cannot be listened on, or an option is not allowed.
    """
    bench = Bench(Options(faults=faults or Faults(), **options))
    listener = _listener(host, port)
    base_url = _base_url(listener)
    server = _Server(bench, listener, on_ready=lambda: on_ready and on_ready(base_url))
    with contextlib.suppress(KeyboardInterrupt):
        server.run()


class _Server:
    """An event loop that serves one bench until it is stopped, and lets hanging requests go then."""

    def __init__(self, bench: Bench, listener: socket.socket, on_ready: Callable[[], object] = lambda: None) -> None:
        self.ready = threading.Event()
        self._bench = bench
        self._listener = listener
        self._on_ready = on_ready
        self._connections: set[HttpConnection] = set()
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event

    def run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._listener.close()
            # Whoever waits for a server that failed to start must not wait for ever.
            self.ready.set()

    def stop(self) -> None:
        """End the service; from any thread."""
        self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await self._loop.create_server(
            lambda: HttpConnection(self._bench, self._connections), sock=self._listener, backlog=BACKLOG
        )
        if threading.current_thread() is threading.main_thread():
            self._loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        self.ready.set()
        self._on_ready()
        try:
            await self._stopping.wait()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.abort()


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens, so that the port is ours before the server starts."""
    if not 0 <= port <= MAX_PORT:
        raise InputError(f"port {port!r} is not allowed: use 0 for a free one, or 1 to {MAX_PORT}")
    try:
        listener = socket.create_server((host, port), backlog=BACKLOG)
    except OSError as error:
        raise InputError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port") from error
    # asyncio does this only for sockets it made itself; without, each answer waits 40 ms for a delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _base_url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}/v1"
