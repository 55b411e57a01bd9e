"""One judge asking about one session: the calls, the repair of an answer that cannot be used, and what was paid for."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sessioneval.errors import JudgeAnswerError
from sessioneval.evaluators.channel import Channel, ChatMessage, JudgeCall
from sessioneval.evaluators.judge_answer import Answer, Completion, Problem, read_answer
from sessioneval.evaluators.judge_prompt import repair
from sessioneval.evaluators.rubric import Rubric
from sessioneval.model.evaluation import Usage
from sessioneval.model.transcript import Transcript


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The calls of one evaluation.

    Attributes:
        channel: Where they go.
        call: What they have in common; its `key` is the beginning of theirs.
        rubric: What is asked.
        transcript: What about; answers are checked against it.
        completions: Everything that came back so far, in order.
        repaired: The steps that were asked twice.
    """

    channel: Channel
    call: JudgeCall
    rubric: Rubric
    transcript: Transcript
    completions: list[Completion] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)

    @property
    def usage(self) -> Usage:
        """Tokens of all calls so far."""
        return sum((completion.usage for completion in self.completions), Usage())

    async def answer(
        self, messages: Sequence[ChatMessage], step: str = "whole", n_user_messages: int | None = None
    ) -> Answer:
        """Ask, and once more if the answer cannot be used.

        Args:
            messages: The prompt.
            step: Names this call among those of the evaluation, the same in every process.
            n_user_messages: How many user messages the prompt shows; by default all of the transcript's.

        Raises:
            JudgeAnswerError: The second answer cannot be used either.
            JudgeError: There is no answer.
        """
        read = await self._read(messages, step, n_user_messages)
        if isinstance(read, Problem):
            self.repaired.append(step)
            last = self.completions[-1]
            again = [*messages, *repair(self.rubric, last.text or last.refusal, read.complaint)]
            read = await self._read(again, f"{step}, repaired", n_user_messages)
        if isinstance(read, Problem):
            raise JudgeAnswerError(f"no usable answer from {self.call.model!r}, asked twice; the last one: {read.text}")
        return read

    @property
    def metadata(self) -> dict[str, Any]:
        """What a reader may want to know of the calls: which model answered, and whether it was asked again."""
        repaired = {"repaired": True} if self.repaired else {}
        return {"response_model": self.completions[-1].response_model, **repaired} if self.completions else {}

    async def _read(self, messages: Sequence[ChatMessage], step: str, n_user_messages: int | None) -> Answer | Problem:
        call = replace(self.call, messages=messages, key=call_key(self.call.key, step))
        completion = await self.channel.complete(call)
        self.completions.append(completion)
        return read_answer(completion, self.rubric, self.transcript, n_user_messages)


def call_key(*parts: str) -> str:
    """Return the hex SHA-256 of the parts: the same in every process.

    Example:
        >>> call_key("a", "b") == call_key("ab", "")
        False
    """
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
