"""The Anthropic client under OpenInference: the loop of the raw app over its messages."""

import json
from types import SimpleNamespace
from typing import Any

import anthropic
import raw_openai
from raw_tracing import OpenInference, Tracing
from tool_schemas import schema

from script import PNG, Scenario

Message = dict[str, Any]


class _Tracing(OpenInference):
    def __init__(self, exporter: Any) -> None:
        Tracing.__init__(self, exporter)
        from openinference.instrumentation import OITracer, TraceConfig
        from openinference.instrumentation.anthropic import AnthropicInstrumentor

        AnthropicInstrumentor().instrument(tracer_provider=self.provider)
        self.tracer = OITracer(self.provider.get_tracer("shop"), TraceConfig())


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    client = anthropic.Anthropic(base_url=url.removesuffix("/v1"), api_key="sk-none", max_retries=0)
    return raw_openai.run_with(_Tracing(exporter), client, framework, scenario, App)


class App(raw_openai.App):
    """The loop of one session."""

    def _complete(self, messages: list[Message], tools: tuple[str, ...]) -> Any:
        system = "\n".join(one["content"] for one in messages if one.get("role") == "system")
        rest = _joined([_message(one) for one in messages if one.get("role") != "system"])
        shapes = [schema(name) for name in tools]
        given = [
            {"name": one["name"], "description": one["description"], "input_schema": one["parameters"]}
            for one in shapes
        ]
        more = {**({"system": system} if system else {}), **({"tools": given} if given else {})}
        while True:
            try:
                return _reply(self._asked_for(rest, more))
            except (anthropic.InternalServerError, anthropic.RateLimitError):
                continue

    def _asked_for(self, messages: list[Message], more: Message) -> Any:
        given: Any = {"model": "claude-sonnet-4-5", "max_tokens": 500, "messages": messages, **more}
        if not self._scenario.streamed:
            return self._client.messages.create(**given)
        with self._client.messages.stream(**given) as stream:
            for _ in stream.text_stream:
                pass
            return stream.get_final_message()


def _message(said: Message) -> Message:
    if said["role"] == "tool":
        block = {"type": "tool_result", "tool_use_id": said["tool_call_id"], "content": said["content"]}
        return {"role": "user", "content": [block]}
    if said.get("tool_calls"):
        blocks = [{"type": "text", "text": said["content"]}] if said["content"] else []
        blocks += [
            {
                "type": "tool_use",
                "id": call["id"],
                "name": call["function"]["name"],
                "input": json.loads(call["function"]["arguments"]),
            }
            for call in said["tool_calls"]
        ]
        return {"role": "assistant", "content": blocks}
    if isinstance(said["content"], list):
        source = {"type": "base64", "media_type": "image/png", "data": PNG}
        return {"role": "user", "content": [said["content"][0], {"type": "image", "source": source}]}
    return {"role": said["role"], "content": said["content"]}


def _joined(messages: list[Message]) -> list[Message]:
    """Put the results of one answer into one message, as the API wants."""
    joined: list[Message] = []
    for message in messages:
        is_result = isinstance(message["content"], list) and message["content"][0].get("type") == "tool_result"
        if is_result and joined and joined[-1]["role"] == "user" and isinstance(joined[-1]["content"], list):
            joined[-1] = {"role": "user", "content": [*joined[-1]["content"], *message["content"]]}
        else:
            joined.append(message)
    return joined


def _reply(message: Any) -> Any:
    text = "".join(block.text for block in message.content if block.type == "text") or None
    calls = [
        SimpleNamespace(id=block.id, function=SimpleNamespace(name=block.name, arguments=json.dumps(block.input)))
        for block in message.content
        if block.type == "tool_use"
    ]
    return SimpleNamespace(content=text, tool_calls=calls)
