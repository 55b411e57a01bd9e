"""Microsoft Agent Framework under its own tracing, with the session as baggage or without any."""

import asyncio
import base64
import uuid
from typing import Any

from agent_framework import Agent, Content, Message, tool
from agent_framework.observability import enable_instrumentation
from agent_framework.openai import OpenAIChatCompletionClient
from opentelemetry import baggage, context, trace
from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from script import GUARD_PROMPT, MAIN, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    enable_instrumentation(enable_sensitive_data=True)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }

    async def everything() -> None:
        await asyncio.gather(
            *(_talk(framework, talk, url, session) for session, talk in zip(sessions, scenario.talks(), strict=True))
        )

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
    said: list[Any] = []
    for number, turn in enumerate(scenario.turns):
        if scenario.guarded:
            await made("guard", GUARD_PROMPT).run(turn.user)
        if scenario.summary and number == scenario.summary_after:
            summary = await made("summariser", "You summarise.").run([*said, SUMMARY_REQUEST])
            agent = made(MAIN, f"{scenario.agents[MAIN]}\n\nSummary of the earlier conversation: {summary.text}")
            said = []
        given: Any = Message("user", [turn.user])
        if turn.image:
            picture = Content.from_data(data=base64.b64decode(PNG), media_type="image/png")
            given = Message("user", [Content.from_text(turn.user), picture])
        if scenario.window or scenario.summary or scenario.title or scenario.name == "llm_error":
            said.append(given)
            while True:
                try:
                    answer = await agent.run(said[-scenario.window :] if scenario.window else said)
                except Exception as error:
                    if "scripted failure" not in str(error):
                        raise
                    continue
                break
            said += answer.messages
            if scenario.title and number == 0:
                await made("titler", "You write titles.").run([*said, Message("user", [TITLE_REQUEST])])
        elif scenario.streamed:
            async for _ in agent.run(given, session=thread, stream=True):
                pass
        else:
            await agent.run(given, session=thread)
