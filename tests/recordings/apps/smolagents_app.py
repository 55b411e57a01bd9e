"""smolagents under OpenInference."""

import uuid
from typing import Any

from openinference.instrumentation import using_attributes
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

from script import MAIN, TOOLS, Scenario


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    SmolagentsInstrumentor().instrument(tracer_provider=provider)
    session = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}"))
    model = OpenAIServerModel("gpt-4.1-mini", api_base=url, api_key="sk-none")
    agent = ToolCallingAgent(
        tools=[_described(name) for name in scenario.tools.get(MAIN, ())],
        model=model,
        instructions=scenario.agents[MAIN],
        verbosity_level=0,
        stream_outputs=scenario.streamed,
    )
    for turn in scenario.turns:
        with using_attributes(session_id=session, user_id="user-0"):
            agent.run(turn.user, reset=False)
    provider.force_flush()
    return {session: "user-0"}


def _described(name: str) -> Any:
    function = TOOLS[name]
    names = [one for one in function.__annotations__ if one != "return"]
    function.__doc__ = f"{function.__doc__}\n\nArgs:\n" + "\n".join(f"    {one}: Its {one}." for one in names)
    return tool(function)
