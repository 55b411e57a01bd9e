"""A channel that asks nobody: it counts what would be sent, and answers ``unsure``."""

from collections.abc import Callable
from dataclasses import dataclass

from sessioneval.evaluators.channel import JudgeCall
from sessioneval.evaluators.judge_answer import Completion
from sessioneval.model.evaluation import Usage
from sessioneval.sessions.tokens import token_counter

# Every judge may answer this, so an evaluation runs to its end: all windows, votes and orders are counted.
_ANSWER = '{"reasoning": "not asked", "label": "unsure"}'
# What an answer is taken to need: evidence, checklist, reasoning and label.
ASSUMED_OUTPUT_TOKENS = 300
# Source: OpenAI's prompt caching guide: prefixes of 1,024 tokens and more, in steps of 128.
_MIN_CACHED_TOKENS = 1_024
_CACHE_STEP_TOKENS = 128


@dataclass(frozen=True, kw_only=True)
class DryCall:
    """A call that was not made.

    Attributes:
        model: Who would have been asked.
        usage: What it would have used, as far as can be told; `cached_tokens` is the part of the prompt that the
            provider has seen in an earlier call about the session.
        prompt: The messages.
    """

    model: str
    usage: Usage
    prompt: tuple[tuple[str, str], ...]


class DryChannel:
    """Counts calls one session after the other.

    Args:
        on_call: Called with each of them.
    """

    def __init__(self, on_call: Callable[[DryCall], object]) -> None:
        self._on_call = on_call
        self._session_id = ""
        self._seen: set[tuple[str, ...]] = set()
        self._tokens: dict[tuple[str, str], int] = {}

    async def complete(self, call: JudgeCall) -> Completion:
        """Return ``unsure``, for nothing."""
        if call.session_id != self._session_id:
            self._session_id = call.session_id
            self._seen.clear()
            self._tokens.clear()
        texts = [str(message["content"]) for message in call.messages]
        usage = Usage(
            calls=1,
            input_tokens=sum(self._count(call.model, text) for text in texts),
            cached_tokens=self._cached(call.model, texts[:-1]),
            output_tokens=ASSUMED_OUTPUT_TOKENS,
        )
        prompt = tuple((message["role"], text) for message, text in zip(call.messages, texts, strict=True))
        self._on_call(DryCall(model=call.model, usage=usage, prompt=prompt))
        return Completion(text=_ANSWER, usage=usage)

    async def aclose(self) -> None:
        """Do nothing: nothing was opened."""

    def _cached(self, model: str, prefix: list[str]) -> int:
        key = (model, *prefix)
        n_tokens = sum(self._count(model, text) for text in prefix)
        if key in self._seen and n_tokens >= _MIN_CACHED_TOKENS:
            return n_tokens - n_tokens % _CACHE_STEP_TOKENS
        self._seen.add(key)
        return 0

    def _count(self, model: str, text: str) -> int:
        """Return the tokens of a text; those that the judges of a session share are counted once."""
        key = (model, text)
        if key not in self._tokens:
            self._tokens[key] = token_counter(model).count(text)
        return self._tokens[key]
