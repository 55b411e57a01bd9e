"""Signals of how long people waited."""

from datetime import datetime

import numpy as np

from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import is_blank
from sessioneval.model.transcript import Transcript

_FIELDS = ("n_model_calls", "min_seconds", "max_seconds")


@signal(fields=_FIELDS, needs_context=True)
def latency_p50(transcript: Transcript) -> Decided | None:
    """Score: median seconds that a model call of the session took. Does not apply without model calls.

    A call that two spans stand for counts once; failed calls count too. Between two calls the percentile is
    interpolated linearly.

    Source: Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996, definition 7 (numpy's default).
    """
    return _percentile(transcript, 50)


@signal(fields=_FIELDS, needs_context=True)
def latency_p95(transcript: Transcript) -> Decided | None:
    """Score: seconds within which 95 % of the session's model calls ended, as `latency_p50` otherwise.

    With fewer than 20 calls it lies near the slowest one.
    """
    return _percentile(transcript, 95)


def _percentile(transcript: Transcript, percent: int) -> Decided | None:
    seconds = [call.seconds for call in transcript.context.distinct_calls]
    if not seconds:
        return None
    value = float(np.percentile(seconds, percent))
    text = f"The {percent}th percentile of {len(seconds)} model calls is {value:.3f} s."
    counts = {"n_model_calls": len(seconds), "min_seconds": min(seconds), "max_seconds": max(seconds)}
    return decided(value, text, **counts)


@signal(fields=("answered_at",), needs_context=True)
def time_to_first_answer(transcript: Transcript) -> Decided | None:
    """Score: seconds from the first user message to the end of the first text that answers it.

    From the start of the span that took the message in (the turn's outermost AGENT or CHAIN, else the model call)
    to the end of the span that produced the first assistant message with text after it. `answered_at` is that
    message's index. Does not apply where there is no such pair or a span of it is not known.
    """
    times = transcript.context.times
    asked: datetime | None = None
    for index, message in enumerate(transcript.messages):
        span = times.get(message.span_id or "")
        if asked is None and message.role == "user":
            if span is None:
                return None
            asked = span[0]
        elif asked is not None and span is not None and message.role == "assistant" and not is_blank(message.content):
            seconds = max(0.0, (span[1] - asked).total_seconds())
            return decided(seconds, f"Answered at message [{index}] after {seconds:.3f} s.", answered_at=index)
    return None
