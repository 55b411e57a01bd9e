"""One line that came back of a batch, as far as it holds; what a provider sends is hostile input."""

import json
from dataclasses import dataclass
from typing import Any

from sessioneval.evaluators.judge_answer import Completion, read_completion
from sessioneval.evaluators.refusal import Refusal, read_refusal

_OK = 200
_BAD_REQUEST = 400
_RETRIED_STATUS = frozenset({408, 409, 429})
_FIRST_SERVER_STATUS = 500
_MAX_SAID_CHARS = 500


@dataclass(frozen=True, kw_only=True)
class ResultLine:
    """What a provider says about one call.

    Attributes:
        key: The call's.
        status: HTTP status; 0 when the call was not made.
        body: Of the response.
        error: Why the call was not made.
    """

    key: str
    status: int
    body: Any
    error: Any

    @property
    def is_answer(self) -> bool:
        """Whether the model answered."""
        return _OK <= self.status < _BAD_REQUEST

    @property
    def is_final(self) -> bool:
        """Whether asking the same again would bring the same: an answer, or a refusal of the call for good."""
        is_passing = self.status in _RETRIED_STATUS or self.status >= _FIRST_SERVER_STATUS
        return self.status >= _OK and not is_passing

    @property
    def completion(self) -> Completion:
        """The answer; anything malformed in it is left empty."""
        return read_completion(json.dumps(self.body).encode())

    @property
    def refusal(self) -> Refusal:
        """What the provider says of a call that it does not answer."""
        return read_refusal(self.status, json.dumps(self.body or {"error": self.error}).encode())

    @property
    def said(self) -> str:
        """Status and the provider's own words."""
        return f"HTTP {self.status}: {self.refusal.said}"[:_MAX_SAID_CHARS] if self.status else self.refusal.said


def read_line(line: bytes) -> ResultLine | None:
    """Return a line of results; None for one that is none, whose call is then asked again.

    Example:
        >>> read_line(b'{"custom_id": "a", "response": {"status_code": 500, "body": "busy"}}').is_final
        False
        >>> read_line(b"<html>") is None
        True
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("custom_id"), str):
        return None
    response = found.get("response")
    response = response if isinstance(response, dict) else {}
    status = response.get("status_code")
    return ResultLine(
        key=found["custom_id"],
        status=status if isinstance(status, int) and not isinstance(status, bool) else 0,
        body=response.get("body"),
        error=found.get("error"),
    )
