"""LlamaIndex agent workflows under OpenInference."""

import asyncio
import base64
import uuid
from typing import Any

from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.llms import ChatMessage, ImageBlock, TextBlock
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context
from llama_index.llms.openai_like import OpenAILike
from openinference.instrumentation import using_attributes
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from script import GUARD_PROMPT, MAIN, PNG, TITLE_REQUEST, TOOLS, Scenario


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    LlamaIndexInstrumentor().instrument(tracer_provider=provider)
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
    model = OpenAILike(
        model="gpt-4.1-mini",
        api_base=url,
        api_key="sk-none",
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
    )

    def made(name: str, moves: list[str] | None = None) -> FunctionAgent:
        return FunctionAgent(
            name=name,
            description=name,
            system_prompt=scenario.agents[name],
            llm=model,
            streaming=scenario.streamed,
            can_handoff_to=moves,
            tools=[tool(one) for one in scenario.tools.get(name, ()) if not one.startswith("transfer_to_")],
        )

    def tool(name: str) -> FunctionTool:
        if name != "ask_researcher":
            return FunctionTool.from_defaults(TOOLS[name])

        async def ask_researcher(question: str) -> str:
            """Ask the researcher a question."""
            return str(await AgentWorkflow(agents=[made("researcher")], root_agent="researcher").run(user_msg=question))

        return FunctionTool.from_defaults(async_fn=ask_researcher)

    moves = [one.removeprefix("transfer_to_") for one in scenario.tools.get(MAIN, ()) if one.startswith("transfer_to_")]
    agents = [made(MAIN, moves or None), *(made(name, []) for name in moves)]
    workflow = AgentWorkflow(agents=agents, root_agent=MAIN)
    context = Context(workflow)
    for number, turn in enumerate(scenario.turns):
        with using_attributes(session_id=session, user_id=user):
            if scenario.guarded:
                await model.achat([ChatMessage(GUARD_PROMPT, role="system"), ChatMessage(turn.user)])
            blocks = [TextBlock(text=turn.user)]
            if turn.image:
                blocks.append(ImageBlock(image=base64.b64decode(PNG), image_mimetype="image/png"))
            while True:
                try:
                    await workflow.run(user_msg=ChatMessage(role="user", blocks=blocks), ctx=context)
                except Exception as error:
                    if "scripted failure" not in str(error):
                        raise
                    continue
                break
            if scenario.title and number == 0:
                said = [ChatMessage(turn.user), ChatMessage(turn.says[-1].text, role="assistant")]
                await model.achat([*said, ChatMessage(TITLE_REQUEST)])
