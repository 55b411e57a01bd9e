"""A model service on loopback that answers by the script: OpenAI's chat completions and Responses, streamed or not."""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from script import GUARD_PROMPT, SUMMARY_REQUEST, TITLE_REQUEST, Call, Say, Scenario, Turn

# What LangChain's SummarizationMiddleware writes above the messages that it has summarised.
_SUMMARY_MARKS = (SUMMARY_REQUEST, "Context Extraction Assistant")
# smolagents tells tool results as user messages.
_RETOLD_ERROR = "\nError:\n"
_RETOLD_RESULTS = ("Observation:", "Error:\n")
_NEW_TASK = "New task:"
# Google ADK tells an agent as user messages what another one did.
_QUOTED = "For context:"
FINAL_ANSWER = "final_answer"
_USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class FakeModel:
    """The service; `url` is its base URL."""

    def __init__(self, scenario: Scenario, named: Callable[[Call], Call]) -> None:
        self._scenario = scenario
        self._named = named
        self._failures: Counter[Any] = Counter()
        self._answered: Counter[int] = Counter()
        self._earlier: dict[str, list[dict[str, str]]] = {}
        self._items: dict[str, dict[str, Any]] = {}
        self._count = 0
        self._lock = threading.Lock()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_port}/v1"

    def identifier(self, prefix: str) -> str:
        """Return a fresh id."""
        with self._lock:
            self._count += 1
            return prefix + hashlib.sha256(f"{self._scenario.name}{self._count}".encode()).hexdigest()[:20]

    def answer(self, body: dict[str, Any]) -> tuple[Say | int, list[dict[str, str]]]:
        """Return the answer or the HTTP state of a failure, and the conversation as the service sees it."""
        items = [self._items.get(item.get("id", ""), item) for item in _items(body)]
        talk = [*self._earlier.get(body.get("previous_response_id") or "", []), *_talk(body, items)]
        return _as_asked(self._say(talk), body, self._named), talk

    def remember(self, response: dict[str, Any], talk: list[dict[str, str]], answer: str) -> None:
        """Keep a conversation for a later `previous_response_id`, and its items for an `item_reference`."""
        self._earlier[response["id"]] = [*talk, {"role": "assistant", "text": answer}]
        self._items.update((item["id"], item) for item in response["output"])

    def _say(self, talk: list[dict[str, str]]) -> Say | int:
        everything = "\n".join(message["text"] for message in talk)
        users = [index for index, message in enumerate(talk) if message["role"] == "user"]
        last = next((index for index in reversed(users) if talk[index]["text"]), 0)
        if GUARD_PROMPT in everything:
            return Say("SAFE")
        if TITLE_REQUEST in talk[last]["text"]:
            return Say(self._scenario.title)
        if any(mark in talk[last]["text"] for mark in _SUMMARY_MARKS):
            return Say(self._scenario.summary)
        return self._by_script(talk, last)

    def _by_script(self, talk: list[dict[str, str]], last: int) -> Say | int:
        asked = talk[last]["text"]
        turns = [(turn, before) for turn, before in self._scenario.all_turns() if turn.user in asked]
        if not turns:
            return Say(f"No line of the script fits {asked!r}.")
        said = [message["text"] for message in talk[:last]]
        turn, _ = max(
            turns,
            key=lambda pair: (
                asked.endswith(pair[0].user), len(pair[0].user), _place(pair[1], said), -self._answered[id(pair[0])]
            ),
        )  # fmt: skip
        # smolagents joins a task with the errors of its steps.
        step = sum(message["role"] == "assistant" for message in talk[last:]) + asked.count(_RETOLD_ERROR)
        self._answered[id(turn)] += step == len(turn.says) - 1
        say = turn.says[min(step, len(turn.says) - 1)]
        self._failures[id(turn), step] += bool(say.fails)
        failed = self._failures[id(turn), step]
        return say.fails[failed - 1] if 0 < failed <= len(say.fails) else say


def _place(before: Turn | None, said: list[str]) -> int:
    """Return how late in the talk a turn was answered: equal questions are told apart by what precedes them."""
    answer = (before.says[-1].text or "").strip() if before else ""
    return max((index for index, text in enumerate(said) if answer and answer in text), default=-1)


def _as_asked(say: Say | int, body: dict[str, Any], named: Callable[[Call], Call]) -> Say | int:
    """Return the answer, calls named as the framework does; smolagents wants the last of a turn as a call too."""
    tools = {(tool.get("function") or tool).get("name") for tool in body.get("tools") or ()}
    if isinstance(say, int):
        return say
    if say.calls or FINAL_ANSWER not in tools:
        return replace(say, calls=tuple(named(call) for call in say.calls))
    return replace(say, text=None, calls=(Call(FINAL_ANSWER, {"answer": say.text}),))


def _items(body: dict[str, Any]) -> list[dict[str, Any]]:
    items = body.get("messages") or body.get("input") or []
    return [{"role": "user", "content": items}] if isinstance(items, str) else items


def _talk(body: dict[str, Any], items: list[dict[str, Any]]) -> list[dict[str, str]]:
    talk = [{"role": "system", "text": body.get("instructions") or _text(body.get("system") or "")}]
    for item in items:
        kind = item.get("type", "message")
        role = {"function_call": "assistant", "function_call_output": "tool"}.get(kind, item.get("role", "user"))
        text = _text(item.get("content") or item.get("output") or "")
        is_retold = role == "user" and text.startswith(_RETOLD_RESULTS) and _NEW_TASK not in text
        role = "tool" if is_retold or _is_result(item) else role
        if role == "user" and text.startswith(_QUOTED):
            role = "tool" if "tool returned result" in text else "assistant"
        same_answer = kind == "function_call" and talk[-1]["role"] == "assistant"
        if not same_answer:
            talk.append({"role": role, "text": text})
    return talk


def _is_result(item: dict[str, Any]) -> bool:
    """Return whether a message holds results, as Anthropic's of role user do."""
    content = item.get("content")
    return isinstance(content, list) and any(part.get("type") == "tool_result" for part in content)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "\n".join(_text_of_part(part) for part in content)


def _text_of_part(part: dict[str, Any]) -> str:
    return part.get("text") or _text(part.get("content") or "")


def _handler(model: FakeModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing."""

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            say, talk = model.answer(body)
            if isinstance(say, int):
                self._send(say, "application/json", json.dumps({"error": {"message": f"scripted failure {say}"}}))
                return
            if self.path.endswith("/messages"):
                document = _anthropic_message(model, body, say)
                events = _anthropic_events(document)
            elif self.path.endswith("/responses"):
                document = _response(model, body, say)
                model.remember(document, talk, say.text or "")
                events = _response_events(document)
            else:
                document = _completion(model, body, say)
                events = _completion_events(document, body)
            if body.get("stream"):
                self._send(200, "text/event-stream", "".join(events))
            else:
                self._send(200, "application/json", json.dumps(document))

        def _send(self, state: int, kind: str, text: str) -> None:
            data = text.encode()
            self.send_response(state)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


def _completion(model: FakeModel, body: dict[str, Any], say: Say) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": say.text, "refusal": None}
    if say.calls:
        message["tool_calls"] = [
            {
                "id": model.identifier("call_"),
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments)},
            }
            for call in say.calls
        ]
    reason = "tool_calls" if say.calls else "stop"
    return {
        "id": model.identifier("chatcmpl-"),
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": reason, "message": message, "logprobs": None}],
        "usage": _USAGE,
    }


def _completion_events(document: dict[str, Any], body: dict[str, Any]) -> Iterator[str]:
    choice = document["choices"][0]
    head = {key: document[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": piece} for piece in _pieces(choice["message"]["content"] or "")]
    for index, call in enumerate(choice["message"].get("tool_calls", [])):
        function = call["function"]
        deltas.append(
            {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        )
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _pieces(function["arguments"])
        ]
    for delta in deltas:
        yield _event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _event({**head, "choices": [], "usage": _USAGE})
    yield "data: [DONE]\n\n"


def _pieces(text: str) -> list[str]:
    return [text[start : start + 9] for start in range(0, len(text), 9)]


def _event(value: dict[str, Any], name: str = "") -> str:
    return (f"event: {name}\n" if name else "") + f"data: {json.dumps(value)}\n\n"


def _response(model: FakeModel, body: dict[str, Any], say: Say) -> dict[str, Any]:
    output: list[dict[str, Any]] = []
    if say.text:
        content = [{"type": "output_text", "text": say.text, "annotations": []}]
        output.append(
            {
                "id": model.identifier("msg_"),
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": content,
            }
        )
    for call in say.calls:
        output.append(
            {
                "id": model.identifier("fc_"),
                "type": "function_call",
                "call_id": model.identifier("call_"),
                "name": call.name,
                "arguments": json.dumps(call.arguments),
                "status": "completed",
            }
        )
    return {
        "id": model.identifier("resp_"),
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "completed",
        "model": body["model"],
        "output": output,
        "instructions": body.get("instructions"),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": 11,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 18,
        },
    }


def _response_events(document: dict[str, Any]) -> Iterator[str]:
    number = iter(range(1000))

    def event(kind: str, **more: Any) -> str:
        return _event({"type": kind, "sequence_number": next(number), **more}, kind)

    yield event("response.created", response={**document, "status": "in_progress", "output": [], "usage": None})
    for index, item in enumerate(document["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        if item["type"] == "message":
            part = item["content"][0]
            yield event("response.output_item.added", output_index=index, item={**item, "content": []})
            yield event("response.content_part.added", **at, content_index=0, part={**part, "text": ""})
            for piece in _pieces(part["text"]):
                yield event("response.output_text.delta", **at, content_index=0, delta=piece, logprobs=[])
            yield event("response.output_text.done", **at, content_index=0, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **at, content_index=0, part=part)
        else:
            yield event("response.output_item.added", output_index=index, item={**item, "arguments": ""})
            yield event("response.function_call_arguments.delta", **at, delta=item["arguments"])
            yield event("response.function_call_arguments.done", **at, arguments=item["arguments"], name=item["name"])
        yield event("response.output_item.done", output_index=index, item=item)
    yield event("response.completed", response=document)


def _anthropic_message(model: FakeModel, body: dict[str, Any], say: Say) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": say.text}] if say.text else []
    content += [
        {"type": "tool_use", "id": model.identifier("toolu_"), "name": call.name, "input": call.arguments}
        for call in say.calls
    ]
    return {
        "id": model.identifier("msg_"),
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": content,
        "stop_reason": "tool_use" if say.calls else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }


def _anthropic_events(document: dict[str, Any]) -> Iterator[str]:
    yield _event(
        {"type": "message_start", "message": {**document, "content": [], "stop_reason": None}}, "message_start"
    )
    for index, block in enumerate(document["content"]):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        yield _event({"type": "content_block_start", "index": index, "content_block": empty}, "content_block_start")
        for piece in _pieces(block["text"] if is_text else json.dumps(block["input"])):
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            yield _event({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield _event({"type": "content_block_stop", "index": index}, "content_block_stop")
    end = {"stop_reason": document["stop_reason"], "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": end, "usage": {"output_tokens": 7}}, "message_delta")
    yield _event({"type": "message_stop"}, "message_stop")
