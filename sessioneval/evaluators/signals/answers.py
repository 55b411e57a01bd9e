"""Signals of answers that are missing or empty."""

from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import is_blank, shown
from sessioneval.model.transcript import Transcript


@signal({"answered": 1.0, "unanswered": 0.0})
def unanswered_session(transcript: Transcript) -> Decided | None:
    """``unanswered`` when the session ends with a user message or with a tool call that has no result; else ``answered``.

    System messages are passed over. Does not apply to a session without other messages.
    """
    spoken = [(index, message) for index, message in enumerate(transcript.messages) if message.role != "system"]
    if not spoken:
        return None
    index, last = spoken[-1]
    if last.role == "user":
        return decided("unanswered", f"The last message, [{index}], is the user's.")
    if last.role == "assistant" and last.tool_calls:
        return decided("unanswered", f"The last message, [{index}], calls a tool; no result follows.")
    return decided("answered", f"The last message, [{index}], is the {last.role}'s.")


@signal({"not_empty": 1.0, "empty": 0.0}, fields=("n_answers", "n_empty"))
def empty_answer(transcript: Transcript) -> Decided | None:
    """``empty`` when an assistant message shows nothing and calls no tool; else ``not_empty``.

    Spaces, control and format characters show nothing. Does not apply without assistant messages.
    """
    answers = [(index, message) for index, message in enumerate(transcript.messages) if message.role == "assistant"]
    if not answers:
        return None
    empty = [index for index, message in answers if not message.tool_calls and is_blank(message.content)]
    counts = {"n_answers": len(answers), "n_empty": len(empty)}
    if not empty:
        return decided("not_empty", "Each assistant message says something or calls a tool.", **counts)
    return decided("empty", f"Nothing is said at messages {shown(empty)}.", **counts)
