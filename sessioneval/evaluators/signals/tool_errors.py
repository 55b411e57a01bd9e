"""Signals of failed tools: how many failed, whether they were tried again, whether the user left."""

from collections.abc import Sequence

from sessioneval.evaluators.signals.executions import Execution, executions
from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import shown
from sessioneval.model.transcript import Transcript


@signal({"clean": 1.0, "errors": 0.0}, fields=("n_calls", "n_errors"))
def tool_errors(transcript: Transcript) -> Decided:
    """``errors`` when a tool failed: its result, or the span of its execution, is marked as an error; else ``clean``."""
    found = sorted(execution.seen_at for execution in _failed(transcript))
    counts = {"n_calls": len(transcript.tool_calls), "n_errors": len(found)}
    if not found:
        return decided("clean", "No tool call failed.", **counts)
    return decided("errors", f"Tools failed at messages {shown(found)}.", **counts)


@signal(fields=("n_executions", "n_errors"))
def tool_error_rate(transcript: Transcript) -> Decided | None:
    """Score: failed executions of tools / all executions. Does not apply without tools.

    An execution is a call with its result, or a result that no call of the transcript asked for. It failed when
    its span has status ERROR; an error that only the result's text tells of is not known.
    """
    everything = executions(transcript.messages)
    if not everything:
        return None
    n_errors = sum(execution.is_error for execution in everything)
    share = f"{n_errors} of {len(everything)} executions of tools failed."
    return decided(n_errors / len(everything), share, n_executions=len(everything), n_errors=n_errors)


@signal({"retried": 1.0, "not_retried": 0.0}, fields=("n_errors", "n_not_retried", "n_recovered"))
def error_without_retry(transcript: Transcript) -> Decided | None:
    """``not_retried`` when a tool failed and was not called again in that turn; else ``retried``.

    A call of the same tool counts, with whatever arguments, in a message after the failed result. `n_recovered`
    counts failures after which a call of that tool succeeded, in any turn. Does not apply where no tool failed.
    """
    everything = executions(transcript.messages)
    failures = [execution for execution in everything if execution.is_error]
    if not failures:
        return None
    later = _Later(everything)
    left = [failure for failure in failures if not later.is_retried(failure)]
    counts = {
        "n_errors": len(failures),
        "n_not_retried": len(left),
        "n_recovered": sum(map(later.is_recovered, failures)),
    }
    if not left:
        return decided("retried", "Each failed tool was called again in its turn.", **counts)
    indexes = shown(failure.seen_at for failure in left)
    return decided("not_retried", f"Failed and not called again in the turn: {indexes}.", **counts)


@signal({"not_abandoned": 1.0, "abandoned": 0.0}, fields=("n_errors", "cause"), needs_context=True)
def abandoned_after_error(transcript: Transcript) -> Decided | None:
    """``abandoned`` when the user said nothing more after an error that was not made good; else ``not_abandoned``.

    Errors are failed tools after the last user message without a later success of that tool (`cause` is
    ``tool``), and a last model call that failed (`cause` is ``model``). Does not apply to sessions without errors.
    """
    everything = executions(transcript.messages)
    failures = [execution for execution in everything if execution.is_error]
    calls = transcript.context.distinct_calls
    n_errors = len(failures) + sum(call.is_error for call in calls)
    if not n_errors:
        return None
    last_user = max((index for index, message in enumerate(transcript.messages) if message.role == "user"), default=-1)
    later = _Later(everything)
    left = [each for each in failures if each.asked_at > last_user and not later.is_recovered(each)]
    if left:
        indexes = shown(each.seen_at for each in left)
        text = f"Nothing from the user after the failed tools at messages {indexes}."
        return decided("abandoned", text, n_errors=n_errors, cause="tool")
    if calls and calls[-1].is_error:
        text = f"The session's last model call, span {calls[-1].span_id}, failed."
        return decided("abandoned", text, n_errors=n_errors, cause="model")
    return decided("not_abandoned", "The session went on after its errors.", n_errors=n_errors, cause=None)


def _failed(transcript: Transcript) -> list[Execution]:
    return [execution for execution in executions(transcript.messages) if execution.is_error]


class _Later:
    """Where each tool was last called, and last succeeded."""

    def __init__(self, everything: Sequence[Execution]) -> None:
        self._called = {(each.name, each.turn): each.asked_at for each in everything}
        self._succeeded = {each.name: each.asked_at for each in everything if not each.is_error}

    def is_retried(self, failure: Execution) -> bool:
        return self._called[failure.name, failure.turn] > failure.ended_at

    def is_recovered(self, failure: Execution) -> bool:
        return self._succeeded.get(failure.name, -1) > failure.ended_at
