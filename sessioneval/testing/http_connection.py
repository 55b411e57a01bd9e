"""HTTP/1.1 on one connection: requests in, replies out, or the faults that only a transport can show.

The stand-in has to hold back, trickle, reset and never answer thousands of requests at once while it costs less than
the clients it is there to measure. So a request is an object and a callback on the event loop, not a task.
"""

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from sessioneval.errors import MissingExtra

try:
    import httptools
except ImportError as error:
    message = "the stand-in model needs httptools; install it with: pip install 'sessioneval[demo]'"
    raise MissingExtra(message) from error

MAX_BODY_BYTES = 256_000_000
TRICKLED_PIECES = 20
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A whole response.

    Attributes:
        status: HTTP status.
        body: Its bytes.
        headers: Names in small letters; the length is added.
        content_type: Media type of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def head(self, *, keep_alive: bool) -> bytes:
        """Return the status line and the headers."""
        extra = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        close = "" if keep_alive else "connection: close\r\n"
        return (
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, '')}\r\ncontent-type: {self.content_type}\r\n"
            f"content-length: {len(self.body)}\r\n{extra}{close}\r\n"
        ).encode("latin-1")


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """Return a value as JSON."""
    # Escaped to ASCII: an answer may repeat half a surrogate pair, which UTF-8 has no bytes for.
    return Reply(status=int(status), body=json.dumps(value).encode(), headers=headers or {})


class Exchange:
    """One request and the way back to its client.

    Attributes:
        method: Such as GET.
        path: Without the query.
        query: What stands behind the question mark.
        headers: Names in small letters.
        body: Its bytes.
        gone: Whether the client left, or was sent away, before the whole reply.
        on_gone: Called once when the client leaves before the reply.
    """

    __slots__ = ("_connection", "_keep_alive", "body", "gone", "headers", "method", "on_gone", "path", "query")

    def __init__(
        self, connection: "HttpConnection", method: str, target: str, headers: dict[bytes, bytes], *, keep_alive: bool
    ) -> None:
        self._connection = connection
        self._keep_alive = keep_alive
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.headers = headers
        self.body = b""
        self.gone = False
        self.on_gone: Callable[[], None] | None = None

    def reply(self, reply: Reply) -> None:
        """Send the whole reply at once."""
        if not self.gone:
            self._connection.write(reply.head(keep_alive=self._keep_alive) + reply.body)
            self._ended()

    def trickle(self, reply: Reply, duration_seconds: float, on_last: Callable[[], None]) -> None:
        """Send the reply in pieces over a time; `on_last` is called just before the last one."""
        size = max(1, -(-len(reply.body) // TRICKLED_PIECES))
        pieces = deque(reply.body[start : start + size] for start in range(0, len(reply.body), size))
        pause_seconds = duration_seconds / TRICKLED_PIECES

        def next_piece() -> None:
            if self.gone:
                return
            if len(pieces) > 1:
                self._connection.write(pieces.popleft())
                asyncio.get_running_loop().call_later(pause_seconds, next_piece)
                return
            on_last()
            self._connection.write(pieces.popleft() if pieces else b"")
            self._ended()

        self._connection.write(reply.head(keep_alive=self._keep_alive))
        next_piece()

    def reset(self) -> None:
        """Close the connection so that the client sees a reset."""
        self._connection.reset()

    def client_left(self) -> None:
        """Note that nobody waits for the reply any more."""
        self.gone = True
        if self.on_gone:
            self.on_gone()

    def _ended(self) -> None:
        self._connection.replied(keep_alive=self._keep_alive)


class HttpConnection(asyncio.Protocol):
    """One client's connection; its requests are answered in their order.

    Args:
        handle: Takes each request; it replies now or later.
        connections: The server's open connections; this one enters and leaves by itself.
    """

    def __init__(self, handle: Callable[[Exchange], None], connections: set["HttpConnection"]) -> None:
        self._handle = handle
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[Exchange] = deque()
        self._is_answering = False
        self._transport: asyncio.Transport
        self._start()

    def _start(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._pieces: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = transport  # type: ignore[assignment]  # create_server gives a Transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell all that still wait on this connection."""
        del exc
        self._connections.discard(self)
        while self._waiting:
            self._waiting.popleft().client_left()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; what is not HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(HTTPStatus.BAD_REQUEST)
        # Not from inside the parser: it would take an error of ours, or an interrupt, for one of its own.
        self._next()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Ask for the body where the client waits to be asked."""
        if self._headers.get(b"expect", b"").lower() == b"100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._size += len(body)
        if self._size > MAX_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Queue the request behind those that are not answered yet."""
        target = urlsplit(self._target.decode("latin-1"))
        exchange = Exchange(
            self,
            self._parser.get_method().decode("latin-1"),
            f"{target.path}?{target.query}",
            self._headers,
            keep_alive=self._parser.should_keep_alive(),
        )
        exchange.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._start()
        self._waiting.append(exchange)

    def write(self, data: bytes) -> None:
        """Send bytes, if the connection still stands."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def replied(self, *, keep_alive: bool) -> None:
        """Go on with the next request, or close."""
        self._waiting.popleft()
        self._is_answering = False
        if not keep_alive:
            self._transport.close()
        elif self._waiting:
            asyncio.get_running_loop().call_soon(self._next)

    def reset(self) -> None:
        """Send RST instead of FIN."""
        if self._transport.is_closing():
            return
        raw: socket.socket = self._transport.get_extra_info("socket")
        # Lingering for 0 seconds is what makes the kernel do so.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def abort(self) -> None:
        """Close without waiting for what is still to be sent."""
        self._transport.abort()

    def _next(self) -> None:
        if self._waiting and not self._is_answering:
            self._is_answering = True
            self._handle(self._waiting[0])

    def _refuse(self, status: HTTPStatus) -> None:
        if not self._transport.is_closing():
            body = json_reply({"error": {"message": status.phrase, "type": "invalid_request_error"}}, status)
            self._transport.write(body.head(keep_alive=False) + body.body)
            self._transport.close()
