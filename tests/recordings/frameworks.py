"""Which frameworks are recorded: their pinned packages, their app, and their ways with hand-offs and failures."""

from dataclasses import dataclass, field

_SDK = ("opentelemetry-sdk==1.45.1", "opentelemetry-exporter-otlp-proto-common==1.45.1")
_OI = ("openinference-instrumentation==0.1.72", *_SDK)
_OPENAI = "openai==3.52.0"
# The SDK needs the two clients and does not say so.
_TRACELOOP = ("traceloop-sdk==0.62.4", "httpx==0.28.1", "requests==2.34.2")
_TALKS = ("handoff", "delegate", "streaming", "tool_error")
_SIDE = ("interleaved", "title_guard", "window", "summarised", "multimodal", "llm_error")
_RAW = ("support", *_TALKS, *_SIDE)
_RAW_FAILED = '{{"error": "{error}"}}'


@dataclass(frozen=True)
class Framework:
    """One framework under one instrumentation.

    Attributes:
        app: Module under `apps/` that runs it.
        packages: What its environment holds.
        scenarios: What it can run.
        transferred: Result of a hand-off's tool call.
        failed: Result of a tool that raised, as the model reads it; with `{error}` and `{name}`.
        variables: Environment variables that switch its instrumentation.
    """

    app: str
    packages: tuple[str, ...]
    scenarios: tuple[str, ...]
    transferred: str = '{"assistant": "refund_agent"}'
    failed: str = _RAW_FAILED
    variables: dict[str, str] = field(default_factory=dict)


_OI_OPENAI = (_OPENAI, "openinference-instrumentation-openai==0.1.66", *_OI)
_GENAI_OPENAI = (
    _OPENAI,
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-util-genai==1.3b0",
    "opentelemetry-processor-baggage==0.66b1",
    *_SDK,
)
_TRACELOOP_OPENAI = (_OPENAI, *_TRACELOOP, "opentelemetry-instrumentation-openai==0.62.4", *_SDK)
_AGENTS = ("openai-agents==0.24.0", _OPENAI)
_OI_AGENTS = (
    *_AGENTS,
    "openinference-instrumentation-openai-agents==2.6.0",
    "openinference-instrumentation-openai==0.1.66",
    *_OI,
)
_TRACELOOP_AGENTS = (*_AGENTS, *_TRACELOOP, "opentelemetry-instrumentation-openai-agents==0.62.4", *_SDK)
_OTEL_AGENTS = (
    *_AGENTS,
    "opentelemetry-instrumentation-genai-openai-agents==1.3b0",
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    *_SDK,
)
_AGENTS_FAILED = "An error occurred while running the tool. Please try again."
_GRAPH = ("langchain==1.4.7", "langgraph==1.2.22", "langchain-openai==1.7.3")
_OI_GRAPH = (
    *_GRAPH,
    "openinference-instrumentation-langchain==0.1.80",
    "openinference-instrumentation-openai==0.1.66",
    *_OI,
)
_GRAPH_TRANSFERRED = "Successfully transferred to refund_agent"
_GENAI_CONTENT = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
}


def _named_by_itself(name: str) -> tuple[str, ...]:
    """Return the scenarios of a Pydantic AI variant: without an id of the app's, each run without history gets its own."""
    apart = ("llm_error", "title_guard", "summarised", "interleaved")
    is_named = name.startswith("pydantic_ai_v") or name.endswith("convid")
    return tuple(s for s in _RAW if s != "handoff" and (is_named or s not in apart))


_PYDANTIC = ("pydantic-ai-slim[openai]==2.68.0", _OPENAI, *_SDK)
_STRANDS_FAILED = "Error: ToolFailedError - {error}"
_STRANDS = ("strands-agents==1.62.0", "openai==2.54.0", *_SDK)
_STRANDS_SCENARIOS = ("support", "delegate", "tool_error", "interleaved", "title_guard", "window", "summarised")
_AGENT_FRAMEWORK = (
    "agent-framework-core==1.23.0",
    "agent-framework-openai==1.17.0",
    _OPENAI,
    "opentelemetry-processor-baggage==0.66b1",
    "opentelemetry-exporter-otlp-proto-common==1.45.2",
)
FRAMEWORKS = {
    "oi_openai": Framework("raw_openai", _OI_OPENAI, _RAW),
    "oi_openai_bare": Framework("raw_openai", _OI_OPENAI, _RAW),
    "oi_openai_dual": Framework(
        "raw_openai", _OI_OPENAI, _RAW, variables={"OPENINFERENCE_ENABLE_GENAI_SEMCONV": "true"}
    ),
    "oi_openai_responses": Framework(
        "raw_openai", _OI_OPENAI, tuple(s for s in _RAW if s not in ("window", "summarised"))
    ),
    "oi_openai_responses_fullhist": Framework("raw_openai", _OI_OPENAI, _RAW),
    "otel_genai_openai_span": Framework("raw_openai", _GENAI_OPENAI, _RAW),
    "otel_genai_openai_baggage": Framework("raw_openai", _GENAI_OPENAI, _RAW),
    "openllmetry_openai_current": Framework("raw_openai", _TRACELOOP_OPENAI, _RAW),
    "openllmetry_openai_old": Framework(
        "raw_openai", ("openai==1.109.1", "traceloop-sdk==0.40.14", *_TRACELOOP[1:]), _RAW
    ),
    "otel_openai_v2_span": Framework(
        "raw_openai",
        (
            "openai==2.54.0",
            "opentelemetry-instrumentation-openai-v2==2.4b0",
            "opentelemetry-util-genai==0.4b0",
            "opentelemetry-exporter-otlp-proto-common==1.45.2",
        ),
        _RAW,
    ),
    "langfuse": Framework("raw_openai", ("langfuse==5.0.4", _OPENAI), _RAW),
    **{
        name: Framework(
            "agents_sdk", packages, _RAW, transferred='{"assistant": "refund_agent"}', failed=_AGENTS_FAILED
        )
        for name, packages in {
            "oi_openai_agents": _OI_AGENTS,
            "oi_openai_agents_chatapi": _OI_AGENTS,
            "oi_openai_agents_plus_openai": _OI_AGENTS,
            "openllmetry_openai_agents": _TRACELOOP_AGENTS,
        }.items()
    },
    "otel_genai_openai_agents": Framework(
        "agents_sdk",
        _OTEL_AGENTS,
        _RAW,
        failed=_AGENTS_FAILED,
        variables={
            "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
        },
    ),
    **{
        name: Framework("langgraph_app", packages, _RAW, transferred=_GRAPH_TRANSFERRED, variables=_GENAI_CONTENT)
        for name, packages in {
            "oi_langgraph": _OI_GRAPH,
            "oi_langgraph_threadid": _OI_GRAPH,
            "oi_langgraph_plus_openai": _OI_GRAPH,
            "otel_genai_langgraph": (*_GRAPH, "opentelemetry-instrumentation-genai-langchain==1.3b0", *_SDK),
            "openllmetry_langgraph": (
                *_GRAPH,
                *_TRACELOOP,
                "opentelemetry-instrumentation-langchain==0.62.4",
                *_SDK,
            ),
        }.items()
    },
    "langsmith_otel_langgraph": Framework(
        "langgraph_app",
        (*_GRAPH, "langsmith==0.14.17", *_SDK),
        _RAW,
        transferred=_GRAPH_TRANSFERRED,
        variables={
            "LANGSMITH_TRACING": "true",
            "LANGSMITH_OTEL_ENABLED": "true",
            "LANGSMITH_OTEL_ONLY": "true",
            "LANGSMITH_API_KEY": "none",
            "LANGSMITH_ENDPOINT": "http://127.0.0.1:9",
        },
    ),
    **{
        name: Framework(
            "pydantic_app", packages, _named_by_itself(name), failed="{error}\n\nFix the errors and try again."
        )
        for name, packages in {
            "pydantic_ai_v5": _PYDANTIC,
            "pydantic_ai_v6": _PYDANTIC,
            "oi_pydantic_ai": (*_PYDANTIC, "openinference-instrumentation-pydantic-ai==0.1.30", *_OI),
            "oi_pydantic_ai_convid": (*_PYDANTIC, "openinference-instrumentation-pydantic-ai==0.1.30", *_OI),
            "logfire_pydantic_ai": (*_PYDANTIC, "logfire==5.2.0"),
            "pydantic_ai_old_v1": ("pydantic-ai-slim[openai]==1.0.18", "opentelemetry-sdk==1.34.1"),
            "pydantic_ai_old_v2": ("pydantic-ai-slim[openai]==1.0.18", "opentelemetry-sdk==1.34.1"),
        }.items()
    },
    "strands": Framework("strands_app", _STRANDS, _STRANDS_SCENARIOS, failed=_STRANDS_FAILED),
    "strands_latest": Framework(
        "strands_app",
        _STRANDS,
        _STRANDS_SCENARIOS,
        failed=_STRANDS_FAILED,
        variables={"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"},
    ),
    "oi_llamaindex": Framework(
        "llamaindex_app",
        (
            "llama-index-core==0.14.25",
            "llama-index-llms-openai-like==0.8.1",
            "openinference-instrumentation-llama-index==4.6.1",
            *_OI,
        ),
        ("support", "delegate", "streaming", "tool_error", "interleaved"),
        failed="{error}",
    ),
    "oi_smolagents": Framework(
        "smolagents_app",
        ("smolagents==1.26.0", "openai==2.54.0", "openinference-instrumentation-smolagents==0.1.43", *_OI),
        ("support", "streaming"),
    ),
    **{
        name: Framework(
            "agent_framework_app",
            _AGENT_FRAMEWORK,
            ("support", "delegate", "streaming", "tool_error", "interleaved", "title_guard"),
            failed="Error: Function failed.",
        )
        for name in ("agent_framework", "agent_framework_baggage")
    },
    "oi_litellm": Framework(
        "litellm_app", ("litellm==1.83.0", "openinference-instrumentation-litellm==0.1.51", *_OI), _RAW
    ),
    "google_adk_content": Framework(
        "adk_app",
        ("google-adk==2.13.0", "litellm==1.106.2", "mcp==2.3.0", "opentelemetry-exporter-otlp-proto-common==1.44.0"),
        ("support", "tool_error", "interleaved"),
        variables={**_GENAI_CONTENT, "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": "true"},
    ),
}
