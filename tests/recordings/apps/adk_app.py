"""Google ADK under its own tracing, with LiteLLM as the way to the model."""

import asyncio
import functools
import json
import uuid
from typing import Any

from google.adk.agents import LlmAgent
from google.adk.models.lite_llm import LiteLlm
from google.adk.runners import InMemoryRunner
from google.genai import types
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from script import MAIN, TOOLS, Scenario, ToolFailedError


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n in range(scenario.sessions)
    }

    async def everything() -> None:
        await asyncio.gather(*(_talk(scenario, url, session, user) for session, user in sessions.items()))

    asyncio.run(everything())
    provider.force_flush()
    return sessions


async def _talk(scenario: Scenario, url: str, session: str, user: str) -> None:
    model = LiteLlm("openai/gpt-4.1-mini", api_base=url, api_key="sk-none")

    def made(name: str) -> LlmAgent:
        tools = [_telling(one) for one in scenario.tools.get(name, ())]
        return LlmAgent(name=name, model=model, instruction=scenario.agents[name], tools=tools)

    runner = InMemoryRunner(made(MAIN), app_name="shop")
    await runner.session_service.create_session(app_name="shop", user_id=user, session_id=session)
    for turn in scenario.turns:
        message = types.Content(role="user", parts=[types.Part(text=turn.user)])
        async for _ in runner.run_async(user_id=user, session_id=session, new_message=message):
            pass


def _telling(name: str) -> Any:
    @functools.wraps(TOOLS[name])
    def call(**arguments: Any) -> Any:
        try:
            return json.loads(TOOLS[name](**arguments))
        except ToolFailedError as error:
            return {"error": str(error)}

    return call
