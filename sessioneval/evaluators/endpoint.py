"""Where a judge's calls go: address, key, time-out and retries.

Sources of the two ways to Azure OpenAI, and of the header with its key:
https://learn.microsoft.com/azure/ai-foundry/openai/api-version-lifecycle (``/openai/v1/``) and
https://learn.microsoft.com/azure/ai-foundry/openai/reference (``/openai/deployments/NAME`` with an ``api-version``).
"""

import base64
import os
import re
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from sessioneval.errors import InputError

KEY_VARIABLE = "OPENAI_API_KEY"
URL_VARIABLE = "OPENAI_BASE_URL"
AZURE_KEY_VARIABLE = "AZURE_OPENAI_API_KEY"
NO_KEY = "not-needed"
MAX_TIMEOUT = timedelta(hours=1)
_MIN_SECRET_CHARS = 8
_MASK = "[key]"
_AZURE_HOST = re.compile(r"(?:.+\.)?(?:openai|cognitiveservices|services\.ai)\.azure\.(?:com|us|cn)")
_DEPLOYMENT = re.compile(r"/openai/deployments/[^/]+")
# Of a JSON web token, as Entra ID gives out: such a token is a bearer's, a key of Azure is not.
_JWT_START = "eyJ"
_API_VERSION = "api-version"


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
        """Return an endpoint with what is not given taken from ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY``.

        At an address of Azure, ``AZURE_OPENAI_API_KEY`` comes first.
        """
        url = base_url or os.environ.get(URL_VARIABLE) or None
        variables = (AZURE_KEY_VARIABLE, KEY_VARIABLE) if url and _is_azure(url) else (KEY_VARIABLE,)
        found = next((key for name in variables if (key := os.environ.get(name))), None)
        key = api_key or found or (NO_KEY if url else None)
        return cls(base_url=url, api_key=key, timeout=timeout, max_retries=max_retries)

    @cached_property
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
        # Judges check before each session, and nothing here changes.
        if "_is_checked" in vars(self):
            return
        _check_key(self.api_key)
        if self.base_url is not None:
            _check_url(self.base_url)
        if not isinstance(self.timeout, timedelta) or not timedelta(0) < self.timeout <= MAX_TIMEOUT:
            raise InputError(f"timeout is {self.timeout!r}; give a timedelta above 0 and up to {MAX_TIMEOUT}")
        if isinstance(self.max_retries, bool) or not isinstance(self.max_retries, int) or self.max_retries < 0:
            raise InputError(f"max_retries is {self.max_retries!r}; give a whole number, 0 or more")
        vars(self)["_is_checked"] = True

    def credentials(self) -> dict[str, str]:
        """Return the header that the endpoint knows its user by.

        A user and password in the address count before the key, as for the openai client.

        Example:
            >>> url = "https://name.openai.azure.com/openai/deployments/judge?api-version=2024-10-21"
            >>> Endpoint(base_url=url, api_key="secret-key").credentials()
            {'api-key': 'secret-key'}
            >>> Endpoint(base_url="http://localhost:8000/v1", api_key="secret-key").credentials()
            {'Authorization': 'Bearer secret-key'}
        """
        basic = self._basic
        if basic:
            return {"Authorization": f"Basic {basic}"}
        key = self.api_key or NO_KEY
        if self.base_url and _is_azure(self.base_url) and not key.startswith(_JWT_START):
            return {"api-key": key}
        return {"Authorization": f"Bearer {key}"}

    def scrub(self, text: str) -> str:
        """Return `text` without the key, should a server send it back."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
        return text

    @cached_property
    def _parts(self) -> SplitResult:
        return urlsplit(self.base_url or "")

    @cached_property
    def _basic(self) -> str:
        """User and password of the address, encoded as RFC 7617 says; empty without."""
        user, password = (unquote(part or "") for part in (self._parts.username, self._parts.password))
        return base64.b64encode(f"{user}:{password}".encode()).decode() if user or password else ""

    @cached_property
    def _secrets(self) -> list[str]:
        """Return what must not be shown, long ones first; shorter keys are placeholders such as 'none' or 'EMPTY'."""
        raw = [self._parts.password or "", *_query_values(self._parts.query)]
        found = {self.api_key or "", self._basic, *raw, *map(unquote, raw)} - {NO_KEY}
        return sorted((secret for secret in found if len(secret) >= _MIN_SECRET_CHARS), key=len, reverse=True)


def _query_values(query: str) -> list[str]:
    """Return the values in a query as they stand there and decoded, but for the version of an API."""
    pairs = [pair.partition("=") for pair in query.split("&")]
    standing = [value or name for name, _, value in pairs if name.lower() != _API_VERSION]
    return standing + [value for name, value in parse_qsl(query) if name.lower() != _API_VERSION]


def _is_azure(base_url: str) -> bool:
    """Return whether an address is Azure OpenAI's, by its host, or its path behind a gateway."""
    try:
        parts = urlsplit(base_url)
        return bool(_AZURE_HOST.fullmatch(parts.hostname or "") or _DEPLOYMENT.search(parts.path))
    except ValueError:  # no address at all: `check` says so
        return False


def _check_key(key: str | None) -> None:
    if key is None:
        raise InputError(f"no key for the judge: set {KEY_VARIABLE} or pass api_key; for a local server pass base_url")
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError("the judge's key holds spaces or characters that no HTTP header can carry; copy it again")


def _check_url(base_url: str) -> None:
    problem = _url_problem(base_url)
    if problem:
        raise InputError(f"base_url {_shown(base_url)} {problem}; give an address such as 'http://localhost:8000/v1'")
    incomplete = _azure_problem(urlsplit(base_url)) if _is_azure(base_url) else None
    if incomplete:
        raise InputError(f"base_url {_shown(base_url)} {incomplete}")


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


def _azure_problem(parts: SplitResult) -> str | None:
    if parts.path.strip("/") in ("", "openai"):
        return "names a resource of Azure; add /openai/v1/, or /openai/deployments/NAME?api-version=DATE"
    has_version = any(name.lower() == _API_VERSION for name, _ in parse_qsl(parts.query))
    if _DEPLOYMENT.search(parts.path) and not has_version:
        return "names a deployment of Azure without its version; add ?api-version=DATE, or use /openai/v1/"
    return None


def _shown(base_url: str) -> str:
    """Show an address that may be malformed and may hold a password or a key in its query."""
    return repr(base_url.partition("?")[0].rpartition("@")[2])
