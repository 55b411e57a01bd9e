"""The OpenAI Agents SDK under its instrumentations."""

import asyncio
import uuid
from contextlib import nullcontext
from typing import Any

from agents import (
    Agent,
    FunctionTool,
    GuardrailFunctionOutput,
    InputGuardrail,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    RunConfig,
    Runner,
    SQLiteSession,
    function_tool,
    handoff,
    trace,
)
from openai import AsyncOpenAI, InternalServerError, RateLimitError

from script import GUARD_PROMPT, MAIN, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario, Turn


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = _instrument(framework, exporter)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }

    async def everything() -> None:
        await asyncio.gather(
            *(
                _Talk(framework, talk, url, *pair).run()
                for pair, talk in zip(sessions.items(), scenario.talks(), strict=True)
            )
        )

    asyncio.run(everything())
    provider.force_flush()
    return sessions


def _instrument(framework: str, exporter: Any) -> Any:
    if framework.startswith("openllmetry"):
        from opentelemetry import trace as otel
        from traceloop.sdk import Traceloop

        Traceloop.init(app_name="shop", exporter=exporter, telemetry_enabled=False)
        return otel.get_tracer_provider()
    from opentelemetry import trace as otel
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    otel.set_tracer_provider(provider)
    if framework.startswith("otel"):
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as Client
        from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor

        OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
        Client().instrument(tracer_provider=provider)
        return provider
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor as OpenInference

    OpenInference().instrument(tracer_provider=provider)
    if "plus_openai" in framework:
        from openinference.instrumentation.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    return provider


class _Talk:
    """One session."""

    def __init__(self, framework: str, scenario: Scenario, url: str, session: str, user: str) -> None:
        self._framework, self._scenario, self._id, self._user = framework, scenario, session, user
        client = AsyncOpenAI(base_url=url, api_key="sk-none", max_retries=0)
        kind = OpenAIChatCompletionsModel if "chatapi" in framework else OpenAIResponsesModel
        self._model = kind(model="gpt-4.1-mini", openai_client=client)
        self._agents: dict[str, Agent[Any]] = {}
        self._prompt = scenario.agents[MAIN]
        for name in reversed(scenario.agents):
            self._agents[name] = self._agent(name, scenario.agents[name], scenario.tools.get(name, ()))
        self._current = self._agents[MAIN]
        self._memory = SQLiteSession(session)
        self._history: list[Any] = []

    def _agent(self, name: str, prompt: str, tools: tuple[str, ...] = ()) -> Agent[Any]:
        moves = [
            handoff(self._agents[tool.removeprefix("transfer_to_")])
            for tool in tools
            if tool.startswith("transfer_to_")
        ]
        guards = [InputGuardrail(self._guard)] if self._scenario.guarded and name == MAIN else []
        return Agent(
            name=name,
            instructions=prompt,
            model=self._model,
            tools=[self._tool(tool) for tool in tools if not tool.startswith("transfer_to_")],
            handoffs=moves,
            input_guardrails=guards,
            model_settings=ModelSettings(include_usage=True),
        )

    def _tool(self, name: str) -> Any:
        return self._asking() if name == "ask_researcher" else function_tool(TOOLS[name], strict_mode=False)

    def _asking(self) -> FunctionTool:
        if "astool" in self._framework:
            return self._agents["researcher"].as_tool("ask_researcher", "Ask the researcher a question.")

        @function_tool
        async def ask_researcher(question: str) -> str:
            """Ask the researcher a question."""
            result = await Runner.run(self._agents["researcher"], question)
            return str(result.final_output)

        return ask_researcher

    async def _guard(self, _: Any, __: Any, given: Any) -> GuardrailFunctionOutput:
        text = given if isinstance(given, str) else given[-1]["content"]
        result = await Runner.run(Agent(name="guard", instructions=GUARD_PROMPT, model=self._model), text)
        return GuardrailFunctionOutput(output_info=result.final_output, tripwire_triggered=False)

    async def run(self) -> None:
        for number, turn in enumerate(self._scenario.turns):
            with self._attributes(), trace("Support turn", group_id=self._id, metadata={"user": self._user}):
                await self._turn(number, turn)

    def _attributes(self) -> Any:
        if self._framework.startswith("oi_"):
            from openinference.instrumentation import using_attributes

            return using_attributes(session_id=self._id, user_id=self._user)
        if self._framework.startswith("openllmetry"):
            from traceloop.sdk import Traceloop

            Traceloop.set_association_properties({"session_id": self._id, "user_id": self._user})
        return nullcontext()

    async def _turn(self, number: int, turn: Turn) -> None:
        scenario = self._scenario
        if scenario.summary and number == scenario.summary_after:
            side = Agent(name="summariser", model=self._model)
            summary = await Runner.run(side, [*self._history, {"role": "user", "content": SUMMARY_REQUEST}])
            prompt = f"{self._prompt}\n\nSummary of the earlier conversation: {summary.final_output}"
            self._current = self._agent(MAIN, prompt)
            self._history = []
        given: Any = turn.user
        if turn.image:
            picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
            given = [{"role": "user", "content": [{"type": "input_text", "text": turn.user}, picture]}]
        if (
            scenario.window
            or scenario.summary
            or scenario.title
            or turn.image
            or scenario.name == "llm_error"
            or (number and scenario.name == "multimodal")
        ):
            result = await self._by_hand(given)
        elif scenario.streamed:
            result = Runner.run_streamed(self._current, given, session=self._memory)
            async for _ in result.stream_events():
                pass
        else:
            result = await Runner.run(self._current, given, session=self._memory)
        self._current = result.last_agent
        if scenario.title and number == 0:
            titler = Agent(name="titler", model=self._model)
            await Runner.run(titler, [*self._history, {"role": "user", "content": TITLE_REQUEST}])

    async def _by_hand(self, given: Any) -> Any:
        items = given if isinstance(given, list) else [{"role": "user", "content": given}]
        self._history += items
        sent = self._history[-self._scenario.window :] if self._scenario.window else self._history
        while True:
            try:
                result = await Runner.run(self._current, sent, run_config=RunConfig())
            except (InternalServerError, RateLimitError):
                continue
            self._history += [item.to_input_item() for item in result.new_items]
            return result
