"""Pydantic AI under its own instrumentation, OpenInference's processor, or Logfire."""

import asyncio
import uuid
from contextlib import nullcontext
from typing import Any

from openai import AsyncOpenAI
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import SpanProcessor
from pydantic_ai import Agent, BinaryContent, ModelRetry, ToolOutput
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from script import GUARD_PROMPT, MAIN, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario, ToolFailedError, Turn


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
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if framework.startswith("logfire"):
        import logfire

        logfire.configure(
            send_to_logfire=False, console=False, additional_span_processors=[BatchSpanProcessor(exporter)]
        )
        logfire.instrument_pydantic_ai()
        return trace.get_tracer_provider()
    from pydantic_ai.models.instrumented import InstrumentationSettings

    provider = TracerProvider()
    provider.add_span_processor(_SessionFromBaggage())
    if framework.startswith("oi_"):
        from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor

        provider.add_span_processor(OpenInferenceSpanProcessor())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    version = {"pydantic_ai_v6": 6, "pydantic_ai_old_v1": 1, "pydantic_ai_old_v2": 2}.get(framework, 5)
    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider, version=version))
    return provider


class _SessionFromBaggage(SpanProcessor):
    """Writes the baggage's session id on every span; releases before 2 have no conversation id."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        session = baggage.get_baggage("session.id", parent_context)
        if session:
            span.set_attribute("session.id", session)


class _Talk:
    """One session."""

    def __init__(self, framework: str, scenario: Scenario, url: str, session: str, user: str) -> None:
        self._framework, self._scenario, self._id, self._user = framework, scenario, session, user
        client = AsyncOpenAI(base_url=url, api_key="sk-none", max_retries=0)
        self._model = OpenAIChatModel("gpt-4.1-mini", provider=OpenAIProvider(openai_client=client))
        self._prompt = scenario.agents[MAIN]
        self._current = MAIN
        self._history: list[Any] = []

    def _agent(self, name: str) -> Any:
        agent = Agent(
            self._model,
            name=name,
            instructions=self._scenario.agents[name] if name != MAIN else self._prompt,
            output_type=self._outputs(name),
            retries=3,
        )
        for tool in self._scenario.tools.get(name, ()):
            if tool.startswith("transfer_to_"):
                continue
            if tool == "ask_researcher":
                agent.tool_plain(self.ask_researcher)
            else:
                agent.tool_plain(_retrying(TOOLS[tool]), name=tool)
        return agent

    async def ask_researcher(self, question: str) -> str:
        """Ask the researcher a question."""
        return str((await self._agent("researcher").run(question)).output)

    def _outputs(self, name: str) -> Any:
        """Return what an agent may end with: a text, or the hand-off to another agent."""
        moves = [tool for tool in self._scenario.tools.get(name, ()) if tool.startswith("transfer_to_")]
        return [str, *(ToolOutput(self._transferred_to, name=tool) for tool in moves)]

    def _transferred_to(self) -> str:
        """Hand the conversation over."""
        self._current = "refund_agent"
        return ""

    async def run(self) -> None:
        for number, turn in enumerate(self._scenario.turns):
            with self._attributes():
                await self._turn(number, turn)

    def _attributes(self) -> Any:
        if self._framework.startswith("logfire"):
            import logfire

            return logfire.set_baggage(session_id=self._id)
        if self._framework.startswith("oi_"):
            from openinference.instrumentation import using_attributes

            return using_attributes(session_id=self._id, user_id=self._user)
        if "old" in self._framework:
            context.attach(baggage.set_baggage("session.id", self._id))
        return nullcontext()

    def _named(self) -> dict[str, Any]:
        return (
            {}
            if self._framework in ("logfire_pydantic_ai", "oi_pydantic_ai") or "old" in self._framework
            else {"conversation_id": self._id}
        )

    async def _turn(self, number: int, turn: Turn) -> None:
        scenario = self._scenario
        if scenario.guarded:
            await Agent(self._model, name="guard", instructions=GUARD_PROMPT).run(turn.user, **self._named())
        if scenario.summary and number == scenario.summary_after:
            summariser = Agent(self._model, name="summariser")
            made = await summariser.run(SUMMARY_REQUEST, message_history=self._history, **self._named())
            self._prompt += f"\n\nSummary of the earlier conversation: {made.output}"
            self._history = []
        given: Any = turn.user
        if turn.image:
            import base64

            given = [turn.user, BinaryContent(base64.b64decode(PNG), media_type="image/png")]
        history = self._history
        if scenario.window:
            history = history[-(scenario.window - 1) :]
        await self._answer(given, history)
        if scenario.title and number == 0:
            await Agent(self._model, name="titler").run(TITLE_REQUEST, message_history=self._history, **self._named())

    async def _answer(self, given: Any, history: list[Any]) -> None:
        name = self._current
        while True:
            agent = self._agent(name)
            try:
                if self._scenario.streamed:
                    async with agent.iter(given, message_history=history, **self._named()) as result:
                        async for node in result:
                            if Agent.is_model_request_node(node):
                                async with node.stream(result.ctx) as stream:
                                    async for _ in stream:
                                        pass
                    done = result.result
                else:
                    done = await agent.run(given, message_history=history, **self._named())
            except ModelHTTPError:
                continue
            self._history = [*self._history, *done.new_messages()]
            if self._current != name:
                await self._answer(None, self._history)
            return


def _retrying(function: Any) -> Any:
    import functools

    @functools.wraps(function)
    def call(**arguments: Any) -> str:
        try:
            return function(**arguments)
        except ToolFailedError as error:
            raise ModelRetry(str(error)) from None

    return call
