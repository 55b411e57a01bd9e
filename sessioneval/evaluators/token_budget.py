"""How many tokens a judge's prompt may have, and how many of them are left for the transcript."""

import json
import math
from functools import lru_cache
from typing import Any

from sessioneval.errors import InputError
from sessioneval.evaluators.answer_schema import RESPONSE_FORMAT
from sessioneval.evaluators.judge_prompt import RULES
from sessioneval.sessions.tokens import TokenCounter

DEFAULT_INPUT_TOKENS = 100_000
LEAST_INPUT_TOKENS = 6_000
_LEAST_ROOM_TOKENS = 1_500
# The longest question of a built-in rubric with what a repair adds; where all judges need no more than this,
# all have one room, so they read the same windows and share their prefix.
_QUESTION_TOKENS = 2_000
_REPAIR_TOKENS = 700
_QUESTION_STEP_TOKENS = 1_000
# Below the models' limits, to leave room for the answer and its reasoning, and at most 200,000: longer prompts are read
# less well, and some providers ask a higher price for them. The first that a name begins with counts.
# Sources: https://platform.openai.com/docs/models, https://docs.anthropic.com/en/docs/about-claude/models and
# https://ai.google.dev/gemini-api/docs/models (context windows).
_BY_FAMILY = (
    ("gpt-3.5", 12_000),
    ("gpt-4.1", 200_000),
    ("gpt-4o", 100_000),
    ("gpt-4-turbo", 100_000),
    ("gpt-4", 6_000),
    ("gpt-5", 200_000),
    ("o1", 150_000),
    ("o3", 150_000),
    ("o4", 150_000),
    ("claude", 150_000),
    ("gemini", 200_000),
)

_FIXED = (RULES, json.dumps(RESPONSE_FORMAT))


def default_input_tokens(model: str) -> int:
    """Return the most tokens of a prompt for a model whose budget is not given.

    Args:
        model: Its name, with or without a provider in front.

    Example:
        >>> default_input_tokens("openai/gpt-4.1-mini"), default_input_tokens("my-model")
        (200000, 100000)
    """
    name = str(model).rpartition("/")[2].lower()
    return next((tokens for family, tokens in _BY_FAMILY if name.startswith(family)), DEFAULT_INPUT_TOKENS)


def check_input_tokens(max_input_tokens: Any) -> None:
    """Raise `InputError` unless it is a whole number that a prompt can be made within."""
    is_whole = isinstance(max_input_tokens, int) and not isinstance(max_input_tokens, bool)
    if not is_whole or max_input_tokens < LEAST_INPUT_TOKENS:
        raise InputError(
            f"max_input_tokens is {max_input_tokens!r}; give a whole number of {LEAST_INPUT_TOKENS:,} or more, "
            "or None for the model's default"
        )


# Judges of a run ask the same few questions, and counting costs more than asking again is worth.
@lru_cache(maxsize=1_024)
def room_tokens(max_input_tokens: int, question: str, counter: TokenCounter) -> int:
    """Return how many tokens of a prompt are left for the fenced transcript.

    Args:
        max_input_tokens: For the whole prompt.
        question: The prompt's last message.
        counter: What counts.
    """
    fixed = sum(map(counter.count, _FIXED))
    asked = math.ceil((counter.count(question) + _REPAIR_TOKENS) / _QUESTION_STEP_TOKENS) * _QUESTION_STEP_TOKENS
    return max(_LEAST_ROOM_TOKENS, max_input_tokens - fixed - max(asked, _QUESTION_TOKENS))
