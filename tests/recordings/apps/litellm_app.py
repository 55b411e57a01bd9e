"""LiteLLM under OpenInference: the loop of the raw app over `litellm.completion`."""

from types import SimpleNamespace
from typing import Any

import litellm
import raw_openai
from raw_tracing import OpenInference, Tracing

from script import Scenario


class _Tracing(OpenInference):
    def __init__(self, exporter: Any) -> None:
        Tracing.__init__(self, exporter)
        from openinference.instrumentation import OITracer, TraceConfig
        from openinference.instrumentation.litellm import LiteLLMInstrumentor

        LiteLLMInstrumentor().instrument(tracer_provider=self.provider)
        self.tracer = OITracer(self.provider.get_tracer("shop"), TraceConfig())


def run(framework: str, scenario: Scenario, url: str, exporter: Any) -> dict[str, str]:
    """Run all sessions and return session ids with their users."""

    def create(*, model: str, **more: Any) -> Any:
        return litellm.completion(model=f"openai/{model}", api_base=url, api_key="sk-none", max_retries=0, **more)

    client = SimpleNamespace(chat=SimpleNamespace(completions=SimpleNamespace(create=create)))
    return raw_openai.run_with(_Tracing(exporter), client, framework, scenario)
