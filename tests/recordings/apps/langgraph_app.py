"""LangChain's create_agent on LangGraph under its instrumentations."""

import threading
import uuid
from contextlib import nullcontext
from typing import Annotated, Any

from langchain.agents import AgentState, create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware, wrap_tool_call
from langchain.messages import ToolMessage
from langchain_core.tools import InjectedToolCallId, StructuredTool, tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.prebuilt import InjectedState
from langgraph.types import Command

from script import GUARD_PROMPT, MAIN, PNG, TITLE_REQUEST, TOOLS, Scenario, Turn

TRANSFERRED = "Successfully transferred to refund_agent"


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""
    provider = _instrument(framework, exporter)
    sessions = {
        str(uuid.uuid5(uuid.NAMESPACE_OID, f"{framework}{scenario.name}{n}")): f"user-{n % 2}"
        for n, _ in enumerate(scenario.talks())
    }
    talks = [_Talk(framework, talk, url, *pair) for pair, talk in zip(sessions.items(), scenario.talks(), strict=True)]
    threads = [threading.Thread(target=talk.run) for talk in talks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    provider.force_flush()
    return sessions


def _instrument(framework: str, exporter: Any) -> Any:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    if framework.startswith("openllmetry"):
        from traceloop.sdk import Traceloop

        Traceloop.init(app_name="shop", exporter=exporter, telemetry_enabled=False)
        return trace.get_tracer_provider()
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    if framework.startswith("oi_"):
        from openinference.instrumentation.langchain import LangChainInstrumentor

        LangChainInstrumentor().instrument(tracer_provider=provider)
    if "plus_openai" in framework:
        from openinference.instrumentation.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=provider)
    if framework.startswith("otel"):
        from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor as Official

        Official().instrument(tracer_provider=provider)
    return provider


@wrap_tool_call
def _tell_failures(request: Any, handler: Any) -> Any:
    try:
        return handler(request)
    except Exception as error:
        text = f"Error: {error}"
        return ToolMessage(
            content=text, tool_call_id=request.tool_call["id"], name=request.tool_call["name"], status="error"
        )


class _Window(AgentMiddleware):
    """Send the newest messages only."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self._length = length

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(messages=request.messages[-self._length :]))


class _Talk:
    """One session."""

    def __init__(self, framework: str, scenario: Scenario, url: str, session: str, user: str) -> None:
        self._framework, self._scenario, self._id, self._user = framework, scenario, session, user
        self._model = ChatOpenAI(
            model="gpt-4.1-mini", base_url=url, api_key="sk-none", max_retries=0, stream_usage=True
        )
        self._config = {"configurable": {"thread_id": session}, "metadata": {"session_id": session, "user_id": user}}
        self._agent = self._graph() if scenario.name == "handoff" else self._made(MAIN, InMemorySaver())

    def _made(self, name: str, memory: Any = None) -> Any:
        scenario = self._scenario
        middleware: list[Any] = [_tell_failures] if scenario.tools else []
        if scenario.window:
            middleware.append(_Window(scenario.window))
        if scenario.summary:
            middleware.append(SummarizationMiddleware(model=self._model, trigger=("messages", 7), keep=("messages", 1)))
        tools = [self._tool(tool) for tool in scenario.tools.get(name, ())]
        return create_agent(
            self._model,
            tools,
            system_prompt=scenario.agents[name],
            middleware=middleware,
            checkpointer=memory,
            name=name,
        )

    def _tool(self, name: str) -> Any:
        if name.startswith("transfer_to_"):
            return _transfer(name.removeprefix("transfer_to_"))
        return self._asking() if name == "ask_researcher" else StructuredTool.from_function(TOOLS[name])

    def _asking(self) -> Any:
        researcher = self._made("researcher")

        @tool
        def ask_researcher(question: str) -> str:
            """Ask the researcher a question."""
            return str(researcher.invoke({"messages": [{"role": "user", "content": question}]})["messages"][-1].content)

        return ask_researcher

    def _graph(self) -> Any:
        class State(AgentState):
            active: str

        graph = StateGraph(State)
        for name in self._scenario.agents:
            graph.add_node(name, self._made(name))
        graph.add_conditional_edges(START, lambda state: state.get("active") or MAIN, list(self._scenario.agents))
        return graph.compile(checkpointer=InMemorySaver())

    def run(self) -> None:
        for number, turn in enumerate(self._scenario.turns):
            with self._attributes():
                self._turn(number, turn)

    def _attributes(self) -> Any:
        if self._framework.startswith("oi_") and "threadid" not in self._framework:
            from openinference.instrumentation import using_attributes

            return using_attributes(session_id=self._id, user_id=self._user)
        if self._framework.startswith("openllmetry"):
            from traceloop.sdk import Traceloop

            Traceloop.set_association_properties({"session_id": self._id, "user_id": self._user})
        return nullcontext()

    def _turn(self, number: int, turn: Turn) -> None:
        if self._scenario.guarded:
            self._model.invoke([("system", GUARD_PROMPT), ("user", turn.user)], {**self._config, "run_name": "guard"})
        content: Any = turn.user
        if turn.image:
            url = f"data:image/png;base64,{PNG}"
            content = [{"type": "text", "text": turn.user}, {"type": "image_url", "image_url": {"url": url}}]
        state: Any = {"messages": [{"role": "user", "content": content}]}
        while True:
            try:
                if self._scenario.streamed:
                    for _ in self._agent.stream(state, self._config, stream_mode="messages"):
                        pass
                else:
                    self._agent.invoke(state, self._config)
                break
            except Exception as error:
                if "scripted failure" not in str(error):
                    raise
                state = None
        if self._scenario.title and number == 0:
            said = self._agent.get_state(self._config).values["messages"]
            self._model.invoke([*said, ("user", TITLE_REQUEST)], {**self._config, "run_name": "title"})


def _transfer(agent: str) -> Any:
    @tool(f"transfer_to_{agent}")
    def transfer(
        state: Annotated[Any, InjectedState], tool_call_id: Annotated[str, InjectedToolCallId]
    ) -> Command[Any]:
        """Hand the conversation over."""
        message = ToolMessage(content=TRANSFERRED, tool_call_id=tool_call_id, name=f"transfer_to_{agent}")
        messages = [*state["messages"], message]
        return Command(goto=agent, graph=Command.PARENT, update={"messages": messages, "active": agent})

    return transfer
