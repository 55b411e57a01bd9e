"""A conversational metric of DeepEval as a session evaluator.

Source: deepeval 4: ``await metric.a_measure(ConversationalTestCase(turns=[Turn(...)]))``, then ``metric.score``,
``metric.reason``, ``metric.success``.
"""

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

from sessioneval.errors import InputError, MissingExtra
from sessioneval.evaluators.adapters.foreign import ForeignEvaluator, described, snake_case
from sessioneval.evaluators.base import storable
from sessioneval.model.message import Message
from sessioneval.model.transcript import Transcript

_PASSED, _FAILED = "passed", "failed"


def from_deepeval(metric: Any, *, name: str | None = None, version: str = "1", **case: Any) -> ForeignEvaluator:
    """Make a session evaluator of a DeepEval conversational metric.

    Args:
        metric: Such as ``KnowledgeRetentionMetric()`` or a ``ConversationalGEval``.
        name: By default the metric's own, in snake case.
        version: Change it when its verdicts change for a reason that its settings do not show.
        case: More of the test case, the same for all sessions, such as ``chatbot_role`` or ``scenario``.

    Raises:
        InputError: It is no conversational metric.
    """
    if not callable(getattr(metric, "a_measure", None)) or not hasattr(metric, "is_successful"):
        raise InputError(f"{described(metric)} is no DeepEval metric: it has no a_measure()")
    own = getattr(metric, "__name__", type(metric).__name__)
    settings = {key: described(value) for key, value in vars(metric).items()}
    return ForeignEvaluator(
        lambda transcript: _verdict(metric, transcript, case),
        name=snake_case(own) if name is None else name,
        labels={},
        model=getattr(metric, "evaluation_model", None),
        settings={"version": version, "settings": settings, "case": described(case)},
    )


async def _verdict(metric: Any, transcript: Transcript, more: dict[str, Any]) -> dict[str, Any]:
    """Return the metric's score, with the label ``passed`` or ``failed`` where it has a threshold."""
    # A metric keeps its result on itself: each session measures with a copy.
    measured = copy.copy(metric)
    case = _test_case(transcript, more)
    if measured.async_mode:
        await measured.a_measure(case, _show_indicator=False)
    else:
        await asyncio.to_thread(measured.measure, case, _show_indicator=False)
    passed = measured.is_successful()
    return {
        "label": None if passed is None else _PASSED if passed else _FAILED,
        "score": None if measured.score is None else float(measured.score),
        "explanation": storable(measured.reason) if measured.reason else None,
        "metadata": {"threshold": measured.threshold},
    }


def _test_case(transcript: Transcript, more: dict[str, Any]) -> Any:
    # DeepEval takes seconds to load and is no dependency of ours: whoever has a metric has it.
    try:
        from deepeval.test_case import ConversationalTestCase, ToolCall, Turn
    except ImportError as error:
        raise MissingExtra("DeepEval is not installed; run `pip install deepeval`") from error
    turns = [
        Turn(
            role=message.role,
            content=message.content,
            tools_called=[ToolCall(**call) for call in calls] or None,
        )
        for message, calls in _turns(transcript)
    ]
    return ConversationalTestCase(turns=turns, **more)


def _turns(transcript: Transcript) -> Iterator[tuple[Message, list[dict[str, Any]]]]:
    """Yield what users and assistants said, each assistant message with its calls and their outputs.

    DeepEval knows no tool messages: what a tool returned stands with the call that asked for it.
    """
    outputs = {message.tool_call_id: message.content for message in transcript.messages if message.role == "tool"}
    for message in transcript.messages:
        if message.role in ("user", "assistant"):
            yield message, [_call(call.name, call.arguments, outputs.get(call.id)) for call in message.tool_calls]


def _call(name: str, arguments: Any, output: str | None) -> dict[str, Any]:
    known = arguments if isinstance(arguments, dict) else {"arguments": arguments}
    return {"name": name, "input_parameters": known, "output": output}
