"""`/v1/batches`: created, looked at, listed and cancelled; they live as long as the server."""

import json
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from sessioneval.testing.api_errors import bad_request, error_reply
from sessioneval.testing.batch import Batch, Execute
from sessioneval.testing.batch_input import ENDPOINT
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.files import INPUT, Files, StoredFile
from sessioneval.testing.http_connection import Exchange, Reply, json_reply

COMPLETION_WINDOW = "24h"
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class Batches:
    """All batches of one stand-in.

    Args:
        files: Where their inputs and results are.
        script: What happens to them.
        execute: Answers their requests.
    """

    def __init__(self, files: Files, script: BatchScript, execute: Execute) -> None:
        self._files = files
        self._script = script
        self._execute = execute
        self._batches: dict[str, Batch] = {}

    def create(self, exchange: Exchange, _: str) -> Reply:
        """Answer POST /v1/batches."""
        try:
            fields = json.loads(exchange.body)
        except (ValueError, RecursionError) as error:
            return bad_request(f"the request body is not JSON: {error}")
        if not isinstance(fields, dict):
            return bad_request("the request body has to be a JSON object")
        source = self._files.get(str(fields.get("input_file_id")))
        refused = _refused(fields, source)
        if refused or source is None:
            return refused or bad_request("no input file")
        batch = Batch(len(self._batches) + 1, source, self._script, self._execute, fields)
        self._batches[batch.id] = batch
        return json_reply(batch.to_dict())

    def look(self, _: Exchange, identifier: str) -> Reply:
        """Answer GET /v1/batches/{id}; each look takes the batch one step further."""
        batch = self._batches.get(identifier)
        if not batch:
            return _no_batch(identifier)
        batch.look(self._files, sum(other.open_tokens for other in self._batches.values()))
        return json_reply(batch.to_dict())

    def cancel(self, _: Exchange, identifier: str) -> Reply:
        """Answer POST /v1/batches/{id}/cancel."""
        batch = self._batches.get(identifier)
        if not batch:
            return _no_batch(identifier)
        batch.cancel()
        return json_reply(batch.to_dict())

    def list_all(self, exchange: Exchange, _: str) -> Reply:
        """Answer GET /v1/batches, the newest first, in pages."""
        query = parse_qs(exchange.query)
        newest = [batch.to_dict() for batch in reversed(self._batches.values())]
        after = query.get("after", [""])[0]
        ids = [batch["id"] for batch in newest]
        rest = newest[ids.index(after) + 1 :] if after in ids else newest
        wanted = query.get("limit", [""])[0]
        page = rest[: min(int(wanted), MAX_LIMIT) if wanted.isdecimal() else DEFAULT_LIMIT]
        ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
        return json_reply({"object": "list", "data": page, **ends, "has_more": len(page) < len(rest)})


def _refused(fields: dict[str, Any], source: StoredFile | None) -> Reply | None:
    if source is None or source.purpose != INPUT:
        shown = fields.get("input_file_id")
        return bad_request(f"Invalid input_file_id: no batch input file {shown!r}.", param="input_file_id")
    if fields.get("endpoint") != ENDPOINT:
        return bad_request(f"Invalid value: {fields.get('endpoint')!r}. Supported: {ENDPOINT!r}.", param="endpoint")
    if fields.get("completion_window") != COMPLETION_WINDOW:
        shown = fields.get("completion_window")
        return bad_request(f"Invalid value: {shown!r}. Supported: '24h'.", param="completion_window")
    return None


def _no_batch(identifier: str) -> Reply:
    return error_reply(HTTPStatus.NOT_FOUND, f"No batch found with id '{identifier}'.", param="id")
