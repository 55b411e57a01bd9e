"""The calls to the model: one shared openai client per endpoint and event loop.

Importing this module loads openai (half a second), so judges import it when they are first asked.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from weakref import WeakKeyDictionary

import openai
from openinference.instrumentation import suppress_tracing

from sessioneval.errors import JudgeError, JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion, read_completion
from sessioneval.evaluators.judge_prompt import RESPONSE_FORMAT, ChatMessage

_JSON_OBJECT: dict[str, Any] = {"type": "json_object"}
# From strict to free; what an endpoint refuses is not asked of it again.
_RESPONSE_FORMATS: tuple[dict[str, Any] | None, ...] = (RESPONSE_FORMAT, _JSON_OBJECT, None)
_FORMAT_WORDS = ("response_format", "json_schema", "json_object", "response format")
_OPTIONAL_PARAMETERS = ("temperature", "seed")
_RETRIED_STATUS = (408, 409, 429)
_FIRST_SERVER_STATUS = 500
# The openai client honours a server's Retry-After up to two minutes; a call may not last longer than all of them.
_MAX_RETRY_WAIT = timedelta(minutes=2)


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a model behind an endpoint turned out to accept."""

    format_level: int = 0
    dropped: frozenset[str] = frozenset()

    def body(self, model: str, messages: Sequence[ChatMessage], parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of the call."""
        kept = {key: value for key, value in parameters.items() if value is not None and key not in self.dropped}
        response_format = _RESPONSE_FORMATS[self.format_level]
        asked = {} if response_format is None else {"response_format": response_format}
        return {"model": model, "messages": list(messages), **asked, **kept}

    def after(self, error: openai.APIStatusError) -> "Dialect | None":
        """Return the dialect to try after a rejected request; None when it was rejected for another reason."""
        said = f"{error.param or _said(error)}".casefold()
        if self.format_level + 1 < len(_RESPONSE_FORMATS) and any(word in said for word in _FORMAT_WORDS):
            return replace(self, format_level=self.format_level + 1)
        refused = {key for key in _OPTIONAL_PARAMETERS if key in said} - self.dropped
        return replace(self, dropped=self.dropped | refused) if refused else None


class JudgeClient:
    """One openai client; belongs to the event loop it was made in."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Open the connection pool; nothing is sent yet."""
        self._endpoint = endpoint
        self._openai = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            timeout=endpoint.timeout.total_seconds(),
            max_retries=endpoint.max_retries,
        )
        self._dialects: dict[str, Dialect] = {}
        self._in_flight = 0
        self._retired = False

    async def complete(self, model: str, messages: Sequence[ChatMessage], parameters: dict[str, Any]) -> Completion:
        """Ask once, with the openai client's own retries; the call is not traced.

        Args:
            model: The model's name.
            messages: The prompt.
            parameters: ``temperature`` and ``seed``; None is not sent, what the model refuses is left out.

        Raises:
            JudgeRefused: The endpoint rejects the request for good.
            JudgeUnavailable: It does not answer, or keeps failing.
        """
        self._in_flight += 1
        try:
            with suppress_tracing():
                return await self._negotiated(model, messages, parameters)
        except openai.OpenAIError as error:
            raise self._judge_error(error, model) from None
        finally:
            self._in_flight -= 1
            await self._close_if_unused()

    async def retire(self) -> None:
        """Close the connections as soon as no call is under way."""
        self._retired = True
        await self._close_if_unused()

    async def _close_if_unused(self) -> None:
        if self._retired and self._in_flight == 0:
            await self._openai.close()

    async def _negotiated(self, model: str, messages: Sequence[ChatMessage], parameters: dict[str, Any]) -> Completion:
        """Call, and on a refusal of an option call again without it; each refusal drops one, so it ends."""
        dialect = self._dialects.get(model, Dialect())
        while True:
            try:
                completion = await self._called(dialect.body(model, messages, parameters))
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                simpler = dialect.after(error)
                if simpler is None:
                    raise
                dialect = simpler
            else:
                # Remembered once it worked: a server that echoes prompts in its errors may have misled us.
                self._dialects[model] = dialect
                return completion

    async def _called(self, body: dict[str, Any]) -> Completion:
        """Make the call and read the raw body: a model object of a malformed answer would only hide what was sent."""
        endpoint = self._endpoint
        longest = endpoint.timeout * (endpoint.max_retries + 1) + _MAX_RETRY_WAIT * endpoint.max_retries
        try:
            async with asyncio.timeout(longest.total_seconds()):
                response = await self._openai.chat.completions.with_raw_response.create(**body)
        except TimeoutError:
            raise JudgeUnavailable(f"{endpoint.shown} sent no whole answer within {longest}") from None
        completion = read_completion(response.http_response.content)
        return replace(completion, text=endpoint.scrub(completion.text), refusal=endpoint.scrub(completion.refusal))

    def _judge_error(self, error: openai.OpenAIError, model: str) -> JudgeError:
        """Return our error for the openai client's: what happened, where, and what to do; never the key."""
        where = self._endpoint.shown
        said = self._endpoint.scrub(_said(error))
        if isinstance(error, openai.APITimeoutError):
            return JudgeUnavailable(f"{where} did not answer within {self._endpoint.timeout}, {self._attempts}")
        if isinstance(error, openai.APIConnectionError):
            return JudgeUnavailable(f"{where} cannot be reached, {self._attempts}: {said}")
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        if status in _RETRIED_STATUS or status >= _FIRST_SERVER_STATUS:
            return JudgeUnavailable(f"{where} kept failing with HTTP {status}, {self._attempts}: {said}")
        return JudgeRefused(
            f"{where} refused the call with HTTP {status}; check key, model {model!r}, base_url: {said}"
        )

    @property
    def _attempts(self) -> str:
        return f"{self._endpoint.max_retries + 1} attempts"


def _said(error: openai.OpenAIError) -> str:
    """Return the server's own words where it has some, else what went wrong on the way."""
    body = error.body if isinstance(error, openai.APIError) else None
    message = body.get("message") if isinstance(body, dict) else None
    if isinstance(message, str):
        return message
    return f"{error} {error.__cause__ or ''}".strip()


class ClientPool:
    """The clients of this process; judges of one endpoint in one event loop share one."""

    def __init__(self) -> None:
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Endpoint, JudgeClient]] = WeakKeyDictionary()

    def client(self, endpoint: Endpoint) -> JudgeClient:
        """Return the running loop's client of `endpoint`, opened if needed."""
        clients = self._clients.setdefault(asyncio.get_running_loop(), {})
        if endpoint not in clients:
            clients[endpoint] = JudgeClient(endpoint)
        return clients[endpoint]

    async def close(self, endpoint: Endpoint) -> None:
        """Close the running loop's client of `endpoint`; calls under way end first, later calls open a new one."""
        client = self._clients.get(asyncio.get_running_loop(), {}).pop(endpoint, None)
        if client is not None:
            await client.retire()


POOL = ClientPool()
