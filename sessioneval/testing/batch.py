"""One batch: from its validation to its two files, one step each time somebody looks."""

import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from sessioneval.testing.batch_input import BatchInput, BatchRequest, batch_error, read_batch
from sessioneval.testing.batch_script import BatchScript
from sessioneval.testing.files import OUTPUT, Files, StoredFile

WINDOW_SECONDS = 24 * 60 * 60
FINALIZING_FROM = 3
ENDED = ("completed", "failed", "expired", "cancelled")
_UNANSWERED = {
    "expired": ("batch_expired", "This request could not be executed before the completion window expired."),
    "cancelled": ("batch_cancelled", "This request was not executed because the batch was cancelled."),
}

Execute = Callable[[BatchRequest, bool], tuple[int, Any]]
"""Answers a request, or fails it where told to: status and body."""


class Batch:
    """One batch.

    Args:
        number: From 1, in the order of creation.
        source: Its input file.
        script: What happens to it.
        execute: Answers its requests.
        fields: What it was created with.
    """

    def __init__(
        self, number: int, source: StoredFile, script: BatchScript, execute: Execute, fields: dict[str, Any]
    ) -> None:
        self.id = f"batch_{secrets.token_hex(12)}"
        self.status = "validating"
        self._number = number
        self._source = source
        self._script = script
        self._execute = execute
        self._fields = fields
        self._input = BatchInput()
        self._looks = self._done = 0
        self._lines: dict[str, list[dict[str, Any]]] = {"output": [], "error": []}
        self._files: dict[str, str | None] = {"output": None, "error": None}
        self._usage: Counter[str] = Counter()
        self._times = {"created": int(time.time())}

    @property
    def open_tokens(self) -> int:
        """Tokens that wait in it, by the estimate of 4 bytes each."""
        return 0 if self.status in ENDED else len(self._source.content) // 4

    def look(self, files: Files, open_tokens: int) -> None:
        """Go one step further.

        Args:
            files: Where its results are put when it ends.
            open_tokens: Tokens that wait in all open batches, this one included.
        """
        if self.status in ENDED:
            return
        self._looks += 1
        if self._looks == 1 and self.status == "validating":
            self._validate(open_tokens)
        if self.status == "cancelling":
            self._end("cancelled", files)
        elif self.status != "failed":
            self._go_on(files)

    def cancel(self) -> None:
        """Stop it at the next look; what is answered stays."""
        if self.status not in ENDED:
            self._enter("cancelling")

    def _validate(self, open_tokens: int) -> None:
        limit = self._script.enqueued_token_limit
        if self._number in self._script.invalid:
            invalid = batch_error("invalid_json_line", "This line is not parseable as valid JSON.", 1)
            self._input = BatchInput(errors=(invalid,))
        elif limit is not None and open_tokens > limit:
            text = f"Enqueued token limit reached. Limit: {limit:,.0f} enqueued tokens. Please try again later."
            self._input = BatchInput(errors=(batch_error("token_limit_exceeded", text),))
        else:
            self._input = read_batch(self._source.content, self._script, self._fields["endpoint"])
        self._enter("failed" if self._input.errors else "in_progress")

    def _go_on(self, files: Files) -> None:
        polls, total = self._script.polls, len(self._input.requests)
        lifetime = self._script.lifetime_requests(self._number)
        self._answer_until(int(min(total * min(self._looks, polls) // polls, lifetime)))
        if self._looks >= polls:
            self._end("expired" if lifetime < total else "completed", files)
        elif self._looks == polls - 1 and polls >= FINALIZING_FROM:
            self._answer_until(int(min(total, lifetime)))
            self._enter("finalizing")

    def _answer_until(self, count: int) -> None:
        failing = self._script.fails.get(self._number, 0)
        for index in range(self._done, count):
            request = self._input.requests[index]
            status, body = self._execute(request, index < failing)
            response = {"status_code": status, "request_id": secrets.token_hex(16), "body": body}
            self._put("output" if status < 400 else "error", request, response, None)  # noqa: PLR2004 - HTTP errors
            self._count_usage(body.get("usage"))
        self._done = max(self._done, count)

    def _count_usage(self, usage: dict[str, Any] | None) -> None:
        if usage:
            self._usage.update(input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"])

    def _put(self, kind: str, request: BatchRequest, response: Any, error: Any) -> None:
        line = {"id": f"batch_req_{secrets.token_hex(12)}", "custom_id": request.custom_id}
        self._lines[kind].append({**line, "response": response, "error": error})

    def _end(self, status: str, files: Files) -> None:
        if status in _UNANSWERED:
            code, text = _UNANSWERED[status]
            for request in self._input.requests[self._done :]:
                self._put("error", request, None, {"code": code, "message": text})
        self._files = {kind: self._write(kind, files) for kind in self._lines}
        self._enter(status)

    def _write(self, kind: str, files: Files) -> str | None:
        # By its random id: a client that relies on the order of the input has to fail.
        lines = sorted(self._lines[kind], key=lambda line: str(line["id"]))
        if not lines:
            return None
        content = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return files.add(StoredFile(content=content, name=f"{self.id}_{kind}.jsonl", purpose=OUTPUT)).id

    def _enter(self, status: str) -> None:
        self.status = status
        self._times[status] = int(time.time())

    def to_dict(self) -> dict[str, Any]:
        """Return the batch object of OpenAI's API."""
        reached = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        failed = sum(1 for line in self._lines["error"] if line["response"])
        errors = {"object": "list", "data": list(self._input.errors)} if self._input.errors else None
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self._fields["endpoint"],
            "errors": errors,
            "input_file_id": self._source.id,
            "completion_window": self._fields["completion_window"],
            "status": self.status,
            "output_file_id": self._files["output"],
            "error_file_id": self._files["error"],
            "created_at": self._times["created"],
            "expires_at": self._times["created"] + WINDOW_SECONDS,
            **{f"{step}_at": self._times.get(step) for step in reached},
            "request_counts": {
                "total": len(self._input.requests),
                "completed": len(self._lines["output"]),
                "failed": failed,
            },
            "metadata": self._fields.get("metadata"),
            "usage": {**self._usage, "total_tokens": self._usage.total()} if self.status in ENDED else None,
        }
