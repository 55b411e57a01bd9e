"""The stand-in's support agent: looks up orders and makes refunds with the tools it is given."""

import json
import re
from collections.abc import Iterable
from typing import Any

from sessioneval.testing.answer import Answer, AnsweredCall
from sessioneval.testing.chat_request import ChatRequest, PromptMessage, Tool, digest
from sessioneval.testing.markers import THANKS, UNDERSTANDING, first_marker
from sessioneval.testing.schema_values import fill

YES = ("yes", "yes please", "please do", "go ahead", "sure", "ok", "okay")
TROUBLE = ("damaged", "lost", "late", "delayed", "broken", "missing", "returned")
_ORDER = re.compile(r"\b[A-Z]-\d+\b")


def support_answer(request: ChatRequest) -> Answer:
    """Return tool calls, an answer from the tools' results, or a question back."""
    last = request.messages[-1]
    if last.role == "tool" and not request.must_call:
        return _said(_from_results(request))
    calls = _wanted_calls(request, last)
    if request.must_call:
        allowed = [call for call in calls if request.forced_tool in ("", call[0].name)]
        calls = allowed or [(_forced(request), _last_order(request))]
    if calls:
        return Answer(kind="support", calls=_calls(request, calls))
    return _said(_without_tools(last.text))


def called_with(request: ChatRequest, kind: str, values: dict[str, Any]) -> Answer:
    """Return an answer that hands the values to the tool that must be called."""
    tool = _forced(request)
    arguments = json.dumps(fill(tool.parameters, values))
    return Answer(kind=kind, calls=(AnsweredCall(id=_call_id(request, 0), name=tool.name, arguments=arguments),))


def _said(text: str) -> Answer:
    return Answer(kind="support", text=text)


def _wanted_calls(request: ChatRequest, last: PromptMessage) -> list[tuple[Tool, str]]:
    """Return tools with the order number they are wanted for; refunds come before look-ups."""
    if last.role != "user":
        return []
    refund = _tool_named(request, "refund")
    if refund and _refund_was_offered(request) and first_marker(last.text, YES):
        return [(refund, _last_order(request))]
    look_up = next((tool for tool in request.tools if "order" in tool.name.lower() and tool is not refund), None)
    orders = list(dict.fromkeys(_ORDER.findall(last.text))) if look_up else []
    wanted = [(look_up, order) for order in orders if look_up]
    return wanted if request.parallel_calls else wanted[:1]


def _forced(request: ChatRequest) -> Tool:
    return next((tool for tool in request.tools if tool.name == request.forced_tool), request.tools[0])


def _tool_named(request: ChatRequest, word: str) -> Tool | None:
    return next((tool for tool in request.tools if word in tool.name.lower()), None)


def _refund_was_offered(request: ChatRequest) -> bool:
    said = request.texts_of("assistant")
    return bool(said) and "refund" in said[-1].lower() and "?" in said[-1]


def _last_order(request: ChatRequest) -> str:
    found = [order for message in request.messages for order in _ORDER.findall(message.text)]
    return found[-1] if found else ""


def _calls(request: ChatRequest, wanted: Iterable[tuple[Tool, str]]) -> tuple[AnsweredCall, ...]:
    return tuple(
        AnsweredCall(id=_call_id(request, index), name=tool.name, arguments=json.dumps(_arguments(tool, order)))
        for index, (tool, order) in enumerate(wanted)
    )


def _call_id(request: ChatRequest, index: int) -> str:
    # From the talk and not from the whole request: streamed or not, the same question makes the same call.
    return "call_" + digest([index, *([message.role, message.text] for message in request.messages)])[:24]


def _arguments(tool: Tool, order: str) -> dict[str, Any]:
    """Return the order number under the tool's first required property, the other required ones filled in."""
    names = tool.parameters.get("required")
    required = [str(name) for name in names] if isinstance(names, list) else []
    known = {required[0]: order, "reason": "asked for by the customer"} if required else {}
    whole = fill(tool.parameters, known)
    return {name: whole[name] for name in required if name in whole}


def _from_results(request: ChatRequest) -> str:
    """Return what the tools' results since the last call say, and an offer where one of them tells of trouble."""
    results: list[str] = []
    for message in reversed(request.messages):
        if message.role != "tool":
            break
        results.insert(0, message.text)
    told = " ".join(_told(result) for result in results)
    troubled = [result for result in results if _tells_of_trouble(result)]
    if not troubled or not _tool_named(request, "refund"):
        return told
    order = (_ORDER.findall(troubled[0]) or [_last_order(request)])[0]
    return f"{told} I am sorry about that. Would you like a refund for order {order}?"


def _told(result: str) -> str:
    fields = _fields(result)
    if fields is None:
        return f"The system answered: {result[:300]}"
    if "error" in fields:
        return f"That did not work: {fields['error']}"
    return "Here is what I found: " + ", ".join(f"{_words(key)} {_shown(value)}" for key, value in fields.items()) + "."


def _fields(result: str) -> dict[str, Any] | None:
    try:
        value = json.loads(result)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _tells_of_trouble(result: str) -> bool:
    fields = _fields(result) or {}
    return "refund" not in result.lower() and bool(first_marker(str(fields.get("status", "")), TROUBLE))


def _words(key: str) -> str:
    return key.replace("_", " ")


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _without_tools(text: str) -> str:
    if first_marker(text, (*UNDERSTANDING, *THANKS)):
        return "You're welcome. Have a good day."
    return "I can look that up for you. Which order number is it, for example A-17?"
