"""How a judge's calls reach a model: one call at a time through a channel, whatever stands behind it.

A live endpoint, a limiter, a budget and the Batch API are all channels, and those that only guard
another one wrap it. A judge knows none of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sessioneval.evaluators.endpoint import Endpoint
from sessioneval.evaluators.judge_answer import Completion

ChatMessage = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class JudgeCall:
    """One question to a model.

    Attributes:
        endpoint: Where it goes.
        model: The model's name there.
        messages: The prompt; all messages but the last are the same for every judge of the session.
        parameters: Sampling parameters such as ``temperature``; None values are not sent.
        response_format: The answer's JSON schema in the form of the OpenAI API; the same for all judges.
        session_id: Whose transcript it is; calls of one session share a prefix.
        key: Names the call across processes: the same for the same session, transcript, evaluator and step.
    """

    endpoint: Endpoint
    model: str
    messages: Sequence[ChatMessage]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    response_format: Mapping[str, Any] = field(default_factory=dict)
    session_id: str = ""
    key: str = ""


class CallDeferred(BaseException):
    """The answer to a call is not known yet: the evaluation is given up now and made again when it is.

    No `Exception`, so an evaluator that turns its errors into failures does not turn this into one.
    """


class Channel(Protocol):
    """Answers calls."""

    async def complete(self, call: JudgeCall) -> Completion:
        """Return the model's answer.

        Raises:
            JudgeError: There is none; the subclass says why.
            CallDeferred: There is none yet.
        """

    async def aclose(self) -> None:
        """Release connections; safe to call twice."""
