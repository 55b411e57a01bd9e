"""The built-in code evaluators by name."""

from sessioneval.evaluators.signals.answers import empty_answer, unanswered_session
from sessioneval.evaluators.signals.arguments import expected_tool_calls, tool_argument_schema
from sessioneval.evaluators.signals.repeated_calls import repeated_tool_call, tool_loop
from sessioneval.evaluators.signals.requests_for_people import asks_for_person, escalated
from sessioneval.evaluators.signals.resolution import corrections, turns_to_resolution
from sessioneval.evaluators.signals.signal import Signal
from sessioneval.evaluators.signals.timing import latency_p50, latency_p95, time_to_first_answer
from sessioneval.evaluators.signals.tool_errors import (
    abandoned_after_error,
    error_without_retry,
    tool_error_rate,
    tool_errors,
)
from sessioneval.evaluators.signals.user_repeats import repeated_user_message, rephrased_user_message
from sessioneval.evaluators.signals.volume import cost, tokens, tool_calls, turn_count

SIGNALS: dict[str, Signal] = {
    signal.name: signal
    for signal in (
        tool_errors,
        tool_error_rate,
        error_without_retry,
        abandoned_after_error,
        repeated_tool_call,
        tool_loop,
        tool_argument_schema,
        expected_tool_calls,
        repeated_user_message,
        rephrased_user_message,
        asks_for_person,
        escalated,
        corrections,
        turns_to_resolution,
        empty_answer,
        unanswered_session,
        turn_count,
        tool_calls,
        tokens,
        cost,
        latency_p50,
        latency_p95,
        time_to_first_answer,
    )
}
