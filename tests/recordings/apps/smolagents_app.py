"""smolagents under OpenInference."""

import threading
import types
import uuid
from typing import Any

from openinference.instrumentation import using_attributes
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from smolagents import OpenAIServerModel, ToolCallingAgent, tool
from smolagents.models import ChatMessage, MessageRole

from script import GUARD_PROMPT, MAIN, PNG, TITLE_REQUEST, TOOLS, Scenario


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    SmolagentsInstrumentor().instrument(tracer_provider=provider)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }
    talks = [
        threading.Thread(target=_talk, args=(talk, url, *pair))
        for pair, talk in zip(sessions.items(), scenario.talks(), strict=True)
    ]
    for talk in talks:
        talk.start()
    for talk in talks:
        talk.join()
    provider.force_flush()
    return sessions


def _talk(scenario: Scenario, url: str, session: str, user: str) -> None:
    model = OpenAIServerModel("gpt-4.1-mini", api_base=url, api_key="sk-none", client_kwargs={"max_retries": 0})

    def made(name: str) -> ToolCallingAgent:
        names = scenario.tools.get(name, ())
        return ToolCallingAgent(
            tools=[_described(one) for one in names if one != "ask_researcher"],
            managed_agents=[made("researcher")] if "ask_researcher" in names else [],
            model=model,
            name=name,
            description=f"The agent {name}.",
            instructions=scenario.agents[name],
            verbosity_level=0,
            stream_outputs=scenario.streamed,
        )

    agent = made(MAIN)
    for number, turn in enumerate(scenario.turns):
        with using_attributes(session_id=session, user_id=user):
            if scenario.guarded:
                model.generate([_said("system", GUARD_PROMPT), _said("user", turn.user)])
            agent.run(turn.user, reset=False, images=[_image()] if turn.image else None)
            if scenario.title and number == 0:
                model.generate([*agent.write_memory_to_messages(), _said("user", TITLE_REQUEST)])


def _said(role: str, text: str) -> ChatMessage:
    return ChatMessage(role=MessageRole(role), content=[{"type": "text", "text": text}])


def _image() -> Any:
    import base64
    import io

    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(PNG)))


def _described(name: str) -> Any:
    function = types.FunctionType(TOOLS[name].__code__, TOOLS[name].__globals__, name)
    function.__annotations__, function.__doc__ = TOOLS[name].__annotations__, TOOLS[name].__doc__
    names = [one for one in function.__annotations__ if one != "return"]
    function.__doc__ = f"{function.__doc__}\n\nArgs:\n" + "\n".join(f"    {one}: Its {one}." for one in names)
    return tool(function)
