"""Writing calls into request files that a provider accepts.

Source: OpenAI's Batch guide: at most 50,000 requests and 200 MB a file, one model a file.
"""

import json
import os
import time
import uuid
from dataclasses import dataclass
from typing import BinaryIO

from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.dialect import Dialect
from sessioneval.runs.batch.ledger import Batch, Ledger

URL = "/v1/chat/completions"


@dataclass(frozen=True, kw_only=True)
class FileLimits:
    """The largest file of requests that is submitted at once."""

    n_requests: int = 50_000
    n_bytes: int = 200_000_000


class RequestFiles:
    """Open request files, one for each endpoint, model and dialect, each closed when it is full."""

    def __init__(self, ledger: Ledger, limits: FileLimits) -> None:
        self._ledger = ledger
        self._limits = limits
        self._open: dict[tuple[str, str, Dialect], _RequestFile] = {}

    def write(self, call: JudgeCall, dialect: Dialect) -> str:
        """Add a call and return the name of the batch that it is in.

        Raises:
            OSError: The disk refuses it.
        """
        line = request_line(call.key, dialect.body(call))
        kind = (call.endpoint.shown, call.model, dialect)
        file = self._open.get(kind)
        if file is not None and not file.has_room(line, self._limits):
            file.close()
            file = None
        if file is None:
            file = self._open[kind] = _RequestFile(self._ledger, *kind)
        file.append(line)
        return file.batch_name

    def close(self) -> None:
        """Close all files; from then on they are batches of the ledger."""
        while self._open:
            self._open.popitem()[1].close()


class _RequestFile:
    """One file being written; it becomes a batch when it is closed."""

    def __init__(self, ledger: Ledger, endpoint: str, model: str, dialect: Dialect) -> None:
        self._ledger = ledger
        self._batch = Batch(
            name=f"{time.time_ns():016x}{uuid.uuid4().hex[:16]}",
            endpoint=endpoint,
            model=model,
            n_requests=0,
            answer_format=dialect.answer_format,
            dropped=sorted(dialect.dropped),
        )
        self._file: BinaryIO = ledger.requests_path(self._batch.name).open("xb")
        self._n_requests = 0
        self._n_bytes = 0

    @property
    def batch_name(self) -> str:
        return self._batch.name

    def has_room(self, line: bytes, limits: FileLimits) -> bool:
        return self._n_requests < limits.n_requests and self._n_bytes + len(line) <= limits.n_bytes

    def append(self, line: bytes) -> None:
        self._file.write(line)
        self._n_requests += 1
        self._n_bytes += len(line)

    def close(self) -> None:
        with self._file as file:
            file.flush()
            os.fsync(file.fileno())
        self._ledger.save(self._batch, n_requests=self._n_requests)


def request_line(key: str, body: bytes) -> bytes:
    r"""Return a call as a line of a request file.

    Args:
        key: Names the call.
        body: The request as JSON.

    Example:
        >>> request_line("a1", b'{"model": "m"}')
        b'{"custom_id": "a1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m"}}\n'
    """
    head = json.dumps({"custom_id": key, "method": "POST", "url": URL})
    return head[:-1].encode() + b', "body": ' + body + b"}\n"
