"""An answer in the shapes of OpenAI's chat completions: one object, or the chunks of a stream."""

import re
import time
from collections.abc import Iterator
from typing import Any

from sessioneval.testing.answer import Answer, AnsweredCall, tool_call
from sessioneval.testing.chat_request import ChatRequest

MODEL = "stand-in"
SYSTEM_FINGERPRINT = "stand-in-rules-v1"
_PIECE = re.compile(r"\s*\S+\s*", re.DOTALL)


def completion(request: ChatRequest, answer: Answer, usage: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an answer that is not streamed."""
    choice = {"index": 0, "message": answer.message(), "logprobs": None, "finish_reason": answer.finish_reason}
    return {**_head(request, "chat.completion"), "choices": [choice], "usage": usage}


def chunks(request: ChatRequest, answer: Answer, usage: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of a streamed answer; with `include_usage` the last one carries the usage and no choice."""
    head = _head(request, "chat.completion.chunk")
    trailer: dict[str, Any] = {"usage": None} if request.include_usage else {}
    for delta in _deltas(answer):
        yield {**head, "choices": [_choice(delta, None)], **trailer}
    yield {**head, "choices": [_choice({}, answer.finish_reason)], **trailer}
    if request.include_usage:
        yield {**head, "choices": [], "usage": usage}


def _head(request: ChatRequest, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{request.fingerprint}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
        "system_fingerprint": SYSTEM_FINGERPRINT,
    }


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _deltas(answer: Answer) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": None if answer.calls else ""}
    if answer.refusal:
        yield {"refusal": answer.refusal}
        return
    for index, call in enumerate(answer.calls):
        yield from _call_deltas(index, call)
    for piece in [] if answer.calls else _PIECE.findall(answer.text):
        yield {"content": piece}


def _call_deltas(index: int, call: AnsweredCall) -> Iterator[dict[str, Any]]:
    opening = tool_call(call)
    opening["function"] = {"name": call.name, "arguments": ""}
    yield {"tool_calls": [{"index": index, **opening}]}
    half = len(call.arguments) // 2
    for piece in (call.arguments[:half], call.arguments[half:]):
        yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
