"""Token counts by a written estimate.

A token is 4 characters, rounded up, for each message; every message costs 4 tokens more. This is an
estimate that anyone can redo by hand, not what any real model counts.
"""

import math
from typing import Any

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4


def estimate_tokens(text: str) -> int:
    """Return the number of tokens that a text counts as.

    Example:
        >>> estimate_tokens("photosynthesis")
        4
    """
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def prompt_tokens(request: ChatRequest) -> int:
    """Return the tokens of all messages of the request."""
    return sum(estimate_tokens(message.text) + TOKENS_PER_MESSAGE for message in request.messages)


def completion_tokens(answer: Answer) -> int:
    """Return the tokens of what was answered, tool calls included."""
    return estimate_tokens(answer.text + answer.refusal + "".join(call.name + call.arguments for call in answer.calls))


def usage(given: int, made: int, cached: int = 0, written: int | None = None) -> dict[str, Any]:
    """Return the usage object of a chat completion.

    Args:
        given: Tokens of the prompt.
        made: Tokens of the answer.
        cached: Of the prompt, tokens read from the cache.
        written: Of the prompt, tokens written to the cache; None where the provider does not tell.
    """
    details = {"cached_tokens": cached} | ({} if written is None else {"cache_write_tokens": written})
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
