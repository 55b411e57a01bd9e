"""One attempt of a call over HTTP: request out, answer or error in.

Source: the HTTP interface of OpenAI's chat completions. aiohttp is used bare because the openai client spends 3 to 9
times its CPU on a call (``benchmarks/engine_client.py``), which bounds a run at high concurrency.
"""

import os
import ssl
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from openinference.instrumentation import suppress_tracing
from yarl import URL

from sessioneval.errors import JudgeError
from sessioneval.evaluators.attempts import AttemptFailed, LiveCompletion, Rejected, retry_after
from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.dialect import refused_price
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import read_completion
from sessioneval.evaluators.negotiation import Negotiation, Reply
from sessioneval.evaluators.refusal import error_object, read_refusal

DEFAULT_URL = "https://api.openai.com/v1"
_RETRIED_STATUS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_MANY_REQUESTS})
_MAX_BODY_BYTES = 16 << 20
_MAX_SAID_CHARS = 2_000
_MAX_PLACE_CHARS = 200
_CHAT_PATH = "/chat/completions"
# Below the 5 s after which servers such as uvicorn close idle connections; sending on one that closes costs a retry.
_KEEP_ALIVE_SECONDS = 4.5
_DNS_SECONDS = 300
_ACCOUNT_HEADERS = {"OpenAI-Organization": "OPENAI_ORG_ID", "OpenAI-Project": "OPENAI_PROJECT_ID"}


class Connection:
    """The connections of one endpoint in one event loop."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Make the pool; nothing is sent yet. Call it inside the loop."""
        self._endpoint = endpoint
        self._url = chat_url(endpoint.base_url or DEFAULT_URL)
        self._proxy = _proxy(self._url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, ttl_dns_cache=_DNS_SECONDS, keepalive_timeout=_KEEP_ALIVE_SECONDS, ssl=_tls(self._url)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_headers(endpoint),
            timeout=aiohttp.ClientTimeout(total=endpoint.timeout.total_seconds()),
            proxy=self._proxy,
        )
        self._negotiation = Negotiation()
        self._in_flight = 0
        self._retired = False

    async def complete(self, call: JudgeCall) -> LiveCompletion:
        """Make one attempt; the call is not traced.

        Raises:
            AttemptFailed: Another attempt may be answered.
            Rejected: The endpoint rejects the request for good.
        """
        self._in_flight += 1
        try:
            with suppress_tracing():
                status, headers, body = await self._negotiation.reply(call, self._sent)
        finally:
            self._in_flight -= 1
            await self._close_if_unused()
        if status < HTTPStatus.MULTIPLE_CHOICES:
            return self._completion(headers, body)
        raise self._error(status, headers, body, call)

    async def retire(self) -> None:
        """Close the connections as soon as no call is under way."""
        self._retired = True
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._retired and self._in_flight == 0:
            await self._session.close()

    async def _sent(self, body: bytes) -> Reply:
        where = self._endpoint.shown
        try:
            # A redirect would take key and transcript to an address that nobody chose.
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                read = await _bounded_body(response)
                return response.status, {key.lower(): text for key, text in response.headers.items()}, read
        except TimeoutError:
            told = f"sent no whole answer within {self._endpoint.timeout}"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            told = f"cannot be reached: {self._scrub(f'{type(error).__name__}: {error}')[:_MAX_SAID_CHARS]}"
        # Raised here and not above: the error would stay as its context, and holds the headers that were sent.
        raise AttemptFailed(f"{where} {told}")

    def _scrub(self, text: str) -> str:
        password = self._proxy.raw_password if self._proxy else None
        return self._endpoint.scrub(text.replace(password, "[key]") if password else text)

    def _completion(self, headers: dict[str, str], body: bytes) -> LiveCompletion:
        read = read_completion(body).scrubbed(self._endpoint.scrub)
        return LiveCompletion(**vars(read), headers=headers)

    def _error(self, status: int, headers: dict[str, str], body: bytes, call: JudgeCall) -> JudgeError:
        """Return our error for the server's: what happened, where, and what to do; never the key."""
        where = self._endpoint.shown
        refusal = read_refusal(status, body)
        said = self._endpoint.scrub(refusal.said)
        if status < HTTPStatus.BAD_REQUEST:
            place = self._endpoint.scrub(_place(headers.get("location", "")))
            return Rejected(f"{where} redirects (HTTP {status}) to {place}; give base_url as where calls go", status)
        if _is_passing(status, headers, body):
            return AttemptFailed(f"{where} kept failing with HTTP {status}: {said}", status, retry_after(headers))
        priced = refused_price(refusal, call)
        advice = (
            f"it has no {priced} for model {call.model!r}, without which the price is another; ask without it or elsewhere"
            if priced
            else f"check key, model {call.model!r}, base_url"
        )
        return Rejected(f"{where} refused the call with HTTP {status}; {advice}: {said}", status)


def _is_passing(status: int, headers: dict[str, str], body: bytes) -> bool:
    """Return whether another attempt may be answered; ``x-should-retry`` is how OpenAI says it outright."""
    if "x-should-retry" in headers:
        return headers["x-should-retry"] == "true"
    if error_object(body).get("code") == "insufficient_quota":  # a 429 that waiting does not cure
        return False
    return status in _RETRIED_STATUS or status >= HTTPStatus.INTERNAL_SERVER_ERROR


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    """Return the body; a server that never ends one is cut off."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > _MAX_BODY_BYTES:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {_MAX_BODY_BYTES} bytes")
    return b"".join(chunks)


def chat_url(base_url: str) -> URL:
    """Return the address that calls are posted to: without user and password, a query of the base behind the path.

    Example:
        >>> str(chat_url("http://localhost:8000/v1/?api-version=1"))
        'http://localhost:8000/v1/chat/completions?api-version=1'
    """
    parts = urlsplit(base_url)
    # The whole address, as some providers' pages show it, is as good as its base.
    path = parts.path.rstrip("/").removesuffix(_CHAT_PATH) + _CHAT_PATH
    return URL(parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path).geturl(), encoded=True)


def _place(location: str) -> str:
    """Return the address of a redirect without user, password and query."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "no address"
    return repr(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}"[:_MAX_PLACE_CHARS])


def _headers(endpoint: Endpoint) -> dict[str, str]:
    account = {} if endpoint.base_url else {name: os.environ.get(key) for name, key in _ACCOUNT_HEADERS.items()}
    return {
        "Accept": "application/json",
        **endpoint.credentials(),
        "Content-Type": "application/json",
        "User-Agent": "sessioneval",
        **{name: value for name, value in account.items() if value},
    }


def _tls(url: URL) -> ssl.SSLContext | bool:
    """Return the certificates to trust: the machine's and certifi's, as pip and requests would."""
    if url.scheme != "https":
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _proxy(url: URL) -> URL | None:
    """Return the proxy that the environment names for an address (``HTTPS_PROXY``, ``NO_PROXY``, ...)."""
    named = getproxies().get(url.scheme)
    return None if named is None or proxy_bypass(url.host or "") else URL(named)
