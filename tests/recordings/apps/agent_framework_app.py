"""Microsoft Agent Framework under its own tracing, with the session as baggage or without any."""

import asyncio
import uuid
from typing import Any

from agent_framework import Agent, tool
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient
from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from script import GUARD_PROMPT, MAIN, TOOLS, Scenario


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    enable_instrumentation(enable_sensitive_data=True)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n in range(scenario.sessions)
    }

    async def everything() -> None:
        await asyncio.gather(*(_talk(framework, scenario, url, session) for session in sessions))

    asyncio.run(everything())
    provider.force_flush()
    return sessions


async def _talk(framework: str, scenario: Scenario, url: str, session: str) -> None:
    client = OpenAIChatCompletionClient(model="gpt-4.1-mini", api_key="sk-none", base_url=url)

    def made(name: str, prompt: str | None = None) -> Agent:
        tools = [
            ask() if one == "ask_researcher" else tool(TOOLS[one], approval_mode="never_require")
            for one in scenario.tools.get(name, ())
        ]
        return Agent(client, instructions=prompt or scenario.agents[name], name=name, tools=tools)

    def ask() -> Any:
        return made("researcher").as_tool(name="ask_researcher", description="Ask the researcher.", arg_name="question")

    if framework.endswith("baggage"):
        context.attach(baggage.set_baggage("session.id", session))
    agent = made(MAIN)
    thread = agent.create_session()
    for turn in scenario.turns:
        if scenario.guarded:
            await made("guard", GUARD_PROMPT).run(turn.user)
        if scenario.streamed:
            async for _ in agent.run(turn.user, session=thread, stream=True):
                pass
        else:
            await agent.run(turn.user, session=thread)
