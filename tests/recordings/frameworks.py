"""Which frameworks are recorded: their pinned packages, their app, and their ways with hand-offs and failures."""

from dataclasses import dataclass, field

from script import Call

_SDK = ("opentelemetry-sdk==1.45.1", "opentelemetry-exporter-otlp-proto-common==1.45.1")
_OI = ("openinference-instrumentation==0.1.72", *_SDK)
_OPENAI = "openai==3.52.0"
# The SDK needs the two clients and does not say so.
_TRACELOOP = ("traceloop-sdk==0.62.4", "httpx==0.28.1", "requests==2.34.2")
_TALKS = ("handoff", "delegate", "streaming", "tool_error")
_SIDE = ("interleaved", "title_guard", "window", "summarised", "multimodal", "llm_error", "long")
_RAW = ("support_tools", *_TALKS, *_SIDE)
_RAW_FAILED = "Error: {error}"


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
        node_packages: What its environment holds of npm's.
        ending: How the file of spans is called; Datadog's is not OTLP.
        handing: The call that hands a talk over, where the framework has its own tool for it.
        answered: What the tool that is another agent returns; with `{answer}`.
        asking: Name and argument of the tool that is another agent, where the framework has its own.
    """

    app: str
    packages: tuple[str, ...]
    scenarios: tuple[str, ...]
    transferred: str = '{"assistant": "refund_agent"}'
    failed: str = _RAW_FAILED
    variables: dict[str, str] = field(default_factory=dict)
    node_packages: tuple[str, ...] = ()
    ending: str = ".jsonl"
    handing: Call | None = None
    asking: tuple[str, str] | None = None
    answered: str = "{answer}"

    def named(self, call: Call) -> Call:
        """Return a call as the framework names it: its own tool for hand-offs, or an agent as a tool."""
        if self.handing and call.name.startswith("transfer_to_"):
            return self.handing
        if self.asking and call.name == "ask_researcher":
            name, argument = self.asking
            return Call(name, {argument: call.arguments["question"]})
        return call


_OI_OPENAI = (_OPENAI, "openinference-instrumentation-openai==0.1.66", *_OI)
_GENAI_OPENAI = (
    _OPENAI,
    "opentelemetry-instrumentation-genai-openai==1.3b0",
    "opentelemetry-util-genai==1.3b0",
    "opentelemetry-processor-baggage==0.66b1",
    *_SDK,
)
_OPENAI_V2 = (
    "openai==2.54.0",
    "opentelemetry-instrumentation-openai-v2==2.4b0",
    "opentelemetry-util-genai==0.4b0",
    "opentelemetry-sdk==1.45.2",
    "opentelemetry-exporter-otlp-proto-common==1.45.2",
)
_MLFLOW = ("mlflow-skinny==3.17.2", _OPENAI, "opentelemetry-exporter-otlp-proto-http==1.45.2", "pandas==2.3.3")
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


_PYDANTIC = ("pydantic-ai-slim[openai]==2.68.0", _OPENAI, *_SDK)
_PYDANTIC_OLD = (
    "pydantic-ai-slim[openai]==1.0.18",
    "openai==1.109.1",
    "opentelemetry-sdk==1.34.1",
    "opentelemetry-exporter-otlp-proto-common==1.34.1",
)
_STRANDS_FAILED = "Error: ToolFailedError - {error}"
_STRANDS = ("strands-agents==1.62.0", "openai==2.54.0", *_SDK)
_STRANDS_SCENARIOS = tuple(scenario for scenario in _RAW if scenario != "handoff")
_AGENT_FRAMEWORK = (
    "agent-framework-core==1.23.0",
    "agent-framework-openai==1.17.0",
    _OPENAI,
    "opentelemetry-processor-baggage==0.66b1",
    "opentelemetry-exporter-otlp-proto-common==1.45.2",
)
_NODE = ("@opentelemetry/sdk-trace-node@2.12.0", "@opentelemetry/otlp-transformer@0.223.1", "zod@3.25.76")
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
    "otel_openai_v2_span": Framework("raw_openai", _OPENAI_V2, _RAW),
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
    **{
        f"{name}_astool": Framework(
            "agents_sdk", packages, ("delegate",), asking=("ask_researcher", "input"), variables=_GENAI_CONTENT
        )
        for name, packages in {
            "oi_openai_agents": _OI_AGENTS,
            "openllmetry_openai_agents": _TRACELOOP_AGENTS,
            "otel_genai_openai_agents": _OTEL_AGENTS,
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
            "pydantic_app",
            packages,
            _RAW,
            transferred="Final result processed.",
            failed="{error}\n\nFix the errors and try again.",
        )
        for name, packages in {
            "pydantic_ai_v5": _PYDANTIC,
            "pydantic_ai_v6": _PYDANTIC,
            "oi_pydantic_ai": (*_PYDANTIC, "openinference-instrumentation-pydantic-ai==0.1.30", *_OI),
            "oi_pydantic_ai_convid": (*_PYDANTIC, "openinference-instrumentation-pydantic-ai==0.1.30", *_OI),
            "logfire_pydantic_ai": (*_PYDANTIC, "logfire==5.2.0"),
            "pydantic_ai_old_v1": _PYDANTIC_OLD,
            "pydantic_ai_old_v2": _PYDANTIC_OLD,
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
        tuple(scenario for scenario in _RAW if scenario not in ("window", "summarised")),
        transferred=(
            "Agent refund_agent is now handling the request due to the following reason: money."
            "\nPlease continue with the current request."
        ),
        handing=Call("handoff", {"to_agent": "refund_agent", "reason": "money"}),
        failed="{error}",
    ),
    "oi_smolagents": Framework(
        "smolagents_app",
        ("smolagents==1.26.0", "openai==2.54.0", "openinference-instrumentation-smolagents==0.1.43", *_OI),
        ("support_tools", "delegate", "streaming", "tool_error", "interleaved", "title_guard", "long"),
        asking=("researcher", "task"),
        answered="Here is the final answer from your managed agent 'researcher':\n{answer}",
        failed="Error executing tool '{name}' with arguments {arguments!s}: ToolFailedError: {error}\nPlease try again or use another tool",
    ),
    **{
        name: Framework(
            "agent_framework_app",
            _AGENT_FRAMEWORK,
            tuple(scenario for scenario in _RAW if scenario != "handoff"),
            failed="Error: Function failed.",
        )
        for name in ("agent_framework", "agent_framework_baggage")
    },
    "oi_litellm": Framework(
        "litellm_app", ("litellm==1.83.0", "openinference-instrumentation-litellm==0.1.51", *_OI), _RAW
    ),
    "oi_openai_hidden": Framework("raw_openai", _OI_OPENAI, _RAW),
    "otel_genai_openai_both": Framework("raw_openai", _GENAI_OPENAI, _RAW),
    "otel_genai_openai_event": Framework("raw_openai", _GENAI_OPENAI, _RAW),
    "otel_genai_openai_trunc": Framework(
        "raw_openai", _GENAI_OPENAI, _RAW, variables={"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "600"}
    ),
    "otel_openai_v2_legacylog": Framework("raw_openai", _OPENAI_V2, _RAW),
    "mlflow_own_id": Framework("raw_openai", _MLFLOW, _RAW),
    "mlflow_genai_own_id": Framework(
        "raw_openai", _MLFLOW, _RAW, variables={"MLFLOW_ENABLE_OTEL_GENAI_SEMCONV": "true"}
    ),
    "datadog_openai": Framework(
        "raw_openai",
        ("ddtrace==4.16.0", _OPENAI, *_SDK),
        _RAW,
        ending=".llmobs.jsonl",
        variables={"DD_TRACE_ENABLED": "0"},
    ),
    "oi_anthropic": Framework(
        "anthropic_app", ("anthropic==2.11.0", _OPENAI, "openinference-instrumentation-anthropic==3.1.0", *_OI), _RAW
    ),
    "google_adk_content": Framework(
        "adk_app",
        ("google-adk==2.13.0", "litellm==1.106.2", "mcp==2.3.0", "opentelemetry-exporter-otlp-proto-common==1.44.0"),
        tuple(scenario for scenario in _RAW if scenario not in ("window", "summarised")),
        handing=Call("transfer_to_agent", {"agent_name": "refund_agent"}),
        transferred='{"result": null}',
        asking=("researcher", "request"),
        answered='{{"result": "{answer}"}}',
        failed='{{"error": "{error}"}}',
        variables={**_GENAI_CONTENT, "ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS": "true"},
    ),
    **{
        name: Framework(
            "vercel_app",
            _SDK,
            _RAW,
            node_packages=(f"ai@{sdk}", f"@ai-sdk/openai@{openai}", *_NODE),
            failed="Error: {error}" if name == "vercel_ai_v4" else "{error}",
        )
        for name, sdk, openai in (
            ("vercel_ai_v4", "4.3.19", "1.3.24"),
            ("vercel_ai_v5", "5.0.277", "2.0.131"),
            ("vercel_ai_v6", "6.0.326", "3.0.141"),
            ("vercel_ai_v6_responses", "6.0.326", "3.0.141"),
        )
    },
}
