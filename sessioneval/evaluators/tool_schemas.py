"""Tool calls checked against the JSON schemas of their tools, before any model is asked.

Schemas and arguments come from spans, so both are hostile: references lead nowhere outside the schema, regular
expressions run in linear time (RE2), and the work for a session is bounded. Where a limit is met the call
counts as not checked, never as valid or invalid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sessioneval.evaluators.bounded_schema import Budget, Unusable, errors_of
from sessioneval.model.context import ToolDefinition
from sessioneval.model.message import ToolCall
from sessioneval.model.transcript import Transcript
from sessioneval.semconv.cut_json import CUT
from sessioneval.sessions.utterances import REDACTED, REDACTION_MARK

Kind = Literal["unknown_tool", "not_json", "missing", "unexpected", "wrong_type", "not_allowed", "constraint"]

_KINDS: Mapping[str, Kind] = {
    "required": "missing",
    "dependentRequired": "missing",
    "additionalProperties": "unexpected",
    "propertyNames": "unexpected",
    "type": "wrong_type",
    "enum": "not_allowed",
    "const": "not_allowed",
}
_MAX_TEXT_CHARS = 300


class Violation(NamedTuple):
    """What is wrong with a call.

    Attributes:
        kind: ``unknown_tool``, ``not_json``, ``missing`` (a required argument), ``unexpected``, ``wrong_type``,
            ``not_allowed`` (outside an enumeration) or ``constraint`` (any other keyword).
        path: Where in the arguments, such as ``$.flights[0].date``.
        text: What, in at most 300 characters.
    """

    kind: Kind
    path: str
    text: str


@dataclass(frozen=True, kw_only=True)
class CheckedCall:
    """A tool call of a transcript with what is wrong with it.

    Attributes:
        message_index: Index of the assistant message that calls.
        position: Which of that message's calls.
        span_id: The LLM span that called; None where it is only seen as history.
        name: The tool.
        violations: What is wrong; empty for a valid call and for one that could not be checked.
        why_unchecked: Why it could not be checked; None where it was.
    """

    message_index: int
    position: int
    span_id: str | None
    name: str
    violations: tuple[Violation, ...] = ()
    why_unchecked: str | None = None

    @property
    def is_checked(self) -> bool:
        """Whether the call is known to be valid or invalid."""
        return self.why_unchecked is None


def checked_calls(transcript: Transcript) -> tuple[CheckedCall, ...]:
    """Return every tool call of a transcript, checked against the tools of its context.

    A tool is unknown when it is not among those on offer in the call's LLM span; where that span names none,
    among those of the session. Sessions whose spans hold no tool definitions cannot be checked.
    """
    tools = {tool.name: tool for tool in transcript.context.tools}
    offered = {call.span_id: call.tools for call in transcript.context.model_calls}
    budget = Budget()
    found = []
    for index, message in enumerate(transcript.messages):
        names = offered.get(message.span_id or "") or tuple(tools)
        for position, call in enumerate(message.tool_calls):
            violations, why = _checked(call, tools, names, budget)
            found.append(
                CheckedCall(
                    message_index=index,
                    position=position,
                    span_id=message.span_id,
                    name=call.name,
                    violations=violations,
                    why_unchecked=why,
                )
            )
    return tuple(found)


def _checked(
    call: ToolCall, tools: Mapping[str, ToolDefinition], names: Sequence[str], budget: Budget
) -> tuple[tuple[Violation, ...], str | None]:
    if not names:
        return (), "the spans hold no tool definitions"
    if call.name not in names:
        text = f"{call.name!r:.100} is not among the tools on offer: {', '.join(names)}"
        return (Violation("unknown_tool", "$", _shortened(text)),), None
    schema = tools[call.name].parameters
    if schema is None:
        return (), "the tool has no schema"
    try:
        return violations_of(schema, call.arguments, budget), None
    except Unusable as reason:
        return (), str(reason)


def violations_of(schema: Mapping[str, Any], arguments: Any, budget: Budget | None = None) -> tuple[Violation, ...]:
    """Return what is wrong with a call's arguments, at most 20 things, by place.

    Args:
        schema: The JSON schema of the arguments.
        arguments: Parsed arguments; text where they are no JSON, as in `ToolCall.arguments`.
        budget: What the check may cost; a fresh one by default.

    Raises:
        Unusable: The schema or the arguments cannot be checked: a bad schema, a reference that leads nowhere,
            arguments that were cut or redacted, or too much work.

    Example:
        >>> violations_of({"type": "object", "required": ["city"]}, {})
        (Violation(kind='missing', path='$', text="'city' is a required property"),)
    """
    if isinstance(arguments, str):
        return (_not_json(arguments),)
    errors = errors_of(schema, arguments, budget or Budget())
    found = [
        Violation(_KINDS.get(error.keyword, "constraint"), _shortened(error.path), _shortened(error.text))
        for error in errors
    ]
    return tuple(sorted(found, key=lambda violation: (violation.path, violation.kind, violation.text)))


def _not_json(arguments: str) -> Violation:
    if arguments in (REDACTED, REDACTION_MARK):
        raise Unusable("the arguments are redacted")
    if arguments.endswith(CUT):
        raise Unusable("the arguments were cut")
    return Violation("not_json", "$", _shortened(f"the arguments are no JSON object: {arguments!r}"))


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_TEXT_CHARS else text[: _MAX_TEXT_CHARS - 1] + "…"
