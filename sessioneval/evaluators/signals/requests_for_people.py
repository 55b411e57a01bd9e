"""Signals of sessions that go from the assistant to a person."""

import re

from sessioneval.evaluators.signals import phrases
from sessioneval.evaluators.signals.executions import executions
from sessioneval.evaluators.signals.signal import Decided, decided, signal
from sessioneval.evaluators.signals.wording import sentences, shown
from sessioneval.model.transcript import Transcript

_READ_CHARS = 2_000
_WORD_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@signal({"not_asked": 1.0, "asked": 0.0}, fields=("n_requests",))
def asks_for_person(transcript: Transcript) -> Decided | None:
    """``asked`` when a user message asks for a person in place of the assistant; else ``not_asked``.

    A sentence asks when it holds a verb such as *speak to* or *transfer me* and a person such as *a human* or *your
    supervisor*, and refuses neither; or when the message is only that, such as *agent, please*. Eight languages,
    English best; the first 2,000 characters of a message are read. Does not apply without user messages.
    """
    users = [(index, message.content) for index, message in enumerate(transcript.messages) if message.role == "user"]
    if not users:
        return None
    asking = [index for index, text in users if is_asking(text)]
    if not asking:
        return decided("not_asked", "No user message asks for a person.", n_requests=0)
    return decided("asked", f"Asks for a person: messages {shown(asking)}.", n_requests=len(asking))


def is_asking(text: str) -> bool:
    """Return whether a user's message asks for a person.

    Example:
        >>> is_asking("Can I talk to a human?"), is_asking("I don't want to talk to a human.")
        (True, False)
    """
    parts = [part for part in sentences(text, _READ_CHARS) if not phrases.REFUSES.search(part)]
    asks = (ask.verbs.search(part) and ask.persons.search(part) for part in parts for ask in phrases.ASKS)
    return phrases.holds(phrases.ASKS_AT_ONCE, parts) or any(asks)


@signal({"not_escalated": 1.0, "escalated": 0.0}, fields=("is_escalated", "escalated_by"))
def escalated(transcript: Transcript) -> Decided:
    """``escalated`` when the session was handed to a person: by a tool, or in the assistant's words; else ``not_escalated``.

    A tool hands over when its name says so (``transfer_to_human_agents``, ``escalate_ticket``) and the call did not
    fail; ``transfer_to_refunds_agent`` hands to another agent and does not count. Words hand over when a sentence
    of the assistant states it (*I am transferring you to a representative*); an offer, a question or a refusal does
    not. `escalated_by` is ``tool``, ``message`` or None.
    """
    for each in executions(transcript.messages):
        if not each.is_error and hands_over(each.name):
            text = f"Message [{each.asked_at}] calls {each.name!r:.100}."
            return decided("escalated", text, is_escalated=True, escalated_by="tool")
    for index, message in enumerate(transcript.messages):
        if message.role == "assistant" and says_handed_over(message.content):
            text = f"Message [{index}] says that a person takes over."
            return decided("escalated", text, is_escalated=True, escalated_by="message")
    return decided("not_escalated", "No person took over.", is_escalated=False, escalated_by=None)


def hands_over(tool: str) -> bool:
    """Return whether a tool of this name hands the session to a person.

    Example:
        >>> [hands_over(name) for name in ("transfer_to_human_agents", "escalateTicket", "transfer_to_refunds_agent")]
        [True, True, False]
    """
    name = _WORD_BORDER.sub("_", tool[:_READ_CHARS]).lower()
    return bool(phrases.TRANSFERS.search(name) and phrases.HANDS_OVER_TOOLS.search(name))


def says_handed_over(text: str) -> bool:
    """Return whether an assistant's message states that a person takes over.

    Example:
        >>> says_handed_over("I'm transferring you to a human agent."), says_handed_over("Shall I transfer you?")
        (True, False)
    """
    verbs, persons = phrases.HANDS_OVER
    parts = (part for part in sentences(text, _READ_CHARS) if not phrases.OFFERS.search(part))
    return any(verbs.search(part) and persons.search(part) for part in parts)
