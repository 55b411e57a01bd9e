"""Tracing by the SDKs of vendors: OpenLLMetry, Langfuse, MLflow, Datadog."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from raw_tracing import Done, Function, Tracing, nothing


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
            yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._span(name, "agent", {"args": [text], "kwargs": {}}) as done:
            yield done

    @contextmanager
    def _span(self, name: str, kind: Any, given: Any) -> Iterator[Done]:
        with self.sdk.start_as_current_observation(name=name, as_type=kind, input=given) as span:
            yield lambda text: span.update(output=text) and None


class MLflow(Tracing):
    """MLflow's tracing, exported over OTLP; it keeps the session to itself."""

    def __init__(self, exporter: Any) -> None:
        import os

        from otlp_receiver import receiver

        os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = receiver(exporter.path)
        os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
        import mlflow
        import mlflow.openai

        self._mlflow = mlflow
        mlflow.openai.autolog()

    def flush(self) -> None:
        from opentelemetry import trace

        self._mlflow.flush_trace_async_logging()
        for provider in (trace.get_tracer_provider(), getattr(self._mlflow.tracing.provider, "provider", None)):
            flush = getattr(provider, "force_flush", None)
            if flush:
                flush()

    @contextmanager
    def _span(self, name: str, kind: str, given: Any) -> Iterator[Done]:
        with self._mlflow.start_span(name, span_type=kind) as span:
            if given is not None:
                span.set_inputs(given)
            yield span.set_outputs

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        with self._span("answer_customer", "AGENT", {"message": text}) as done:
            # What MLflow does not export, an app may write by itself.
            self._mlflow.get_current_active_span().set_attribute("session.id", session)
            yield done

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        with self._span(name, "TOOL", arguments) as done:
            yield done

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self._span("input_guard", "GUARDRAIL", None):
            yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._span(name, "AGENT", {"question": text}) as done:
            yield done


class Datadog(Tracing):
    """Datadog's LLM Observability: its events, as its writer would post them."""

    def __init__(self, exporter: Any) -> None:
        from ddtrace import patch
        from ddtrace.llmobs import LLMObs
        from ddtrace.llmobs._writer import LLMObsSpanWriter

        def enqueue(_: Any, event: Any) -> None:
            body = {"_dd.stage": "raw", "_dd.tracer_version": "4.16.0", "event_type": "span", "spans": [event]}
            with exporter.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(body) + "\n")

        LLMObsSpanWriter.enqueue = enqueue
        LLMObs.enable(
            ml_app="shop", agentless_enabled=True, api_key="none", site="localhost", integrations_enabled=False
        )
        patch(openai=True)
        self._sdk = LLMObs

    def flush(self) -> None:
        pass

    @contextmanager
    def turn(self, session: str, user: str, text: str) -> Iterator[Done]:
        with self._sdk.agent(name="support_agent", session_id=session) as span:
            self._sdk.annotate(span, input_data=text, tags={"user_id": user})
            yield lambda answer: self._sdk.annotate(span, output_data=answer)

    @contextmanager
    def tool(self, name: str, call_id: str, arguments: dict[str, Any]) -> Iterator[Done]:
        with self._sdk.tool(name=name) as span:
            self._sdk.annotate(span, input_data=arguments)
            yield lambda answer: self._sdk.annotate(span, output_data=answer)

    @contextmanager
    def guard(self) -> Iterator[Done]:
        with self._sdk.task(name="input_guard"):
            yield nothing

    @contextmanager
    def agent(self, name: str, text: str) -> Iterator[Done]:
        with self._sdk.agent(name=name) as span:
            self._sdk.annotate(span, input_data=text)
            yield lambda answer: self._sdk.annotate(span, output_data=answer)
