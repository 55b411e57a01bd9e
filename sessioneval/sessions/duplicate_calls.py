"""One model call shown by two instrumentations, in traces of their own."""

from sessioneval.sessions.span_view import SpanView
from sessioneval.sessions.utterances import inputs_of, outputs_of


class ShownCalls:
    """The model calls seen so far that may still be under way; calls must come in order of their start."""

    def __init__(self) -> None:
        self._open: list[SpanView] = []

    def shows(self, call: SpanView) -> bool:
        """Return whether an earlier call is this one, seen by another instrumentation; if not, remember it.

        Both wrap one request, so they overlap in time and have one answer, and one response id or one input.
        Neither id nor words are enough alone: local servers repeat ids, and people repeat words.
        """
        self._open = [other for other in self._open if other.end_ns > call.start_ns]
        if any(_are_one(other, call) for other in self._open):
            return True
        self._open.append(call)
        return False


def _are_one(one: SpanView, other: SpanView) -> bool:
    answers = [[said.key for said in outputs_of(span)] for span in (one, other)]
    if not answers[0] or answers[0] != answers[1]:
        return False
    same_id = bool(one.response_id) and one.response_id == other.response_id
    return same_id or [said.key for said in inputs_of(one)] == [said.key for said in inputs_of(other)]
