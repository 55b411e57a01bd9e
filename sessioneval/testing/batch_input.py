"""The lines of a batch's input file, checked as the provider checks them before it starts."""

import json
from dataclasses import dataclass
from typing import Any

from sessioneval.testing.batch_script import BatchScript

ENDPOINT = "/v1/chat/completions"
MAX_SHOWN_ERRORS = 100


@dataclass(frozen=True, kw_only=True)
class BatchRequest:
    """One request of a batch."""

    custom_id: str
    body: Any


@dataclass(frozen=True, kw_only=True)
class BatchInput:
    """A file as its batch sees it.

    Attributes:
        requests: In their order; empty if anything is wrong.
        errors: What is wrong, as the batch object lists it.
    """

    requests: tuple[BatchRequest, ...] = ()
    errors: tuple[dict[str, Any], ...] = ()


def read_batch(content: bytes, script: BatchScript, endpoint: str = ENDPOINT) -> BatchInput:
    r"""Return the requests of an input file, or what is wrong with it.

    Args:
        content: JSON lines.
        script: Holds the limits.
        endpoint: What every line has to ask for.

    Example:
        >>> read_batch(b"", BatchScript()).errors[0]["code"], read_batch(b"{\n", BatchScript()).errors[0]["line"]
        ('empty_file', 1)

    Source: the codes are those of the Batch API's validation (`errors.data[]` of a failed batch).
    """
    lines = [(number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip()]
    broken = _broken_file(content, len(lines), script)
    if broken:
        return BatchInput(errors=(broken,))
    seen: set[str] = set()
    read = [_read_line(number, line, endpoint, seen) for number, line in lines]
    errors = [result for result in read if isinstance(result, dict)]
    if errors:
        return BatchInput(errors=tuple(errors[:MAX_SHOWN_ERRORS]))
    return BatchInput(requests=tuple(result for result in read if isinstance(result, BatchRequest)))


def batch_error(code: str, text: str, line: int | None = None, param: str | None = None) -> dict[str, Any]:
    """Return one entry of a failed batch's list of errors."""
    return {"code": code, "message": text, "line": line, "param": param}


def _broken_file(content: bytes, n_lines: int, script: BatchScript) -> dict[str, Any] | None:
    if len(content) > script.max_bytes:
        text = f"The batch input file is larger than the {script.max_bytes} maximum. Please try again with a smaller batch."
        return batch_error("file_too_large", text)
    if n_lines > script.max_requests:
        text = (
            f"Too many tasks: The number of tasks must be less than or equal to {script.max_requests}; got {n_lines}."
        )
        return batch_error("too_many_tasks", text)
    return (
        None if n_lines else batch_error("empty_file", "The input file is empty. Please ensure that it holds requests.")
    )


def _read_line(number: int, line: bytes, endpoint: str, seen: set[str]) -> BatchRequest | dict[str, Any]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return batch_error("invalid_json_line", "This line is not parseable as valid JSON.", number)
    missing = _missing(fields)
    if missing:
        return batch_error("missing_required_parameter", f"Missing required parameter: '{missing}'.", number, missing)
    if fields["url"] != endpoint:
        text = f"The URL provided for this request does not match the batch endpoint {endpoint}."
        return batch_error("url_mismatch", text, number, "url")
    if fields["custom_id"] in seen:
        text = (
            "The custom_id for this request is a duplicate of another request. "
            "The custom_id parameter must be unique for each request in a batch."
        )
        return batch_error("duplicate_custom_id", text, number, "custom_id")
    seen.add(fields["custom_id"])
    return BatchRequest(custom_id=fields["custom_id"], body=fields["body"])


def _missing(fields: Any) -> str:
    if not isinstance(fields, dict):
        return "custom_id"
    texts = next((name for name in ("custom_id", "method", "url") if not isinstance(fields.get(name), str)), "")
    return texts or ("" if isinstance(fields.get("body"), dict) else "body")
