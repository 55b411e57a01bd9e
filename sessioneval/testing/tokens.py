"""Token counts by a written estimate, and what a provider's prompt cache would have kept.

A token is 4 characters, rounded up, for each message; every message costs 4 tokens more. This is an
estimate that anyone can redo by hand, not what any real model counts.
"""

import hashlib
import math
from collections import OrderedDict
from typing import Any

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
CACHE_MINIMUM_TOKENS = 1024
CACHE_STEP_TOKENS = 128
CACHE_MAX_PREFIXES = 50_000


def estimate_tokens(text: str) -> int:
    """Return the number of tokens that a text counts as.

    Example:
        >>> estimate_tokens("photosynthesis")
        4
    """
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def prompt_tokens(request: ChatRequest) -> list[int]:
    """Return the tokens of each message of the request."""
    return [estimate_tokens(message.text) + TOKENS_PER_MESSAGE for message in request.messages]


def completion_tokens(answer: Answer) -> int:
    """Return the tokens of what was answered, tool calls included."""
    return estimate_tokens(answer.text + answer.refusal + "".join(call.name + call.arguments for call in answer.calls))


class PrefixCache:
    """Which leading messages the server has seen before, as automatic prompt caching counts them.

    A prefix is the model, the tools, the response format and the first k messages, whole. At least
    1,024 tokens must be shared, and what is shared is rounded down to steps of 128.

    Source: https://platform.openai.com/docs/guides/prompt-caching
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def cached_tokens(self, request: ChatRequest) -> int:
        """Return how many leading tokens an earlier request shared, and remember this one's."""
        shared = total = 0
        running = hashlib.sha256(request.prefix_seed.encode())
        for message, tokens in zip(request.messages, prompt_tokens(request), strict=True):
            running.update(f"\0{message.role}\0{message.text}".encode("utf-8", "surrogatepass"))
            total += tokens
            shared = total if self._knows(running.digest()) else shared
        return shared // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS if shared >= CACHE_MINIMUM_TOKENS else 0

    def _knows(self, prefix: bytes) -> bool:
        known = prefix in self._seen
        self._seen[prefix] = None
        self._seen.move_to_end(prefix)
        if len(self._seen) > CACHE_MAX_PREFIXES:
            self._seen.popitem(last=False)
        return known


def usage(request: ChatRequest, answer: Answer, cached: int) -> dict[str, Any]:
    """Return the usage object of a chat completion."""
    given, made = sum(prompt_tokens(request)), completion_tokens(answer)
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": cached},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
