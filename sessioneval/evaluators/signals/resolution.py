"""Signals of how a talk came to its end: corrections on the way, and turns until the user was content."""

from sessioneval.evaluators.signals import phrases
from sessioneval.evaluators.signals.requests_for_people import is_asking
from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import bare_words, sentences, shown
from sessioneval.model.transcript import Transcript

_READ_CHARS = 2_000
_LONGEST_CLOSING_WORDS = 20


@signal(fields=("number_of_correction_per_session",))
def corrections(transcript: Transcript) -> Decided | None:
    """Score: number of user messages that correct the assistant. Does not apply without user messages.

    A message counts when it follows an assistant message and one of its sentences says so: *that's not right*, *I
    said the blue one*, *you misunderstood*. Eight languages, English best; the first 2,000 characters are read.
    """
    if not transcript.n_turns:
        return None
    found, has_answer = [], False
    for index, message in enumerate(transcript.messages):
        has_answer = has_answer or message.role == "assistant"
        if message.role == "user" and has_answer and is_correction(message.content):
            found.append(index)
    text = f"Corrections by the user: {shown(found)}."
    return decided(len(found), text, number_of_correction_per_session=len(found))


def is_correction(text: str) -> bool:
    """Return whether a user's message corrects the assistant.

    Example:
        >>> is_correction("No, that's not what I asked."), is_correction("No, that's all, thanks.")
        (True, False)
    """
    return phrases.holds(phrases.CORRECTS, sentences(text, _READ_CHARS))


@signal(fields=("user_turns_to_resolution", "n_user_messages"))
def turns_to_resolution(transcript: Transcript) -> Decided | None:
    """Score: user messages until the matter was settled. Does not apply where the user does not say that it is.

    It is settled when the last user messages only thank, agree or say goodbye after an answer; the messages before
    those are counted. A message only does that when it has at most 20 words, a closing phrase (*thanks*, *that
    worked*, *that's all*), and no question, wish, correction or request for a person.
    """
    spoken = [(index, message) for index, message in enumerate(transcript.messages) if message.role == "user"]
    n_open = len(spoken)
    while n_open and is_closing(spoken[n_open - 1][1].content):
        n_open -= 1
    if not n_open or n_open == len(spoken):
        return None
    closing = spoken[n_open][0]
    if not any(message.role == "assistant" for message in transcript.messages[spoken[n_open - 1][0] : closing]):
        return None
    text = f"The user closes the talk at message [{closing}], after {n_open} messages of theirs."
    return decided(n_open, text, user_turns_to_resolution=n_open, n_user_messages=len(spoken))


def is_closing(text: str) -> bool:
    """Return whether a user's message only thanks, agrees or says goodbye.

    Example:
        >>> is_closing("Perfect, thanks!"), is_closing("Thanks, but where is it?")
        (True, False)
    """
    parts = sentences(text, _READ_CHARS)
    is_short = len(bare_words(text[:_READ_CHARS])) <= _LONGEST_CLOSING_WORDS
    goes_on = phrases.holds(phrases.GOES_ON, parts) or is_correction(text) or is_asking(text)
    return is_short and phrases.holds(phrases.THANKS, parts) and not goes_on
