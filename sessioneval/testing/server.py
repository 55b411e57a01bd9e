"""Serving the stand-in model: in a thread for tests and demos, or until interrupted for the command line."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from sessioneval.errors import InputError, MissingExtra
from sessioneval.testing.answer import Answerer
from sessioneval.testing.app import Bench
from sessioneval.testing.faults import Faults
from sessioneval.testing.rules import answer as answer_by_rules

try:
    import uvicorn
    from uvicorn.protocols.http.h11_impl import H11Protocol
except ImportError as error:
    message = "the stand-in model needs starlette and uvicorn; install them with: pip install 'sessioneval[demo]'"
    raise MissingExtra(message) from error

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8399
MAX_PORT = 65_535
BACKLOG = 2048
SHUTDOWN_SECONDS = 1
KEEP_ALIVE_SECONDS = 75


class StandIn:
    """The stand-in model on a port of this machine, for as long as the `with` block lasts.

    Args:
        faults: How badly it behaves; not at all if left out.
        port: 0 takes a free one.
        host: Address to listen on.
        api_key: Asked for as bearer token where it is given.
        models: Names that are answered; others get 404. None answers to any name.
        answerer: Takes the place of the written rules: maps a `ChatRequest` to an `Answer`.

    Attributes:
        base_url: What an OpenAI client takes as `base_url`; known once the block is entered.

    Raises:
        InputError: The port cannot be listened on.

    Example:
        >>> from openai import OpenAI
        >>> with StandIn() as server, OpenAI(base_url=server.base_url, api_key="none") as client:
        ...     client.models.list().data[0].id, server.stats["requests"]
        ('stand-in', 0)
    """

    def __init__(
        self,
        faults: Faults | None = None,
        port: int = 0,
        *,
        host: str = DEFAULT_HOST,
        api_key: str | None = None,
        models: Iterable[str] | None = None,
        answerer: Answerer = answer_by_rules,
    ) -> None:
        self._bench = Bench(faults=faults, api_key=api_key, models=models, answerer=answerer)
        self._address = (host, port)
        self.base_url = ""

    @property
    def stats(self) -> dict[str, Any]:
        """The counts that ``GET /stats`` shows."""
        return self._bench.counts.to_dict()

    def reset(self) -> None:
        """Forget all counts."""
        self._bench.reset()

    def __enter__(self) -> Self:
        listener = _listener(*self._address)
        self.base_url = _base_url(listener)
        self._server = _Server(self._bench)
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="stand-in", daemon=True)
        self._thread.start()
        self._server.ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()


def serve(
    port: int = DEFAULT_PORT,
    faults: Faults | None = None,
    *,
    host: str = DEFAULT_HOST,
    api_key: str | None = None,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the stand-in until it is interrupted (Ctrl-C or SIGTERM).

    Args:
        port: 0 takes a free one.
        faults: How badly it behaves; not at all if left out.
        host: Address to listen on.
        api_key: Asked for as bearer token where it is given.
        on_ready: Called once with the base URL when requests are accepted.

    Raises:
        InputError: The port cannot be listened on.
    """
    listener = _listener(host, port)
    base_url = _base_url(listener)
    server = _Server(Bench(faults=faults, api_key=api_key), on_ready=lambda: on_ready and on_ready(base_url))
    with contextlib.suppress(KeyboardInterrupt):
        server.run([listener])


class _Protocol(H11Protocol):
    """Puts the connection where the application finds it, to reset it on purpose."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class _Server(uvicorn.Server):
    """A uvicorn server that tells when it is ready and lets hanging requests go when it closes."""

    def __init__(self, bench: Bench, on_ready: Callable[[], object] = lambda: None) -> None:
        config = uvicorn.Config(
            bench.app(),
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._bench = bench
        self._on_ready = on_ready

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            super().run(sockets)
        finally:
            # Whoever waits for a server that failed to start must not wait for ever.
            self.ready.set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._bench.closing.set()
        await super().shutdown(sockets)


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
