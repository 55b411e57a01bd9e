"""What an app around a model client adds by itself: spans of turns, tools, guardrails and nested agents."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Done = Callable[[str], Any]
Function = Callable[[], str]


def _nothing(_: str) -> None:
    """Take a result that no span shows."""


class Tracing:
    """No spans of the app's own."""

    def __init__(self, exporter: Any) -> None:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(self.provider)
        self.tracer = self.provider.get_tracer("shop")

    def flush(self) -> None:
        """Export what is left."""
        self.provider.force_flush()

    def run(self, span: AbstractContextManager[Done], function: Function) -> str:
        """Run a function inside a span that takes its result."""
        with span as done:
            result = function()
            done(result)
            return result

    def run_turn(self, session: str, user: str, text: str, function: Function) -> str:
        """Run a turn."""
        return self.run(self.turn(session, user, text), function)

    def run_tool(self, name: str, call_id: str, arguments: dict[str, Any], function: Function) -> str:
        """Run a tool."""
        return self.run(self.tool(name, call_id, arguments), function)

    def run_guard(self, function: Function) -> str:
        """Run a guardrail."""
        return self.run(self.guard(), function)

    def run_agent(self, name: str, text: str, function: Function) -> str:
        """Run a nested agent."""
        return self.run(self.agent(name, text), function)

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        """Open the span of a turn."""
        yield _nothing

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        """Open the span of a tool."""
        yield _nothing

    @contextmanager
    def guard(self) -> Iterator[Done]:
        """Open the span of a guardrail."""
        yield _nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        """Open the span of a nested agent."""
        yield _nothing


class OpenInference(Tracing):
    """OpenInference's OpenAI instrumentor, its context managers and, unless bare, spans by its tracer."""

    bare = False

    def __init__(self, exporter: Any) -> None:
        super().__init__(exporter)
        from openinference.instrumentation import OITracer, TraceConfig
        from openinference.instrumentation.openai import OpenAIInstrumentor

        OpenAIInstrumentor().instrument(tracer_provider=self.provider)
        self.tracer = OITracer(self.provider.get_tracer("shop"), TraceConfig())

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        from openinference.instrumentation import using_attributes

        with using_attributes(session_id=session, user_id=user, metadata={"channel": "web"}, tags=["t"]):
            with self._span("support_agent", "agent", text, {"agent.name": "nova"}) as done:
                yield done

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        text = json.dumps(arguments)
        with self._span(name, "tool", text, {"tool.name": name, "tool.id": call_id, "tool.parameters": text}) as done:
            yield done

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self._span("input_guard", "guardrail", None, {}):
            yield _nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._span(name, "agent", text, {"agent.name": name}) as done:
            yield done

    @contextmanager
    def _span(self, name: str, kind: str, text: str | None, attributes: dict[str, Any]) -> Iterator[Done]:
        if self.bare:
            yield _nothing
            return
        with self.tracer.start_as_current_span(name, openinference_span_kind=kind) as span:
            span.set_attributes(attributes)
            if text is not None:
                span.set_input(text)
            yield span.set_output


class BareOpenInference(OpenInference):
    """The instrumentor alone."""

    bare = True


class OfficialGenAI(Tracing):
    """The official OTel instrumentation; the app adds `invoke_agent` and `execute_tool` spans."""

    on_root_only = True
    module = "opentelemetry.instrumentation.genai.openai"

    def __init__(self, exporter: Any) -> None:
        import os
        from importlib import import_module

        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
        super().__init__(exporter)
        import_module(self.module).OpenAIInstrumentor().instrument(tracer_provider=self.provider)

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "nova"}
        attributes |= {"gen_ai.conversation.id": session, "user.id": user}
        with self.tracer.start_as_current_span("invoke_agent nova", attributes=attributes):
            yield _nothing

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id}
        attributes["gen_ai.tool.call.arguments"] = json.dumps(arguments)
        with self.tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
            yield lambda text: span.set_attribute("gen_ai.tool.call.result", text)

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self.tracer.start_as_current_span("input_guard"):
            yield _nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        with self.tracer.start_as_current_span(f"invoke_agent {name}", attributes=attributes):
            yield _nothing


class GenAIBaggage(OfficialGenAI):
    """As above; session and user travel as baggage, which a processor writes on every span."""

    def __init__(self, exporter: Any) -> None:
        super().__init__(exporter)
        from opentelemetry.processor.baggage import ALLOW_ALL_BAGGAGE_KEYS, BaggageSpanProcessor

        self.provider.add_span_processor(BaggageSpanProcessor(ALLOW_ALL_BAGGAGE_KEYS))

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        from opentelemetry import baggage, context

        token = context.attach(baggage.set_baggage("user.id", user, baggage.set_baggage("session.id", session)))
        with self.tracer.start_as_current_span(
            "invoke_agent nova", attributes={"gen_ai.operation.name": "invoke_agent"}
        ):
            yield _nothing
        context.detach(token)


class ContribV2(OfficialGenAI):
    """The predecessor package."""

    module = "opentelemetry.instrumentation.openai_v2"


class Traceloop(Tracing):
    """OpenLLMetry through its SDK, with its decorators."""

    def __init__(self, exporter: Any) -> None:
        from traceloop.sdk import Traceloop as Sdk

        Sdk.init(app_name="shop", exporter=exporter, disable_batch=False, telemetry_enabled=False)

    def flush(self) -> None:
        from opentelemetry import trace

        trace.get_tracer_provider().force_flush()

    def run_turn(self, session: str, user: str, text: str, function: Function) -> str:
        from opentelemetry import context
        from traceloop.sdk import Traceloop as Sdk
        from traceloop.sdk.decorators import workflow

        @workflow(name="support_turn")
        def support_turn(text: str) -> str:  # noqa: ARG001 - shown on the span
            return function()

        token = context.attach(context.get_current())
        Sdk.set_association_properties({"session_id": session, "user_id": user})
        try:
            return support_turn(text)
        finally:
            context.detach(token)

    def run_tool(self, name: str, call_id: str, arguments: dict[str, Any], function: Function) -> str:
        from traceloop.sdk.decorators import tool

        return tool(name=name)(lambda **_: function())(**arguments)

    def run_guard(self, function: Function) -> str:
        from traceloop.sdk.decorators import task

        return task(name="input_guard")(function)()

    def run_agent(self, name: str, text: str, function: Function) -> str:
        from traceloop.sdk.decorators import agent

        return agent(name=name)(lambda **_: function())(question=text)


class Langfuse(Tracing):
    """The Langfuse SDK's client spans."""

    def __init__(self, exporter: Any) -> None:
        super().__init__(exporter)
        from langfuse import Langfuse as Sdk

        self.sdk = Sdk(
            public_key="pk-none", secret_key="sk-none", tracer_provider=self.provider, span_exporter=exporter
        )

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        from langfuse import propagate_attributes

        with propagate_attributes(session_id=session, user_id=user, tags=["t"]):
            with self._span("support_turn", "agent", {"args": [text], "kwargs": {}}) as done:
                yield done

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        with self._span(name, "tool", {"args": [], "kwargs": arguments}) as done:
            yield done

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self._span("input_guard", "guardrail", None):
            yield _nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._span(name, "agent", {"args": [text], "kwargs": {}}) as done:
            yield done

    @contextmanager
    def _span(self, name: str, kind: Any, given: Any) -> Iterator[Done]:
        with self.sdk.start_as_current_observation(name=name, as_type=kind, input=given) as span:
            yield lambda text: span.update(output=text) and None


_TRACINGS = {
    "oi_openai": OpenInference,
    "oi_openai_bare": BareOpenInference,
    "oi_openai_dual": OpenInference,
    "oi_openai_responses": OpenInference,
    "oi_openai_responses_fullhist": OpenInference,
    "otel_genai_openai_span": OfficialGenAI,
    "otel_genai_openai_baggage": GenAIBaggage,
    "otel_openai_v2_span": ContribV2,
    "openllmetry_openai_current": Traceloop,
    "openllmetry_openai_old": Traceloop,
    "langfuse": Langfuse,
}


def tracing_of(framework: str, exporter: Any) -> Tracing:
    """Return the tracing of a framework, switched on."""
    return _TRACINGS[framework](exporter)
