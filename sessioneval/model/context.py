"""What a session's spans say beside the conversation: tools on offer, model calls with their cost, attributes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ToolDefinition:
    """A tool that a model was offered.

    Attributes:
        name: The tool's name.
        description: What it is for, in the app's words; may be empty.
        parameters: JSON schema of its arguments; None where the spans do not hold one.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class ModelCall:
    """One LLM span.

    Attributes:
        span_id: 16 hex digits.
        model: As the span names it; None where it does not.
        start_time, end_time: UTC.
        is_error: Whether the span ended with an error.
        input_tokens, output_tokens: As the provider counted; None where the span has no count.
        tools: Names of the tools on offer in this call.
        cost_usd: What the call cost, where the span says; None where it does not.
        is_repeat: Whether another LLM span stands for the same call: one inside it or around it, or one of a
            second instrumentation. Whoever counts calls, tokens or money leaves repeats out.
    """

    span_id: str
    model: str | None
    start_time: datetime
    end_time: datetime
    is_error: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    tools: tuple[str, ...] = ()
    cost_usd: float | None = None
    is_repeat: bool = False

    @property
    def seconds(self) -> float:
        """How long the call took."""
        return (self.end_time - self.start_time).total_seconds()


@dataclass(frozen=True, kw_only=True)
class SessionContext:
    """What evaluators may need of a session beside its transcript; read only for those that ask for it.

    Attributes:
        tools: Every tool on offer in the session, each name once, the fullest definition.
        model_calls: Its LLM spans in order of start.
        attributes: ``session_eval.*`` and ``session.*`` attributes of its spans by key, the earliest value each,
            such as a reference answer or the user's goal. Evaluations that stand on spans are not among them.
        shadows: Span id to the alternate response that was made for the same turn but not served.
        times: Span id to start and end, UTC, of every span.
    """

    tools: tuple[ToolDefinition, ...] = ()
    model_calls: tuple[ModelCall, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    shadows: Mapping[str, str] = field(default_factory=dict)
    times: Mapping[str, tuple[datetime, datetime]] = field(default_factory=dict)

    @property
    def distinct_calls(self) -> tuple[ModelCall, ...]:
        """The model calls without repeats."""
        return tuple(call for call in self.model_calls if not call.is_repeat)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of what a judge may read of it: tools, attributes and shadows, not times or tokens."""
        tools = [(tool.name, tool.description, tool.parameters) for tool in self.tools]
        said = [tools, dict(self.attributes), dict(self.shadows)]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
