"""What an app around a model client adds by itself: spans of turns, tools, guardrails and nested agents."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

Done = Callable[[str], Any]
Function = Callable[[], str]


def nothing(_: str) -> None:
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
        yield nothing

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        """Open the span of a tool."""
        yield nothing

    @contextmanager
    def guard(self) -> Iterator[Done]:
        """Open the span of a guardrail."""
        yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        """Open the span of a nested agent."""
        yield nothing


class OpenInference(Tracing):
    """OpenInference's OpenAI instrumentor, its context managers and, unless bare, spans by its tracer."""

    bare = False
    hides = False

    def __init__(self, exporter: Any) -> None:
        super().__init__(exporter)
        from openinference.instrumentation import OITracer, TraceConfig
        from openinference.instrumentation.openai import OpenAIInstrumentor

        config = TraceConfig(hide_inputs=self.hides, hide_outputs=self.hides)
        OpenAIInstrumentor().instrument(tracer_provider=self.provider, config=config)
        self.tracer = OITracer(self.provider.get_tracer("shop"), config)

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
            yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._span(name, "agent", text, {"agent.name": name}) as done:
            yield done

    @contextmanager
    def _span(self, name: str, kind: str, text: str | None, attributes: dict[str, Any]) -> Iterator[Done]:
        if self.bare:
            yield nothing
            return
        with self.tracer.start_as_current_span(name, openinference_span_kind=kind) as span:
            span.set_attributes(attributes)
            if text is not None:
                span.set_input(text)
            yield span.set_output


class BareOpenInference(OpenInference):
    """The instrumentor alone."""

    bare = True


class HiddenOpenInference(OpenInference):
    """With the content hidden."""

    hides = True


def _as_messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}], ensure_ascii=False)


class OfficialGenAI(Tracing):
    """The official OTel instrumentation; the app adds `invoke_agent` and `execute_tool` spans."""

    module = "opentelemetry.instrumentation.genai.openai"
    content = "span_only"
    opted_in = "gen_ai_latest_experimental"
    shows_tools = True
    shows_messages = True

    def __init__(self, exporter: Any) -> None:
        import os
        from importlib import import_module

        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = self.opted_in
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = self.content
        super().__init__(exporter)
        import_module(self.module).OpenAIInstrumentor().instrument(tracer_provider=self.provider)

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "nova"}
        attributes |= {"gen_ai.conversation.id": session, "user.id": user}
        with self._invoked("nova", text, attributes) as done:
            yield done

    @contextmanager
    def _invoked(self, name: str, text: str, attributes: dict[str, Any]) -> Iterator[Done]:
        """Open the span of an agent with what it was asked and what it answers."""
        if self.shows_messages:
            attributes |= {"gen_ai.input.messages": _as_messages("user", text)}
        with self.tracer.start_as_current_span(f"invoke_agent {name}", attributes=attributes) as span:
            yield (
                lambda answer: (
                    self.shows_messages
                    and span.set_attribute("gen_ai.output.messages", _as_messages("assistant", answer))
                )
            )

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id}
        if self.shows_tools:
            attributes["gen_ai.tool.call.arguments"] = json.dumps(arguments)
        with self.tracer.start_as_current_span(f"execute_tool {name}", attributes=attributes) as span:
            yield lambda text: self.shows_tools and span.set_attribute("gen_ai.tool.call.result", text)

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self.tracer.start_as_current_span("input_guard"):
            yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        with self._invoked(name, text, attributes) as done:
            yield done


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
        with self._invoked("nova", text, {"gen_ai.operation.name": "invoke_agent"}) as done:
            yield done
        context.detach(token)


class GenAILogs(OfficialGenAI):
    """Content in log records, only there or on the spans too."""

    content = "event_only"
    shows_messages = False

    def __init__(self, exporter: Any) -> None:
        from opentelemetry._logs import set_logger_provider

        from log_file import logger_provider

        set_logger_provider(logger_provider(exporter.path))
        super().__init__(exporter)


class GenAIBoth(GenAILogs):
    """Content on spans and in log records."""

    content = "span_and_event"
    shows_messages = True


class ContribV2(OfficialGenAI):
    """The predecessor package."""

    module = "opentelemetry.instrumentation.openai_v2"


class ContribV2Logs(GenAILogs):
    """The predecessor package with the conventions of its time: a log record for each message."""

    module = "opentelemetry.instrumentation.openai_v2"
    content = "true"
    opted_in = ""
    shows_tools = False
