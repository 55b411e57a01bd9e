"""The simulated student: a second model call for each turn, kept out of the trace."""

from collections.abc import Sequence

from openai.types.chat import ChatCompletionMessageParam
from openinference.instrumentation import suppress_tracing

from sessioneval.testing.demo.chat_model import ChatModel

DONE = "DONE"
_SYSTEM = (
    "You play a student who talks to a tutor. {persona} You get the conversation so far; answer with the student's next "
    f"message only, one or two sentences. Once your question is settled, begin the message with {DONE}."
)
_SPEAKERS = {"user": "Student", "assistant": "Tutor"}


def student_reply(model: ChatModel, persona: str, talk: Sequence[ChatCompletionMessageParam]) -> str | None:
    """Return the student's next message, or None if the student has nothing left to ask.

    Raises:
        JudgeUnavailable: The endpoint gave no answer.
    """
    lines = [f"{_SPEAKERS[message['role']]}: {message.get('content')}" for message in talk]
    with suppress_tracing():
        said = model.reply(
            [
                {"role": "system", "content": _SYSTEM.format(persona=persona)},
                {"role": "user", "content": "\n\n".join(lines)},
            ]
        )
    return None if said.upper().startswith(DONE) else said
