"""What a server says when it does not take a part of a request: status, the parameter it names, its words.

There is no standard for it. Sources of the shapes: OpenAI and Azure (``error.param``), FastAPI servers such as vLLM and
Mistral's (``detail`` with a ``loc``, as a list or as text), LM Studio and Ollama (``error`` is a text), Google (a list
around the object), LiteLLM (the provider's words inside its own).
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

_MAX_SAID_CHARS = 2_000
# A rejection for one of these is about something else, whatever words it holds.
_OTHER_CODES = frozenset(
    {"content_filter", "context_length_exceeded", "insufficient_quota", "invalid_api_key", "model_not_found"}
)
_REJECTED = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})
# Routers without a fitting provider, and llama.cpp; these also mean other things, so the words must say it.
_PERHAPS_REJECTED = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.METHOD_NOT_ALLOWED}
)
_SAYS_NO = re.compile(
    r"support|unsupported|unknown|unrecogni[sz]ed|unexpected|unavailable|not (?:permitted|allowed|implemented|available)"
    r"|no endpoints|must be|requires?\b|only\b|deprecated|invalid|extra|failed to parse|disabled"
)
_UNNAMED = re.compile(r"(?:requested|provided|given) parameters")
_LOC = re.compile(r"""['"]loc['"]: *[(\[]([^)\]]*)[)\]]""")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A response that is no answer.

    Attributes:
        status: Of the response.
        code: The server's code for the error, or empty.
        param: The parameters it names as such, or empty.
        said: Its words.
    """

    status: int
    code: str = ""
    param: str = ""
    said: str = ""

    @property
    def is_about_the_request(self) -> bool:
        """Whether another request for the same thing may be taken."""
        if self.code in _OTHER_CODES:
            return False
        return self.status in _REJECTED or (
            self.status in _PERHAPS_REJECTED and _SAYS_NO.search(self.said.casefold()) is not None
        )

    @property
    def names_nothing(self) -> bool:
        """Whether it is about the parameters without saying which."""
        return _UNNAMED.search(self.said.casefold()) is not None


def read_refusal(status: int, body: bytes) -> Refusal:
    """Return what a body says; anything malformed is taken as words.

    Example:
        >>> read_refusal(400, b'{"error": {"message": "no", "param": "seed"}}')
        Refusal(status=400, code='', param='seed', said='no')
        >>> read_refusal(422, b'{"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]}')
        Refusal(status=422, code='', param='body.seed', said='body.seed: Extra inputs are not permitted')
    """
    error = error_object(body)
    entries = _entries(error)
    said = "; ".join(f"{_loc(entry)}: {entry.get('msg')}" for entry in entries) or _message(error)
    said = said or body[:_MAX_SAID_CHARS].decode("utf-8", "replace").strip()
    param = error.get("param")
    named = [param] if isinstance(param, str) else [*map(_loc, entries), *_LOC.findall(said)]
    return Refusal(status=status, code=_text(error.get("code")), param=" ".join(named), said=said[:_MAX_SAID_CHARS])


def error_object(body: bytes) -> dict[str, Any]:
    """Return the object that describes an error; empty if there is none."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return {}
    error = payload.get("error")
    return error if isinstance(error, dict) else payload


def _entries(error: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a validation error: pydantic's, as FastAPI servers send them."""
    lists = (error.get(key) for key in ("detail", "message"))
    unpacked = (found.get("detail") if isinstance(found, dict) else found for found in lists)
    found = next((entries for entries in unpacked if isinstance(entries, list)), [])
    return [entry for entry in found if isinstance(entry, dict) and "loc" in entry]


def _loc(entry: dict[str, Any]) -> str:
    loc = entry["loc"]
    return ".".join(map(str, loc)) if isinstance(loc, list) else str(loc)


def _message(error: dict[str, Any]) -> str:
    return next(_texts(error.get(key) for key in ("message", "error", "detail")), "")


def _texts(values: Iterator[Any]) -> Iterator[str]:
    return (value for value in values if isinstance(value, str) and value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
