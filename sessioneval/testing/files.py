"""`/v1/files`: what was uploaded and what batches wrote, kept in memory."""

import re
import secrets
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sessioneval.testing.api_errors import bad_request, error_reply
from sessioneval.testing.http_connection import Exchange, Reply, json_reply

INPUT, OUTPUT = "batch", "batch_output"
_BOUNDARY = re.compile(rb'multipart/form-data;.*boundary="?([^";]+)"?', re.IGNORECASE)
_NAME = re.compile(rb'[; ]name="([^"]*)"', re.IGNORECASE)
_FILE_NAME = re.compile(rb'filename="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file.

    Attributes:
        content: Its bytes.
        name: As it was uploaded, or as the batch calls it.
        purpose: ``batch`` or ``batch_output``.
        id: What it is asked for by.
        created_at: Unix time in seconds.
    """

    content: bytes = field(repr=False)
    name: str
    purpose: str
    id: str = field(default_factory=lambda: f"file-{secrets.token_hex(12)}")
    created_at: int = field(default_factory=lambda: int(time.time()))

    def to_dict(self) -> dict[str, Any]:
        """Return the file object of OpenAI's API."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.content),
            "created_at": self.created_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class Files:
    """All files of one stand-in."""

    def __init__(self) -> None:
        self._files: dict[str, StoredFile] = {}

    def get(self, identifier: str) -> StoredFile | None:
        """Return a file, or None."""
        return self._files.get(identifier)

    def add(self, file: StoredFile) -> StoredFile:
        """Keep a file."""
        self._files[file.id] = file
        return file

    def upload(self, exchange: Exchange, _: str) -> Reply:
        """Answer POST /v1/files."""
        found = _BOUNDARY.match(exchange.headers.get(b"content-type", b""))
        if not found:
            return bad_request("The content type has to be multipart/form-data with a boundary.")
        parts = _parts(exchange.body, found[1])
        purpose = parts.get("purpose", (b"", ""))[0].decode("utf-8", "replace")
        if purpose != INPUT:
            return bad_request(f"{purpose!r} is not one of ['batch'] - 'purpose'", param="purpose")
        if "file" not in parts:
            return bad_request("Missing required parameter: 'file'.", param="file", code="missing_required_parameter")
        content, name = parts["file"]
        if not name.endswith(".jsonl"):
            return bad_request("Invalid file format for Batch API. Must be .jsonl")
        return json_reply(self.add(StoredFile(content=content, name=name, purpose=INPUT)).to_dict())

    def list_all(self, _: Exchange, __: str) -> Reply:
        """Answer GET /v1/files."""
        data = [file.to_dict() for file in self._files.values()]
        return json_reply({"object": "list", "data": data, "has_more": False})

    def show(self, _: Exchange, identifier: str) -> Reply:
        """Answer GET /v1/files/{id}."""
        file = self._files.get(identifier)
        return json_reply(file.to_dict()) if file else _no_file(identifier)

    def content(self, _: Exchange, identifier: str) -> Reply:
        """Answer GET /v1/files/{id}/content."""
        file = self._files.get(identifier)
        return Reply(body=file.content, content_type="application/octet-stream") if file else _no_file(identifier)

    def delete(self, _: Exchange, identifier: str) -> Reply:
        """Answer DELETE /v1/files/{id}."""
        file = self._files.pop(identifier, None)
        return json_reply({"id": identifier, "object": "file", "deleted": True}) if file else _no_file(identifier)


def _parts(body: bytes, boundary: bytes) -> dict[str, tuple[bytes, str]]:
    """Return the form's fields: name to content and file name."""
    parts: dict[str, tuple[bytes, str]] = {}
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        head, _, content = piece.partition(b"\r\n\r\n")
        name, file_name = _NAME.search(head), _FILE_NAME.search(head)
        if name:
            shown = file_name[1].decode("utf-8", "replace") if file_name else ""
            parts[name[1].decode("utf-8", "replace")] = (content, shown)
    return parts


def _no_file(identifier: str) -> Reply:
    return error_reply(HTTPStatus.NOT_FOUND, f"No such File object: {identifier}", param="id")
