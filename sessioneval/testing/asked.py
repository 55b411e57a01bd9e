"""A request and its answer as the timing, the counts and the bill see them."""

from dataclasses import dataclass, field
from typing import Any

from sessioneval.testing.billing import OTHER
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.http_connection import Reply
from sessioneval.testing.prompt_cache import CacheUse


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request that may be answered.

    Attributes:
        request: What is asked.
        fingerprint: Equal requests have equal ones.
        prompt_tokens: Tokens of the prompt, by the estimate.
        session: The transcript that is judged, or `OTHER`.
        evaluators: Who judges it; empty for a request that judges nothing.
        cache: What it reads and writes.
    """

    request: ChatRequest
    fingerprint: str
    prompt_tokens: int
    session: str = OTHER
    evaluators: tuple[str, ...] = ()
    cache: CacheUse = field(default_factory=CacheUse)

    @property
    def identity(self) -> str:
        """What chooses the faults: for a judge's question the same whatever the fence's nonce and the repair."""
        if not self.evaluators:
            return self.fingerprint
        return "\0".join([self.session, *self.evaluators, self.request.model, self.request.seed])


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What is sent for it.

    Attributes:
        reply: The response.
        kind: Which behaviour answered.
        usage: The usage object that is billed.
    """

    reply: Reply
    kind: str
    usage: dict[str, Any]
