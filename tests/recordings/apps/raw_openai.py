"""An app that calls the OpenAI client itself, under the instrumentations of that client."""

import json
import threading
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import openai
from raw_tracing import Tracing
from tool_schemas import schema
from tracings import tracing_of

from script import GUARD_PROMPT, MAIN, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario, Turn

Message = dict[str, Any]


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    tracing = tracing_of(framework, exporter)
    return run_with(
        tracing, _client_class(framework)(base_url=url, api_key="sk-none", max_retries=0), framework, scenario
    )


def run_with(
    tracing: Tracing, client: Any, framework: str, scenario: Scenario, app: "type[App] | None" = None
) -> dict[str, str]:
    """Run all sessions over a client."""
    kind = app or (ResponsesApp if "responses" in framework else App)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }
    threads = [
        threading.Thread(
            target=_session,
            args=(tracing, kind(tracing, client, talk), talk, session, user, "fullhist" in framework),
        )
        for (session, user), talk in zip(sessions.items(), scenario.talks(), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tracing.flush()
    return sessions


def _client_class(framework: str) -> Any:
    if framework == "langfuse":
        from langfuse.openai import OpenAI

        return OpenAI
    return openai.OpenAI


def _session(tracing: Tracing, app: "App", scenario: Scenario, session: str, user: str, full: bool) -> None:
    app.full = full
    for number, turn in enumerate(scenario.turns):
        tracing.run_turn(session, user, turn.user, partial(app.turn, number, turn))


class App:
    """The loop of one session over chat completions."""

    full = False

    def __init__(self, tracing: Tracing, client: Any, scenario: Scenario) -> None:
        self._tracing, self._client, self._scenario = tracing, client, scenario
        self._prompt = scenario.agents[MAIN]
        self._agent = MAIN
        self._history: list[Message] = []

    def turn(self, number: int, turn: Turn) -> str:
        """Answer a user's message."""
        if self._scenario.guarded:
            self._tracing.run_guard(lambda: str(self._complete([_system(GUARD_PROMPT), _user(turn.user)], ()).content))
        if self._scenario.summary and number == self._scenario.summary_after:
            summary = self._complete([*self._history, _user(SUMMARY_REQUEST)], ()).content
            self._prompt += f"\n\nSummary of the earlier conversation: {summary}"
            self._history = []
        self._history.append(_user(turn.user, turn.image))
        answer = self._loop(self._history)
        if self._scenario.title and number == 0:
            self._complete([*self._history, _user(TITLE_REQUEST)], ())
        return answer

    def _loop(self, history: list[Message]) -> str:
        while True:
            sent = history[-self._scenario.window :] if self._scenario.window else history
            reply = self._complete([_system(self._prompt), *sent], self._scenario.tools.get(self._agent, ()))
            calls = reply.tool_calls or []
            history.append({"role": "assistant", "content": reply.content})
            if not calls:
                return reply.content or ""
            history[-1]["tool_calls"] = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.function.name, "arguments": call.function.arguments},
                }
                for call in calls
            ]
            for call in calls:
                result = self._run_tool(call.id, call.function.name, json.loads(call.function.arguments))
                history.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def _run_tool(self, call_id: str, name: str, arguments: dict[str, Any]) -> str:
        try:
            return self._tracing.run_tool(name, call_id, arguments, partial(self._tool(name), **arguments))
        except Exception as error:
            return f"Error: {error}"

    def _tool(self, name: str) -> Callable[..., str]:
        if name.startswith("transfer_to_"):
            return lambda: self._transfer(name.removeprefix("transfer_to_"))
        return self._ask_researcher if name == "ask_researcher" else TOOLS[name]

    def _transfer(self, agent: str) -> str:
        self._agent, self._prompt = agent, self._scenario.agents[agent]
        return json.dumps({"assistant": agent})

    def _ask_researcher(self, question: str) -> str:
        nested = type(self)(self._tracing, self._client, self._scenario)
        nested._transfer("researcher")
        return self._tracing.run_agent("researcher", question, lambda: nested._loop([_user(question)]))

    def _complete(self, messages: list[Message], tools: tuple[str, ...]) -> Any:
        more = {"tools": [{"type": "function", "function": schema(name)} for name in tools]} if tools else {}
        while True:
            try:
                if self._scenario.streamed:
                    return self._streamed(messages, more)
                return (
                    self._client.chat.completions.create(model="gpt-4.1-mini", messages=messages, **more)
                    .choices[0]
                    .message
                )
            except (openai.InternalServerError, openai.RateLimitError):
                continue

    def _streamed(self, messages: list[Message], more: dict[str, Any]) -> Any:
        text, calls = "", {}
        options = {"stream": True, "stream_options": {"include_usage": True}}
        for chunk in self._client.chat.completions.create(model="gpt-4.1-mini", messages=messages, **options, **more):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for part in choice.delta.tool_calls or []:
                    if part.id:
                        calls[part.index] = part
                    else:
                        calls[part.index].function.arguments += part.function.arguments or ""
        from openai.types.chat import ChatCompletionMessage

        dumped = [{**call.model_dump(exclude={"index"}), "type": "function"} for call in calls.values()] or None
        return ChatCompletionMessage.model_validate(
            {"role": "assistant", "content": text or None, "tool_calls": dumped}
        )


class ResponsesApp(App):
    """The same over the Responses API: chained by `previous_response_id`, or with all items sent again."""

    _previous: str | None = None

    def _loop(self, history: list[Message]) -> str:
        pending = [_item(history[-1])]
        while True:
            if self.full or self._scenario.window:
                sent = history[-self._scenario.window :] if self._scenario.window else history
                response = self._respond({"input": [_item(one) for one in sent]})
            else:
                response = self._respond(
                    {"input": pending} | ({"previous_response_id": self._previous} if self._previous else {})
                )
            self._previous = response.id
            calls = [item for item in response.output if item.type == "function_call"]
            history += [item.model_dump(exclude_none=True) for item in response.output]
            if not calls:
                return response.output_text
            pending = []
            for call in calls:
                result = self._run_tool(call.call_id, call.name, json.loads(call.arguments))
                pending.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
            history += pending

    def _respond(self, more: dict[str, Any]) -> Any:
        tools = [{"type": "function", **schema(name)} for name in self._scenario.tools.get(self._agent, ())]
        while True:
            try:
                if self._scenario.streamed:
                    return self._last(
                        self._client.responses.create(
                            model="gpt-4.1-mini", instructions=self._prompt, tools=tools, stream=True, **more
                        )
                    )
                return self._client.responses.create(
                    model="gpt-4.1-mini", instructions=self._prompt, tools=tools, **more
                )
            except (openai.InternalServerError, openai.RateLimitError):
                continue

    def _last(self, events: Any) -> Any:
        return [event for event in events if event.type == "response.completed"][-1].response

    def _complete(self, messages: list[Message], tools: tuple[str, ...]) -> Any:
        system = "\n".join(one["content"] for one in messages if one.get("role") == "system")
        rest = [_item(one) for one in messages if one.get("role") != "system"]
        more = {"instructions": system} if system else {}
        response = self._client.responses.create(model="gpt-4.1-mini", input=rest, **more)

        class Reply:
            content = response.output_text

        return Reply


def _item(message: Message) -> Message:
    if isinstance(message.get("content"), list) and message.get("role") == "user":
        parts = [
            {"type": "input_text", "text": part["text"]}
            if part["type"] == "text"
            else {"type": "input_image", "image_url": part["image_url"]["url"]}
            for part in message["content"]
        ]
        return {"role": "user", "content": parts}
    return message


def _system(text: str) -> Message:
    return {"role": "system", "content": text}


def _user(text: str, image: bool = False) -> Message:
    if not image:
        return {"role": "user", "content": text}
    url = f"data:image/png;base64,{PNG}"
    return {
        "role": "user",
        "content": [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}],
    }
