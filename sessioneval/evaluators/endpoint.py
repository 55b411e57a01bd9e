"""Where a judge's calls go: address, key, time-out and retries."""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import SplitResult, urlsplit

from sessioneval.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"
NO_KEY = "not-needed"
MAX_TIMEOUT = timedelta(hours=1)
_MIN_SECRET_CHARS = 8
_MASK = "[key]"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An OpenAI-compatible endpoint; its key is in no text that it makes of itself.

    Attributes:
        base_url: Address up to and with ``/v1``; None is the OpenAI client's own default.
        api_key: The key; None when there is none.
        timeout: For one attempt.
        max_retries: Further attempts of the openai client, the only layer that retries.
    """

    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=60)
    max_retries: int = 5

    @classmethod
    def of(cls, base_url: str | None, api_key: str | None, timeout: timedelta, max_retries: int) -> "Endpoint":
        """Return an endpoint with what is not given taken from ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``."""
        url = base_url or os.environ.get(URL_VARIABLE) or None
        key = api_key or os.environ.get(KEY_VARIABLE) or (NO_KEY if url else None)
        return cls(base_url=url, api_key=key, timeout=timeout, max_retries=max_retries)

    @property
    def shown(self) -> str:
        """The address without user, password and query, for messages."""
        if self.base_url is None:
            return "the default OpenAI endpoint"
        parts = urlsplit(self.base_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def __repr__(self) -> str:
        return f"Endpoint({self.shown!r})"

    def check(self) -> None:
        """Validate without any call.

        Raises:
            InputError: Key, address, time-out or number of retries cannot be used.
        """
        _check_key(self.api_key)
        if self.base_url is not None:
            _check_url(self.base_url)
        if not isinstance(self.timeout, timedelta) or not timedelta(0) < self.timeout <= MAX_TIMEOUT:
            raise InputError(f"timeout is {self.timeout!r}; give a timedelta above 0 and up to {MAX_TIMEOUT}")
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int) or self.max_retries < 0:
            raise InputError(f"max_retries is {self.max_retries!r}; give a whole number, 0 or more")

    def scrub(self, text: str) -> str:
        """Return `text` without the key, should a server send it back."""
        for secret in self._secrets():
            text = text.replace(secret, _MASK)
        return text

    def _secrets(self) -> list[str]:
        """Return what must not be shown; shorter keys are placeholders such as 'none' or 'EMPTY'."""
        parts = urlsplit(self.base_url) if self.base_url else SplitResult("", "", "", "", "")
        found = (self.api_key, parts.password, parts.query)
        return [secret for secret in found if secret and secret != NO_KEY and len(secret) >= _MIN_SECRET_CHARS]


def _check_key(key: str | None) -> None:
    if key is None:
        raise InputError(f"no key for the judge: set {KEY_VARIABLE} or pass api_key; for a local server pass base_url")
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("the judge's key holds spaces or characters that no HTTP header can carry; copy it again")


def _check_url(base_url: str) -> None:
    problem = _url_problem(base_url)
    if problem:
        raise InputError(f"base_url {_shown(base_url)} {problem}; give an address such as 'http://localhost:8000/v1'")


def _url_problem(base_url: str) -> str | None:
    if not base_url.isprintable() or " " in base_url:
        return "holds spaces or control characters"
    try:
        parts = urlsplit(base_url)
        _ = parts.port
    except ValueError as error:
        return f"is no address ({error})"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "does not start with http:// or https:// and a host"
    return None


def _shown(base_url: str) -> str:
    """Show an address that may be malformed and may hold a password or a key in its query."""
    return repr(base_url.partition("?")[0].rpartition("@")[2])
