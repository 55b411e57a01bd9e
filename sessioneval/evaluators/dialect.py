"""What a model behind an endpoint accepts: structured output and parameters, negotiated down on refusals."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sessioneval.evaluators.channel import ChatMessage, JudgeCall
from sessioneval.evaluators.refusal import Refusal

AnswerFormat = Literal["json_schema", "json_object", "tool", "text"]
"""How an answer is asked for, from strict to free."""
FORMATS: tuple[AnswerFormat, ...] = ("json_schema", "json_object", "tool", "text")

_JSON_WORDS = (
    r"response_?\s?format|json[_ ](?:schema|object|mode)|structured[_ ]outputs?|response_?(?:schema|mime_?type)"
    r"|output_(?:config|format)|guided[_ ]\w+|grammar|(?:invalid|in|options:) format|session_evaluation"
)
_SCHEMA_WORDS = r"schema|additional_?properties|\bstrict\b"
_TOOL_WORDS = r"\btools?\b|tool_(?:choice|calls?)|function"
# What a refusal of each format names.
_FORMAT_NAMES: Mapping[AnswerFormat, re.Pattern[str]] = {
    "json_schema": re.compile(f"{_JSON_WORDS}|{_SCHEMA_WORDS}"),
    "json_object": re.compile(_JSON_WORDS),
    "tool": re.compile(f"{_TOOL_WORDS}|{_SCHEMA_WORDS}|grammar"),
}
# Left out when they are refused; a parameter that changes the price, such as service_tier, is not.
_OPTIONAL_PARAMETERS = ("temperature", "seed", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
_PRICED_PARAMETERS = ("service_tier",)
_MARKS = ("prompt_cache_breakpoint", "cache_control")
# The end of the cached prefix is marked on a part of a content; some servers take no parts at all.
_MARK_NAMES = re.compile(r"prompt_cache_breakpoint|cache_control|content\b.*\bstring|expected a string")
_MARK = "mark"
# Without a mark, this option would switch caching off.
_BELONGS_TO_MARK = "prompt_cache_options"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What a model behind an endpoint turned out to accept.

    Attributes:
        answer_format: How answers are asked for.
        dropped: Parameters that it refused; ``mark`` is the mark at the end of the cached prefix.
    """

    answer_format: AnswerFormat = "json_schema"
    dropped: frozenset[str] = frozenset()

    def body(self, call: JudgeCall) -> bytes:
        """Return the request's JSON: first what judges of a session share, so equal prefixes are equal bytes."""
        messages = _unmarked(call.messages) if _MARK in self.dropped else call.messages
        return json.dumps(
            {"model": call.model, **self._form(call), "messages": messages, **self._parameters(call)}
        ).encode()

    def after(self, refusal: Refusal, call: JudgeCall) -> "Dialect | None":
        """Return the dialect to try after a refused request; None when it was refused for another reason.

        Args:
            refusal: What came back.
            call: What was asked; only what it holds can have been refused.
        """
        if not refusal.is_about_the_request:
            return None
        # The words may name more than what is refused, so they count only where the parameter tells nothing.
        named = self._without_named(refusal.param, call) or self._without_named(refusal.said, call)
        if named is not None or not refusal.names_nothing or refused_price(refusal, call):
            return named
        return self._simpler() if self._can_simplify(call) else self._without(self._optional(call))

    def joined(self, other: "Dialect") -> "Dialect":
        """Return the dialect that leaves out what either leaves out."""
        simpler = max(self.answer_format, other.answer_format, key=FORMATS.index)
        return Dialect(answer_format=simpler, dropped=self.dropped | other.dropped)

    def _without_named(self, text: str, call: JudgeCall) -> "Dialect | None":
        said = text.casefold()
        if self._can_simplify(call) and _FORMAT_NAMES[self.answer_format].search(said):
            return self._simpler()
        return self._without({part for part in self._optional(call) if _names_of(part).search(said)})

    def _can_simplify(self, call: JudgeCall) -> bool:
        return bool(call.response_format) and self.answer_format != "text"

    def _form(self, call: JudgeCall) -> dict[str, Any]:
        if not call.response_format or self.answer_format == "text":
            return {}
        if self.answer_format == "tool":
            return _forced_call(call.response_format)
        is_schema = self.answer_format == "json_schema"
        return {"response_format": call.response_format if is_schema else {"type": "json_object"}}

    def _parameters(self, call: JudgeCall) -> dict[str, Any]:
        return {key: value for key, value in call.parameters.items() if value is not None and key not in self.dropped}

    def _optional(self, call: JudgeCall) -> set[str]:
        """Return what the request of a call holds and could do without."""
        sent = set(_OPTIONAL_PARAMETERS) & self._parameters(call).keys()
        is_marked = _MARK not in self.dropped and any(_is_marked(message) for message in call.messages)
        return sent | {_MARK} if is_marked else sent

    def _simpler(self) -> "Dialect":
        return replace(self, answer_format=FORMATS[FORMATS.index(self.answer_format) + 1])

    def _without(self, parts: set[str]) -> "Dialect | None":
        tied = {_BELONGS_TO_MARK} if _MARK in parts else set()
        return replace(self, dropped=self.dropped | parts | tied) if parts else None


def refused_price(refusal: Refusal, call: JudgeCall) -> str | None:
    """Return the parameter of a call that changes the price and was refused, with its value, if that is what happened."""
    if not refusal.is_about_the_request:
        return None
    sent = [name for name in _PRICED_PARAMETERS if call.parameters.get(name) is not None]
    said = f"{refusal.param} {refusal.said}".casefold()
    refused = next((name for name in sent if _names_of(name).search(said)), None)
    return None if refused is None else f"{refused} {call.parameters[refused]!r}"


def _forced_call(response_format: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that force a call of a function whose arguments are the answer."""
    wanted = response_format["json_schema"]
    function = {
        "name": wanted["name"],
        "description": "Takes your answer, as the rules describe it.",
        "parameters": wanted["schema"],
    }
    choice = {"type": "function", "function": {"name": wanted["name"]}}
    return {"tools": [{"type": "function", "function": function}], "tool_choice": choice}


def _names_of(part: str) -> re.Pattern[str]:
    return _MARK_NAMES if part == _MARK else re.compile(rf"(?<!\w){part}(?!\w)")


def _is_marked(message: ChatMessage) -> bool:
    content = message.get("content")
    return isinstance(content, list) and any(mark in part for part in content for mark in _MARKS)


def _unmarked(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Return the messages with marked contents as plain texts."""
    return [
        {**message, "content": "".join(part["text"] for part in message["content"])} if _is_marked(message) else message
        for message in messages
    ]
