"""The stand-in's HTTP interface: OpenAI's paths, shapes and errors over the rules and the faults."""

import asyncio
import hmac
import json
import math
import socket
import struct
from collections.abc import AsyncIterator, Iterable
from http import HTTPStatus
from typing import Any

from sessioneval.errors import InputError, MissingExtra
from sessioneval.testing.answer import Answer, Answerer
from sessioneval.testing.chat_request import ChatRequest, parse_request
from sessioneval.testing.completion import MODEL, chunks, completion
from sessioneval.testing.counts import Counts
from sessioneval.testing.faults import Fault, Faults, RateLimiter, spoil
from sessioneval.testing.rules import answer as answer_by_rules
from sessioneval.testing.rules import written_rules
from sessioneval.testing.tokens import PrefixCache, usage

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import PlainTextResponse, Response, StreamingResponse
    from starlette.routing import Route
except ImportError as error:
    message = "the stand-in model needs starlette and uvicorn; install them with: pip install 'sessioneval[demo]'"
    raise MissingExtra(message) from error

CLIENT_LEFT = 499
"""Counted for a request whose client left before the answer (nginx's number; nobody receives it)."""

_ERROR_TYPES = {
    HTTPStatus.UNAUTHORIZED: ("authentication_error", "invalid_api_key"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: ("requests", "rate_limit_exceeded"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("server_error", None),
}


class Bench:
    """One stand-in: its rules, faults, counts and caches, whatever serves it.

    Args:
        faults: How badly it behaves.
        api_key: Asked for as bearer token where it is given.
        models: Names that are answered; others get 404. None answers to any name.
        answerer: Takes the place of the written rules.
    """

    def __init__(
        self,
        *,
        faults: Faults | None = None,
        api_key: str | None = None,
        models: Iterable[str] | None = None,
        answerer: Answerer = answer_by_rules,
    ) -> None:
        self.faults = faults or Faults()
        self.counts = Counts()
        self.closing = asyncio.Event()
        self._api_key = api_key
        self._models = None if models is None else frozenset(models)
        self._answerer = answerer
        self._limiter = RateLimiter(self.faults.rate_limit_per_minute)
        self._prefixes = PrefixCache()

    def reset(self) -> None:
        """Forget all counts and cached prefixes."""
        self.counts.reset()
        self._prefixes = PrefixCache()

    def app(self) -> Starlette:
        """Return the ASGI application."""
        routes = [
            Route("/", self._rules),
            Route("/healthz", self._health),
            Route("/stats", self._stats),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/v1/models", self._model_list),
            Route("/v1/chat/completions", self._chat, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _http_error})

    async def _rules(self, _: Request) -> Response:
        return PlainTextResponse(written_rules())

    async def _health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _stats(self, _: Request) -> Response:
        return _json(self.counts.to_dict())

    async def _reset(self, _: Request) -> Response:
        self.reset()
        return _json({"status": "reset"})

    async def _model_list(self, http: Request) -> Response:
        entries = [{"id": MODEL, "object": "model", "created": 0, "owned_by": "sessioneval"}]
        return self._unknown_key(http) or _json({"object": "list", "data": entries})

    async def _chat(self, http: Request) -> Response:
        with self.counts.in_flight():
            response = await self._respond(http)
        self.counts.responded(response.status_code)
        return response

    async def _respond(self, http: Request) -> Response:
        unknown = self._unknown_key(http)
        if unknown:
            return unknown
        try:
            request = parse_request(await _body(http))
        except InputError as error:
            return error_response(HTTPStatus.BAD_REQUEST, str(error))
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)
        return self._unknown_model(request) or await self._answered(http, request)

    async def _answered(self, http: Request, request: ChatRequest) -> Response:
        attempt = self.counts.arrived(request.fingerprint)
        wait_seconds = self._limiter.take()
        if wait_seconds:
            self.counts.faulted("rate_limit")
            return self._too_many(wait_seconds)
        fault = self.faults.choose(request.fingerprint, attempt)
        if fault != "none":
            self.counts.faulted(fault)
        if await self._held_back(http, fault):
            return Response(status_code=CLIENT_LEFT)
        if fault == "too_many_requests":
            return self._too_many(self.faults.retry_after_seconds)
        if fault == "error":
            return error_response(HTTPStatus.INTERNAL_SERVER_ERROR, "The stand-in fails here on purpose.")
        return self._completed(request, spoil(self._answerer(request), fault), fault)

    async def _held_back(self, http: Request, fault: Fault) -> bool:
        """Wait as the faults say; whether nobody is left to answer then."""
        if self.faults.latency_seconds:
            await asyncio.sleep(self.faults.latency_seconds)
        if fault == "hang":
            await _until_gone(http, self.closing)
        if fault in ("hang", "reset"):
            _reset_connection(http)
            await _disconnected(http)
            return True
        return bool(self.faults.latency_seconds) and await http.is_disconnected()

    def _completed(self, request: ChatRequest, answer: Answer, fault: Fault) -> Response:
        used = usage(request, answer, self._prefixes.cached_tokens(request))
        if request.stream:
            return StreamingResponse(self._events(request, answer, used, fault), media_type="text/event-stream")
        self._finished(request, answer, used, fault)
        return _json(completion(request, answer, used), headers=self._limit_headers())

    async def _events(
        self, request: ChatRequest, answer: Answer, used: dict[str, Any], fault: Fault
    ) -> AsyncIterator[str]:
        for chunk in chunks(request, answer, used):
            yield f"data: {json.dumps(chunk)}\n\n"
        # Counted before the last event, so that a client that has it finds it counted.
        self._finished(request, answer, used, fault)
        yield "data: [DONE]\n\n"

    def _finished(self, request: ChatRequest, answer: Answer, used: dict[str, Any], fault: Fault) -> None:
        if fault == "none":
            self.counts.finished(request.fingerprint, answer.kind, used)

    def _unknown_key(self, http: Request) -> Response | None:
        if self._api_key is None:
            return None
        given = http.headers.get("authorization", "").removeprefix("Bearer ")
        if hmac.compare_digest(given.encode(), self._api_key.encode()):
            return None
        return error_response(HTTPStatus.UNAUTHORIZED, "The API key is missing or not the one this stand-in asks for.")

    def _unknown_model(self, request: ChatRequest) -> Response | None:
        if self._models is None or request.model in self._models:
            return None
        known = ", ".join(sorted(self._models))
        return error_response(HTTPStatus.NOT_FOUND, f"The model {request.model!r} does not exist here; known: {known}.")

    def _too_many(self, wait_seconds: float) -> Response:
        wait = {"retry-after": str(math.ceil(wait_seconds)), "retry-after-ms": str(math.ceil(wait_seconds * 1000))}
        text = f"Too many requests; try again in {wait_seconds:.3f} seconds."
        return error_response(HTTPStatus.TOO_MANY_REQUESTS, text, headers=wait | self._limit_headers())

    def _limit_headers(self) -> dict[str, str]:
        limit = self.faults.rate_limit_per_minute
        if limit is None:
            return {}
        return {
            "x-ratelimit-limit-requests": str(math.floor(limit)),
            "x-ratelimit-remaining-requests": str(self._limiter.remaining),
        }


def error_response(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> Response:
    """Return an error in OpenAI's shape."""
    kind, code = _ERROR_TYPES.get(status, ("invalid_request_error", None))
    error = {"message": text, "type": kind, "param": None, "code": code}
    return _json({"error": error}, status=status, headers=headers)


def _json(value: Any, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    # Escaped to ASCII: an answer may repeat half a surrogate pair, which UTF-8 has no bytes for.
    return Response(json.dumps(value), status_code=status, headers=headers, media_type="application/json")


async def _http_error(_: Request, error: Exception) -> Response:
    status = HTTPStatus(getattr(error, "status_code", HTTPStatus.NOT_FOUND))
    return error_response(status, f"{status.phrase}: see GET / for what the stand-in answers.")


async def _body(http: Request) -> Any:
    """Return the parsed body.

    Raises:
        InputError: It is not JSON.
    """
    raw = await http.body()
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the request body is not JSON: {error}") from error


async def _until_gone(http: Request, closing: asyncio.Event) -> None:
    """Wait until the client leaves or the server closes."""
    waits = [asyncio.ensure_future(_disconnected(http)), asyncio.ensure_future(closing.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def _disconnected(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass


def _reset_connection(http: Request) -> None:
    """Close the connection so that the client sees a reset; the server's protocol has put it into the state."""
    transport: asyncio.Transport = http.state.transport
    if transport.is_closing():
        return
    raw: socket.socket = transport.get_extra_info("socket")
    # Lingering for 0 seconds makes the kernel send RST instead of FIN.
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
