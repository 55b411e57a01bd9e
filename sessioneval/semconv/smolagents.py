"""smolagents through OpenInference: the history is told as text, and the reply is a call of `final_answer`.

An earlier step stands in the history as ``Calling tools:`` with a Python literal, its results as one
``Observation:``; both list parallel calls in the order of their ids, not in that of the model.

Source: smolagents, memory.py (``ActionStep.to_messages``) and agents.py (``process_tool_calls``); recorded spans.
"""

import ast
import re
from collections.abc import Sequence
from typing import Any

from sessioneval.model import columns as c
from sessioneval.model.raw_span import RawSpan
from sessioneval.semconv import attributes as a
from sessioneval.semconv.dialect import Dialect
from sessioneval.semconv.flattening import unflatten
from sessioneval.semconv.json_text import json_text, parsed, text_of

SCOPE = "openinference.instrumentation.smolagents"
FINAL_ANSWER = "final_answer"
_CALL_ROLE, _RESULT_ROLE = "tool-call", "tool-response"
_TASK, _CALLING, _OBSERVATION = "New task:\n", "Calling tools:\n", "Observation:\n"
# What smolagents says in the user's place: after a plan, and when an agent used up its steps.
_NUDGES = (
    "Now proceed and carry out this plan.",
    "Based on the above, please provide an answer to the following user task:",
)
# The beginning of `input.value`, for spans that came without their scope.
_REQUEST = re.compile(r"\{\"messages\": \[\"ChatMessage\(role=<MessageRole\.\w+: '[\w-]+'>, content=")
_TOOL_RUN = ('{"args": ', '"sanitize_inputs_outputs": ')
_MANAGED = re.compile(r"You're a helpful agent named '([^'\n]+)'\.\nYou have been submitted this task by your manager")
_ERROR = re.compile(r"(?:Call id: (?P<id>[^\n]+)\n)?Error:\n(?P<text>.*?)(?:\nNow let's retry: [^\n]*\n?)?", re.DOTALL)
_MAX_LITERAL_BRACKETS = 1_000
_NOT_LITERAL = (ValueError, SyntaxError, MemoryError, RecursionError)

Message = dict[str, Any]


def _recognises(span: RawSpan) -> bool:
    if span.scope_name == SCOPE or "smolagents.max_steps" in span.attributes:
        return True
    if span.scope_name:
        return False
    value = span.attributes.get("input.value")
    if not isinstance(value, str):
        return _has_its_roles(span.attributes.get(a.LLM_INPUT_MESSAGES))
    return bool(_REQUEST.match(value)) or (value.startswith(_TOOL_RUN[0]) and _TOOL_RUN[1] in value)


def _has_its_roles(messages: Any) -> bool:
    """Return whether messages of a frame have roles that nobody else writes."""
    return any(message.get(c.MESSAGE_ROLE) in (_CALL_ROLE, _RESULT_ROLE) for message in _dicts(messages))


def _columns(span: RawSpan) -> dict[str, Any]:
    lists = unflatten(span.attributes).lists
    # A limit on attributes drops the first ones, which leaves a message without its role.
    sent = [said for said in lists.get(c.INPUT_MESSAGES) or () if said.get(c.MESSAGE_ROLE)]
    found = {
        c.INPUT_MESSAGES: said_by_all(sent) or None,
        c.OUTPUT_MESSAGES: said_by_all(lists.get(c.OUTPUT_MESSAGES) or ()) or None,
        **_run(span),
    }
    return {column: value for column, value in found.items() if value is not None}


def _run(span: RawSpan) -> dict[str, Any]:
    """Return the arguments of a tool, the task of an agent, and of an agent that another one called its name."""
    given = parsed(span.attributes.get("input.value"))
    given = given if isinstance(given, dict) else {}
    if span.attributes.get("tool.name") == FINAL_ANSWER:
        # The reply is in the answer of the model; giving it is no work of a tool.
        return {c.SPAN_KIND: "CHAIN"}
    if isinstance(given.get("kwargs"), dict) and "sanitize_inputs_outputs" in given:
        return {c.INPUT_VALUE: json_text(given["kwargs"])} if not given.get("args") else {}
    task = given.get("task")
    if not isinstance(task, str):
        return {}
    managed = _MANAGED.match(task.strip())
    if managed is None:
        return {c.INPUT_VALUE: task}
    # For the talk with the user such a run is a tool: its own messages are between agents.
    return {c.SPAN_KIND: "TOOL", c.TOOL_NAME: managed[1], c.AGENT_NAME: managed[1]}


def said_by_all(messages: Sequence[Message]) -> list[Message]:
    r"""Return the messages as they were before smolagents told them.

    Example:
        >>> said_by_all([{"message.role": "user", "message.content": "New task:\nWhere is it?"}])
        [{'message.role': 'user', 'message.content': 'Where is it?'}]
    """
    found: list[Message] = []
    pending: list[Message] = []
    for message in messages:
        role, text = message.get(c.MESSAGE_ROLE), _text(message)
        if role == _RESULT_ROLE:
            found += _results(text, pending)
            continue
        calls = _told_calls(text) if role == _CALL_ROLE else message.get(c.MESSAGE_TOOL_CALLS) or []
        if role == _CALL_ROLE and not calls:
            found.append({c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: text})
        elif calls:
            said = None if role == _CALL_ROLE else text
            found += _calling(said, calls)
        elif role != "user" or not text.startswith(_NUDGES):
            found.append(_without_prefix(message, text))
        pending = calls
    return found


def _text(message: Message) -> str:
    content = message.get(c.MESSAGE_CONTENT)
    parts = message.get(c.MESSAGE_CONTENTS) or ()
    return content or "\n".join(part[c.PART_TEXT] for part in parts if part.get(c.PART_TEXT))


def _without_prefix(message: Message, text: str) -> Message:
    if message.get(c.MESSAGE_ROLE) != "user" or not text.startswith(_TASK):
        return message
    parts = message.get(c.MESSAGE_CONTENTS) or ()
    media = [part for part in parts if part.get(c.PART_TEXT) is None]
    task = text.removeprefix(_TASK)
    if not media:
        return {c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: task}
    return {c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENTS: [{c.PART_TYPE: "text", c.PART_TEXT: task}, *media]}


def _told_calls(text: str) -> list[dict[str, Any]]:
    """Return the calls in a told step; empty if it is no Python literal of calls."""
    literal = text.removeprefix(_CALLING)
    if literal.count("[") + literal.count("{") > _MAX_LITERAL_BRACKETS:
        return []
    try:
        items = ast.literal_eval(literal)
    except _NOT_LITERAL:
        return []
    functions = [(item, item.get("function")) for item in _dicts(items)]
    return [
        {
            c.CALL_ID: text_of(item.get("id")),
            c.CALL_NAME: text_of(function.get("name")),
            c.CALL_ARGUMENTS: text_of(function.get("arguments")),
        }
        for item, function in functions
        if isinstance(function, dict)
    ]


def _dicts(items: Any) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list | tuple) else []


def _calling(said: str | None, calls: Sequence[dict[str, Any]]) -> list[Message]:
    """Return a step of the assistant: its text and calls, and its reply as text."""
    replies = [call for call in calls if call.get(c.CALL_NAME) == FINAL_ANSWER]
    others = [call for call in calls if call.get(c.CALL_NAME) != FINAL_ANSWER]
    step = {c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: said, c.MESSAGE_TOOL_CALLS: others}
    step = {key: value for key, value in step.items() if value}
    answers = [{c.MESSAGE_ROLE: "assistant", c.MESSAGE_CONTENT: _answer(reply)} for reply in replies]
    return [*([step] if len(step) > 1 else []), *answers]


def _answer(call: dict[str, Any]) -> str:
    arguments = call.get(c.CALL_ARGUMENTS)
    given = parsed(arguments)
    answer = given.get("answer", given) if isinstance(given, dict) else given
    return text_of(arguments if answer is None else answer) or ""


def _results(text: str, calls: Sequence[dict[str, Any]]) -> list[Message]:
    """Return the results that an observation tells, for the calls of the step before it.

    The results of parallel calls stand one after the other, so they can be told apart only if each is one line;
    else none is returned: the TOOL spans have them.
    """
    told = text.removeprefix(_OBSERVATION)
    error = _ERROR.fullmatch(told)
    if error is not None:
        return [_result(error["text"], next((call for call in calls if call.get(c.CALL_ID) == error["id"]), {}))]
    lines = [told] if len(calls) <= 1 else told.split("\n")
    if len(lines) != max(len(calls), 1):
        return []
    pairs = zip(lines, calls or [{}], strict=True)
    return [_result(line, call) for line, call in pairs if call.get(c.CALL_NAME) != FINAL_ANSWER]


def _result(text: str, call: dict[str, Any]) -> Message:
    message = {
        c.MESSAGE_ROLE: "tool",
        c.MESSAGE_CONTENT: text,
        c.MESSAGE_NAME: call.get(c.CALL_NAME),
        c.MESSAGE_TOOL_CALL_ID: call.get(c.CALL_ID),
    }
    return {key: value for key, value in message.items() if value is not None}


SMOLAGENTS = Dialect(name="smolagents", recognises=_recognises, columns=_columns)
