"""Strands Agents under their own tracing."""

import base64
import uuid
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from strands import Agent, tool
from strands.agent.conversation_manager import NullConversationManager, SlidingWindowConversationManager
from strands.models.openai import OpenAIModel

from script import GUARD_PROMPT, MAIN, PNG, SUMMARY_REQUEST, TITLE_REQUEST, TOOLS, Scenario, Turn


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }
    scripts = list(scenario.talks())
    talks = [_Talk(script, url, *pair) for pair, script in zip(sessions.items(), scripts, strict=True)]
    for number in range(max(len(script.turns) for script in scripts)):
        for talk, script in zip(talks, scripts, strict=True):
            if number < len(script.turns):
                talk.turn(number, script.turns[number])
    provider.force_flush()
    return sessions


class _Talk:
    """One session."""

    def __init__(self, scenario: Scenario, url: str, session: str, user: str) -> None:
        self._scenario = scenario
        self._url = url
        self._attributes = {"session.id": session, "user.id": user}
        self._agent = self._made(MAIN)

    def _made(self, name: str, prompt: str | None = None, messages: Any = None) -> Agent:
        scenario = self._scenario
        manager = SlidingWindowConversationManager(scenario.window) if scenario.window else NullConversationManager()
        return Agent(
            name=name,
            model=OpenAIModel(
                client_args={"base_url": self._url, "api_key": "sk-none", "max_retries": 0}, model_id="gpt-4.1-mini"
            ),
            system_prompt=prompt or scenario.agents.get(name),
            tools=[self._tool(one) for one in scenario.tools.get(name, ())],
            conversation_manager=manager,
            trace_attributes=self._attributes,
            callback_handler=None,
            messages=messages or [],
        )

    def _tool(self, name: str) -> Any:
        if name != "ask_researcher":
            return tool(TOOLS[name])

        @tool
        def ask_researcher(question: str) -> str:
            """Ask the researcher a question."""
            researcher = self._made("researcher")
            return str(researcher(question)).strip()

        return ask_researcher

    def turn(self, number: int, turn: Turn) -> None:
        scenario = self._scenario
        if scenario.guarded:
            self._made("guard", GUARD_PROMPT)(turn.user)
        if scenario.summary and number == scenario.summary_after:
            summary = str(self._made("summariser", "You summarise.", [*self._agent.messages])(SUMMARY_REQUEST)).strip()
            self._agent = self._made(MAIN, f"{scenario.agents[MAIN]}\n\nSummary of the earlier conversation: {summary}")
        picture = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
        given: Any = [{"text": turn.user}, picture] if turn.image else turn.user
        while True:
            try:
                self._agent(given)
            except Exception as error:
                if "scripted failure" not in str(error):
                    raise
                given = None
                continue
            break
        if scenario.title and number == 0:
            self._made("titler", "You write titles.", [*self._agent.messages])(TITLE_REQUEST)
