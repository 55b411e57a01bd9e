"""Errors in the shape of OpenAI's API."""

from http import HTTPStatus

from sessioneval.testing.http_connection import Reply, json_reply
from sessioneval.testing.rate_limits import Refusal, retry_headers

_KINDS = {
    HTTPStatus.UNAUTHORIZED: ("authentication_error", "invalid_api_key"),
    HTTPStatus.NOT_FOUND: ("invalid_request_error", "not_found"),
    HTTPStatus.TOO_MANY_REQUESTS: ("requests", "rate_limit_exceeded"),
    HTTPStatus.INTERNAL_SERVER_ERROR: ("server_error", None),
}


def error_reply(
    status: HTTPStatus,
    text: str,
    *,
    kind: str | None = None,
    code: str | None = None,
    param: str | None = None,
    headers: dict[str, str] | None = None,
) -> Reply:
    """Return an error; kind and code follow from the status where they are left out."""
    usual_kind, usual_code = _KINDS.get(status, ("invalid_request_error", None))
    error = {"message": text, "type": kind or usual_kind, "param": param, "code": code or usual_code}
    return json_reply({"error": error}, status, headers)


def bad_request(text: str, *, code: str | None = None, param: str | None = None) -> Reply:
    """Return a 400."""
    return error_reply(HTTPStatus.BAD_REQUEST, text, code=code, param=param)


def failed_on_purpose() -> Reply:
    """Return the 500 of a fault."""
    return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, "The stand-in fails here on purpose.")


def answerer_failed(error: Exception) -> Reply:
    """Return the 500 of an answerer that raised."""
    return error_reply(HTTPStatus.INTERNAL_SERVER_ERROR, f"The answerer of the stand-in failed: {error!r}")


def too_many(refusal: Refusal, headers: dict[str, str]) -> Reply:
    """Return a 429 that says what ran out and when to come again."""
    text = f"Rate limit reached for {refusal.kind}; try again in {refusal.wait_seconds:.3f} seconds."
    told = retry_headers(refusal.wait_seconds) | headers
    return error_reply(HTTPStatus.TOO_MANY_REQUESTS, text, kind=refusal.kind, headers=told)
