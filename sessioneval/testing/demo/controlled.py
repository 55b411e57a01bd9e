"""The four controlled sessions as spans: what a tutor's model calls would have left, without any model."""

from collections.abc import Sequence

from openinference.instrumentation import Message, OITracer, TraceConfig, get_llm_attributes
from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.session_scope import session
from sessioneval.testing.controlled_sessions import ControlledSession

AGENT_VERSION = "written-by-hand"


def case_name(controlled: ControlledSession) -> str:
    """Return the name of the case in the demo's table.

    Example:
        >>> from sessioneval.testing.controlled_sessions import CONTROLLED_SESSIONS
        >>> [case_name(controlled) for controlled in CONTROLLED_SESSIONS]
        ['clean', 'incoherent', 'goal not met', 'frustrated']
    """
    return controlled.session_id.removeprefix("controlled-").replace("-", " ")


def replay(controlled: ControlledSession, session_id: str, tracer_provider: TracerProvider) -> None:
    """Write one LLM span for each turn of the tutor, with all messages before it as input."""
    tracer = OITracer(tracer_provider.get_tracer(__name__), config=TraceConfig())
    messages = [Message(role=message["role"], content=message["content"]) for message in controlled.messages]
    with session(
        session_id,
        user_id="student-on-paper",
        source="demo",
        agent_version=AGENT_VERSION,
        tags=["controlled", controlled.topic],
        tracer_provider=tracer_provider,
    ) as chat:
        for index, message in enumerate(messages):
            if message["role"] == "assistant":
                _replay_turn(tracer, messages[:index], message)
        chat.complete()


def _replay_turn(tracer: OITracer, history: Sequence[Message], answer: Message) -> None:
    with tracer.start_as_current_span("tutor", openinference_span_kind="llm") as span:
        span.set_attributes(get_llm_attributes(input_messages=history, output_messages=[answer]))
