"""Google ADK under its own tracing, with LiteLLM as the way to the model."""

import asyncio
import base64
import functools
import json
import uuid
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.agents.run_config import RunConfig, StreamingMode
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.adk.tools.agent_tool import AgentTool
from google.genai import types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from script import GUARD_PROMPT, MAIN, PNG, TITLE_REQUEST, TOOLS, Scenario, ToolFailedError


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }

    async def everything() -> None:
        await asyncio.gather(
            *(_talk(talk, url, *pair) for pair, talk in zip(sessions.items(), scenario.talks(), strict=True))
        )

    asyncio.run(everything())
    provider.force_flush()
    return sessions


async def _talk(scenario: Scenario, url: str, session: str, user: str) -> None:
    model = LiteLlm("openai/gpt-4.1-mini", api_base=url, api_key="sk-none")
    prompts = dict(scenario.agents)

    def made(name: str) -> LlmAgent:
        names = scenario.tools.get(name, ())
        return LlmAgent(
            name=name,
            model=model,
            description=name,
            instruction=prompts[name],
            sub_agents=[made(one.removeprefix("transfer_to_")) for one in names if one.startswith("transfer_to_")],
            tools=[tool(one) for one in names if not one.startswith("transfer_to_")],
        )

    def tool(name: str) -> Any:
        return AgentTool(made("researcher")) if name == "ask_researcher" else _telling(name)

    async def say(runner: InMemoryRunner, parts: list[types.Part], mode: Any) -> str:
        answer = ""
        message = types.Content(role="user", parts=parts)
        run_config = RunConfig(streaming_mode=mode)
        while True:
            try:
                async for event in runner.run_async(
                    user_id=user, session_id=session, new_message=message, run_config=run_config
                ):
                    answer = (
                        "".join(part.text or "" for part in (event.content.parts or [])) if event.content else answer
                    )
            except Exception as error:
                if "scripted failure" not in str(error):
                    raise
                continue
            return answer

    async def began(name: str, agent: LlmAgent | None = None) -> InMemoryRunner:
        runner = InMemoryRunner(agent or made(name), app_name="shop")
        await runner.session_service.create_session(app_name="shop", user_id=user, session_id=session)
        return runner

    runner = await began(MAIN)
    mode = StreamingMode.SSE if scenario.streamed else StreamingMode.NONE
    for number, turn in enumerate(scenario.turns):
        if scenario.guarded:
            guard = await began("guard", LlmAgent(name="guard", model=model, instruction=GUARD_PROMPT))
            await say(guard, [types.Part(text=turn.user)], StreamingMode.NONE)
        parts = [types.Part(text=turn.user)]
        if turn.image:
            parts.append(types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png"))
        await say(runner, parts, mode)
        if scenario.title and number == 0:
            titler = await began("titler", LlmAgent(name="titler", model=model))
            talk = await runner.session_service.get_session(app_name="shop", user_id=user, session_id=session)
            kept = await titler.session_service.get_session(app_name="shop", user_id=user, session_id=session)
            for event in talk.events:
                await titler.session_service.append_event(kept, event)
            await say(titler, [types.Part(text=TITLE_REQUEST)], StreamingMode.NONE)


def _telling(name: str) -> Any:
    @functools.wraps(TOOLS[name])
    def call(**arguments: Any) -> Any:
        try:
            return json.loads(TOOLS[name](**arguments))
        except ToolFailedError as error:
            return {"error": str(error)}

    return call
