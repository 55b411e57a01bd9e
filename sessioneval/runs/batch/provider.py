"""The Batch API of a provider, through the openai client.

Responses are read as JSON and not as the client's models: what a server says is hostile input.

Source: OpenAI API reference, Files and Batches; other OpenAI-compatible providers offer the same.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import openai
from openinference.instrumentation import suppress_tracing

from sessioneval.errors import JudgeError, JudgeRefused, JudgeUnavailable
from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.runs.batch.batch_status import BatchStatus, read_status

_METADATA_KEY = "sessioneval_batch"
_TOO_MANY_REQUESTS = 429
_RETRIED_STATUS = frozenset({408, 409, _TOO_MANY_REQUESTS})
_FIRST_SERVER_STATUS = 500
_MAX_SHOWN_CHARS = 500
_PAGE = 100
# A list of batches that goes on for longer is no list.
_MAX_PAGES = 1_000
# More than a model's answer and its frame; a server that sends more must not fill the disk.
_MAX_BYTES_A_REQUEST = 1 << 20
_PIECE_BYTES = 1 << 16


class NoRoom(JudgeUnavailable):
    """The provider takes no further batch until one has ended."""


class ResultsGone(JudgeRefused):
    """The provider has no such file of results any more."""


class Provider:
    """Files and batches at one endpoint; belongs to the event loop it was made in."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Open the connection pool; nothing is sent yet."""
        self.endpoint = endpoint
        self._openai = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            timeout=endpoint.timeout.total_seconds(),
            max_retries=endpoint.max_retries,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._openai.close()

    async def upload(self, requests: Path) -> str:
        """Return the file id of an uploaded request file, which is read piece by piece; raises `JudgeError`."""
        with suppress_tracing(), requests.open("rb") as file:
            try:
                uploaded = await self._openai.files.create(file=(requests.name, file), purpose="batch")
            except openai.OpenAIError as error:
                raise self._judge_error(error) from None
        return self._identifier(getattr(uploaded, "id", None))

    async def submit(self, file_id: str, name: str) -> str:
        """Return the id of a new batch over an uploaded file.

        There is one attempt: after a failure nobody knows whether there is a batch, so look for it first.

        Raises:
            NoRoom: The provider takes no further batch now.
            JudgeError: It does not answer, or refuses.
        """
        once = self._openai.with_options(max_retries=0).batches.with_raw_response
        try:
            response = await once.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={_METADATA_KEY: name},
            )
        except openai.RateLimitError as error:
            if error.code == "insufficient_quota":  # waiting does not cure it
                raise JudgeRefused(f"the Batch API of {self.endpoint.shown}: {self._said(error)}") from None
            raise NoRoom(f"the Batch API of {self.endpoint.shown} takes no batch now: {self._said(error)}") from None
        except openai.OpenAIError as error:
            raise self._judge_error(error) from None
        return self._identifier(self._object(response.content).get("id"))

    async def find(self, file_id: str, name: str) -> str | None:
        """Return the id of the batch that was submitted under `name` and not rejected; None if there is none.

        A process that died between submitting and writing the id down must not pay for the batch twice.

        Raises:
            JudgeError: The provider does not answer, or refuses.
        """
        async for batch in self._listed():
            metadata = batch.get("metadata")
            is_named = isinstance(metadata, dict) and metadata.get(_METADATA_KEY) == name
            if (is_named or batch.get("input_file_id") == file_id) and batch.get("status") != "failed":
                return self._identifier(batch.get("id"))
        return None

    async def status(self, batch_id: str) -> BatchStatus:
        """Return where a batch stands; raises `JudgeError`."""
        try:
            response = await self._openai.batches.with_raw_response.retrieve(quote(batch_id, safe=""))
        except openai.OpenAIError as error:
            raise self._judge_error(error) from None
        return read_status(self._object(response.content))

    async def download(self, file_id: str, into: BinaryIO, n_requests: int) -> None:
        """Append a file of results to an open file, piece by piece.

        Args:
            file_id: The file.
            into: Where to.
            n_requests: How many the batch has; bounds the size.

        Raises:
            ResultsGone: There is no such file.
            JudgeError: The provider does not answer, or refuses, or sends more than answers can be.
        """
        n_left = n_requests * _MAX_BYTES_A_REQUEST
        async for piece in self._pieces(file_id):
            n_left -= len(piece)
            if n_left < 0:
                raise JudgeRefused(f"{self.endpoint.shown} sends results without end for one batch")
            into.write(piece)
        into.write(b"\n")  # another file may follow, and this one may end without

    async def _pieces(self, file_id: str) -> AsyncIterator[bytes]:
        content = self._openai.files.with_streaming_response.content
        try:
            async with content(quote(file_id, safe="")) as response:
                async for piece in response.iter_bytes(_PIECE_BYTES):
                    yield piece
        except openai.NotFoundError as error:
            raise ResultsGone(f"{self.endpoint.shown} has no results: {self._said(error)}") from None
        except openai.OpenAIError as error:
            raise self._judge_error(error) from None
        except Exception as error:  # noqa: BLE001 - amid a file it is the HTTP library's own, which differs by version
            raise self._unavailable(f"{type(error).__name__}: {error}") from None

    async def _listed(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the batches of the account, page by page."""
        after: Any = openai.NOT_GIVEN
        for _ in range(_MAX_PAGES):
            try:
                response = await self._openai.batches.with_raw_response.list(limit=_PAGE, after=after)
            except openai.OpenAIError as error:
                raise self._judge_error(error) from None
            page = self._object(response.content)
            listed = page.get("data")
            batches = [batch for batch in listed if isinstance(batch, dict)] if isinstance(listed, list) else []
            for batch in batches:
                yield batch
            after = batches[-1].get("id") if batches else None
            if not page.get("has_more") or not isinstance(after, str):
                return
        raise self._unavailable("its list of batches does not end")

    def _object(self, body: bytes) -> dict[str, Any]:
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._unavailable(f"it sent no JSON object but {body[:200]!r}")
        return found

    def _identifier(self, value: object) -> str:
        if not isinstance(value, str) or not value:
            raise self._unavailable(f"it gave {value!r} as an id")
        return value

    def _unavailable(self, said: str) -> JudgeUnavailable:
        text = self.endpoint.scrub(said)[:_MAX_SHOWN_CHARS]
        return JudgeUnavailable(f"the Batch API of {self.endpoint.shown} does not answer as it should: {text}")

    def _said(self, error: openai.OpenAIError) -> str:
        return self.endpoint.scrub(str(error))[:_MAX_SHOWN_CHARS]

    def _judge_error(self, error: openai.OpenAIError) -> JudgeError:
        where, said = self.endpoint.shown, self._said(error)
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        if status == 0 or status in _RETRIED_STATUS or status >= _FIRST_SERVER_STATUS:
            return JudgeUnavailable(f"the Batch API of {where} does not answer: {said}")
        return JudgeRefused(f"the Batch API of {where} refused with HTTP {status}; has it one? It said: {said}")
