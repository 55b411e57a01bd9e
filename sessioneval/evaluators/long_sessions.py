"""A judge's prompts about one session: one where it fits, else one a window and a closing one."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sessioneval.errors import JudgeError
from sessioneval.evaluators.asking import Asking
from sessioneval.evaluators.cache_options import CacheOptions
from sessioneval.evaluators.channel import ChatMessage
from sessioneval.evaluators.judge_answer import Answer
from sessioneval.evaluators.judge_prompt import assembled
from sessioneval.evaluators.merging import merged, record
from sessioneval.evaluators.token_budget import room_tokens
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.closing import closing_excerpt
from sessioneval.sessions.reading import Excerpt, Reading, read
from sessioneval.sessions.tokens import TokenCounter

_WINDOWS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True)
class SessionPrompts:
    """What a judge sends about a session.

    Attributes:
        transcript: The session.
        question: The last message of each prompt.
        nonce: The fence's.
        max_input_tokens: For a whole prompt.
        counter: What counts.
        options: How the shared prefix is marked.
    """

    transcript: Transcript
    question: str
    nonce: str
    max_input_tokens: int
    counter: TokenCounter
    options: CacheOptions

    @cached_property
    def reading(self) -> Reading:
        """How the session is read."""
        room = room_tokens(self.max_input_tokens, self.question, self.counter)
        return read(self.transcript, self.nonce, room, self.counter)

    @property
    def is_windowed(self) -> bool:
        """Whether it takes more than one prompt."""
        return len(self.reading.excerpts) > 1

    @property
    def measures(self) -> dict[str, Any]:
        """The fields of an evaluation that say how the session was read."""
        return {"n_windows": len(self.reading.excerpts), "n_chars_cut": self.reading.n_chars_cut}

    @property
    def told(self) -> dict[str, Any]:
        """What metadata says of a session that was not read whole in one prompt: who counted its tokens."""
        return {} if self.reading.is_whole else {"token_counter": self.counter.name}

    def messages(self, excerpt: Excerpt) -> list[ChatMessage]:
        """Return the prompt about an excerpt, as it is sent."""
        return self.options.marked(assembled(excerpt.text, self.question))

    def shown(self) -> list[list[ChatMessage]]:
        """Return the prompts about all excerpts, to be read; the closing one depends on their answers."""
        return [assembled(excerpt.text, self.question) for excerpt in self.reading.excerpts]

    def closing(self, answers: Sequence[Answer]) -> Excerpt:
        """Return what the closing prompt shows after the answers on all windows."""
        records = [record(answer) for answer in answers]
        return closing_excerpt(self.transcript, self.reading, records, self.nonce, self.counter)

    async def answer(self, asking: Asking) -> Answer:
        """Ask about all of it and return one answer.

        Raises:
            JudgeAnswerError: On one of the prompts there is no usable answer.
            JudgeError: On one of them there is none.
        """
        excerpts = self.reading.excerpts
        if not self.is_windowed:
            return await asking.answer(self.messages(excerpts[0]), n_user_messages=excerpts[0].n_user_messages)
        answers = await self._on_windows(asking)
        closing = self.closing(answers)
        last = await asking.answer(self.messages(closing), "closing", closing.n_user_messages)
        return merged(answers, last)

    async def _on_windows(self, asking: Asking) -> list[Answer]:
        """Ask about all windows, some at once; after a failure no further one is asked about."""
        limit = asyncio.Semaphore(_WINDOWS_AT_ONCE)
        failures: list[JudgeError] = []

        async def asked(number: int, excerpt: Excerpt) -> Answer:
            async with limit:
                if failures:
                    raise failures[0]
                try:
                    return await asking.answer(self.messages(excerpt), f"window {number}", excerpt.n_user_messages)
                except JudgeError as error:
                    failures.append(error)
                    raise

        # A batch defers every call it does not know yet, so each has to be made before the first deferral is told.
        asks = (asked(number, excerpt) for number, excerpt in enumerate(self.reading.excerpts, 1))
        told = await asyncio.gather(*asks, return_exceptions=True)
        for answer in told:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in told if not isinstance(answer, BaseException)]
