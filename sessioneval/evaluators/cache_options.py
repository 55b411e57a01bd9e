"""What to send so that a provider caches the prefix that a session's judges share.

Most providers cache a long prefix without being asked. Options are sent only where address and model are known to take
them, since others refuse a request with a field that they do not know.

Sources: https://developers.openai.com/api/docs/guides/prompt-caching (`prompt_cache_key`; from gpt-5.6 on a prefix is
matched only at a breakpoint, and the implicit one stands behind the last message, which differs from judge to judge, so
left alone each judge would pay for writing the transcript); https://openrouter.ai/docs/prompt-caching and
https://docs.litellm.ai/docs/completion/prompt_caching (`cache_control` for Claude); https://platform.openai.com/docs/guides/prompt-caching.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from sessioneval.errors import InputError
from sessioneval.evaluators.channel import ChatMessage
from sessioneval.evaluators.endpoint import Endpoint

PromptCache = Literal["auto", "none", "key", "breakpoint", "cache_control"]


@dataclass(frozen=True, kw_only=True)
class CacheOptions:
    """What to send with a call.

    Attributes:
        sends_key: Whether ``prompt_cache_key`` names the session, so that its calls reach one machine.
        mark: What is put on a content part that ends a shared prefix; empty for no mark.
        parameters: Further fields of the body.
    """

    sends_key: bool = False
    mark: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def parameters_for(self, key: str) -> dict[str, Any]:
        """Return the fields of the body for a session named by `key`."""
        return {**({"prompt_cache_key": key} if self.sends_key else {}), **self.parameters}

    def marked(self, messages: Sequence[ChatMessage]) -> list[ChatMessage]:
        """Return the messages of a prompt with the ends of the rules and of the transcript marked.

        The transcript is shared by the judges of a session, the rules by all sessions.
        """
        rules, transcript, *others = messages
        if not self.mark:
            return [rules, transcript, *others]
        return [self._ending_marked(rules), self._ending_marked(transcript), *others]

    def _ending_marked(self, message: ChatMessage) -> ChatMessage:
        return {**message, "content": [{"type": "text", "text": message["content"], **self.mark}]}


_EXPLICIT = {"mode": "explicit"}
OPTIONS: Mapping[PromptCache, CacheOptions] = {
    "none": CacheOptions(),
    "key": CacheOptions(sends_key=True),
    "breakpoint": CacheOptions(
        sends_key=True,
        mark={"prompt_cache_breakpoint": _EXPLICIT},
        parameters={"prompt_cache_options": _EXPLICIT},
    ),
    "cache_control": CacheOptions(mark={"cache_control": {"type": "ephemeral"}}),
}
_OPENAI = re.compile(r"(?:[a-z0-9-]+\.)?api\.openai\.com")
_OPENROUTER = re.compile(r"(?:[a-z0-9-]+\.)?openrouter\.ai")
_BREAKPOINT_MODEL = re.compile(r"(?:openai/)?(?:ft:)?gpt-(?:5\.(?:[6-9]|\d\d)|[6-9]|\d\d)(?!\d).*")
_CLAUDE_MODEL = re.compile(r".*claude.*")
_ANY_MODEL = re.compile(r".*")
# The first row that fits counts.
_KNOWN: tuple[tuple[re.Pattern[str], re.Pattern[str], PromptCache], ...] = (
    (_OPENAI, _BREAKPOINT_MODEL, "breakpoint"),
    (_OPENAI, _ANY_MODEL, "key"),
    (_OPENROUTER, _CLAUDE_MODEL, "cache_control"),
    (_OPENROUTER, _BREAKPOINT_MODEL, "breakpoint"),
)
_DEFAULT_HOST = "api.openai.com"


def cache_options(choice: PromptCache, endpoint: Endpoint, model: str) -> CacheOptions:
    """Return what to send.

    Args:
        choice: One of the kinds; ``auto`` takes the one that address and model are known to take, or none.
        endpoint: Where calls go.
        model: The model's name there.

    Example:
        >>> cache_options("auto", Endpoint(), "gpt-5.6-mini").mark
        {'prompt_cache_breakpoint': {'mode': 'explicit'}}
        >>> cache_options("auto", Endpoint(base_url="http://localhost:8000/v1"), "gpt-5.6-mini").mark
        {}
    """
    return OPTIONS[_known(endpoint, model) if choice == "auto" else choice]


def check_prompt_cache(choice: str) -> None:
    """Raise `InputError` unless `choice` is one of the kinds."""
    if choice not in ("auto", *OPTIONS):
        raise InputError(f"prompt_cache is {choice!r}; allowed: {', '.join(map(repr, ('auto', *OPTIONS)))}")


def _known(endpoint: Endpoint, model: str) -> PromptCache:
    host = _DEFAULT_HOST if endpoint.base_url is None else (urlsplit(endpoint.base_url).hostname or "").lower()
    fitting = (kind for hosts, models, kind in _KNOWN if hosts.fullmatch(host) and models.fullmatch(model.lower()))
    return next(fitting, "none")
