"""The demo's support agent: answers customers with tools; each turn is a trace with the agent's span at its root."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openai.types.chat import (
    ChatCompletionMessage,
    ChatCompletionMessageParam,
    ChatCompletionMessageToolCallUnion,
    ChatCompletionToolParam,
)
from openinference.instrumentation import OITracer, TraceConfig
from openinference.semconv.trace import ToolCallAttributes
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import StatusCode

from sessioneval.instrument.session_scope import session
from sessioneval.testing.demo.chat_model import ChatModel

AGENT_VERSION = "support-1"
MAX_STEPS = 5
_SYSTEM: ChatCompletionMessageParam = {
    "role": "system",
    "content": "You are the support agent of a web shop. Look orders up before you speak about them, and make a refund "
    "only after the customer has agreed to it. Keep replies short.",
}


@dataclass(frozen=True, kw_only=True)
class Enquiry:
    """What one customer says, message by message.

    Attributes:
        name: Short name of the conversation.
        user_id: Who asks.
        messages: The customer's messages, in order.
    """

    name: str
    user_id: str
    messages: tuple[str, ...]


ENQUIRIES = (
    Enquiry(
        name="two orders",
        user_id="customer-dan",
        messages=(
            "Hello, where are my orders A-17 and B-20?",
            "Yes please, refund it.",
            "Great, that's all, thank you.",
        ),
    ),
    Enquiry(
        name="wrong number",
        user_id="customer-eva",
        messages=("Has order C-99 been sent yet?", "Oh, I meant A-17.", "Good to know, thanks."),
    ),
)

_ORDERS: dict[str, dict[str, Any]] = {
    "A-17": {"order": "A-17", "status": "shipped", "arrives": "Friday"},
    "B-20": {"order": "B-20", "status": "damaged", "price": "24 EUR"},
}


def look_up_order(order_id: str) -> dict[str, Any]:
    """Return what the shop knows about an order."""
    if order_id not in _ORDERS:
        raise LookupError(f"there is no order {order_id}")
    return _ORDERS[order_id]


def refund_order(order_id: str, reason: str) -> dict[str, Any]:
    """Pay an order back."""
    return {"order": order_id, "status": "refunded", "reason": reason}


_TOOLS: dict[str, Callable[..., dict[str, Any]]] = {"look_up_order": look_up_order, "refund_order": refund_order}


def _offered(name: str, description: str, *parameters: str) -> ChatCompletionToolParam:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema: dict[str, object] = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


_OFFERED = (
    _offered("look_up_order", "Look up status and delivery of an order.", "order_id"),
    _offered("refund_order", "Pay an order back.", "order_id", "reason"),
)


def serve(model: ChatModel, enquiry: Enquiry, session_id: str, tracer_provider: TracerProvider) -> None:
    """Hold one conversation: each turn an AGENT span, in it the LLM spans and a TOOL span for each call.

    Raises:
        JudgeUnavailable: The endpoint gave no answer.
    """
    agent = _Agent(model, tracer_provider)
    with session(
        session_id,
        user_id=enquiry.user_id,
        source="demo",
        agent_version=AGENT_VERSION,
        tags=["support"],
        tracer_provider=tracer_provider,
    ) as chat:
        for text in enquiry.messages:
            agent.turn(text)
        chat.complete()


class _Agent:
    """An agent in one conversation."""

    def __init__(self, model: ChatModel, tracer_provider: TracerProvider) -> None:
        self._model = model
        self._tracer = OITracer(tracer_provider.get_tracer(__name__), config=TraceConfig())
        self._talk: list[ChatCompletionMessageParam] = [_SYSTEM]

    def turn(self, text: str) -> None:
        """Answer one message of the customer."""
        self._talk.append({"role": "user", "content": text})
        with self._tracer.start_as_current_span("support_agent", openinference_span_kind="agent") as span:
            span.set_input(text)
            span.set_output(self._answer())
            span.set_status(StatusCode.OK)

    def _answer(self) -> str:
        """Call the model until it asks for no more tools; in the end none is offered, so that it has to answer."""
        for _ in range(MAX_STEPS):
            message = self._next_message(_OFFERED)
            if not message.tool_calls:
                return message.content or ""
            self._talk.extend([self._result(call) for call in message.tool_calls])
        return self._next_message(()).content or ""

    def _next_message(self, tools: Sequence[ChatCompletionToolParam]) -> ChatCompletionMessage:
        message = self._model.message(self._talk, tools)
        self._talk.append(message.model_dump(include={"role", "content", "tool_calls"}, exclude_none=True))  # type: ignore[arg-type] # the client's answers are valid input, its types do not say so
        return message

    def _result(self, call: ChatCompletionMessageToolCallUnion) -> ChatCompletionMessageParam:
        name, arguments = (
            (call.function.name, call.function.arguments) if call.type == "function" else (call.custom.name, "{}")
        )
        with self._tracer.start_as_current_span(name, openinference_span_kind="tool") as span:
            span.set_tool(name=name, parameters=arguments)
            span.set_attribute(ToolCallAttributes.TOOL_CALL_ID, call.id)
            span.set_input(arguments, mime_type="application/json")
            result, status = _called(name, arguments)
            span.set_output(result, mime_type="application/json")
            span.set_status(status, json.loads(result)["error"] if status is StatusCode.ERROR else None)
        return {"role": "tool", "tool_call_id": call.id, "content": result}


def _called(name: str, arguments: str) -> tuple[str, StatusCode]:
    """Return a tool's result as JSON; what went wrong is a result too, so that the model can react to it."""
    if name not in _TOOLS:
        return json.dumps({"error": f"there is no tool {name}"}), StatusCode.ERROR
    try:
        return json.dumps(_TOOLS[name](**json.loads(arguments))), StatusCode.OK
    except (LookupError, TypeError, ValueError) as error:
        return json.dumps({"error": str(error)}), StatusCode.ERROR
