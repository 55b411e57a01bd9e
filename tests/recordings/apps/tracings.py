"""Which tracing each framework over a model client has."""

from typing import Any

from raw_tracing import (
    BareOpenInference,
    ContribV2,
    ContribV2Logs,
    GenAIBaggage,
    GenAIBoth,
    GenAILogs,
    HiddenOpenInference,
    OfficialGenAI,
    OpenInference,
    Tracing,
)
from vendor_tracing import Datadog, Langfuse, MLflow, Traceloop

_TRACINGS = {
    "datadog_openai": Datadog,
    "oi_openai_hidden": HiddenOpenInference,
    "otel_genai_openai_both": GenAIBoth,
    "otel_genai_openai_event": GenAILogs,
    "otel_genai_openai_trunc": OfficialGenAI,
    "otel_openai_v2_legacylog": ContribV2Logs,
    "mlflow_own_id": MLflow,
    "mlflow_genai_own_id": MLflow,
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
