"""The demo's AI tutor: leads a student to the answer by questions, each conversation one session."""

from dataclasses import dataclass

from openai.types.chat import ChatCompletionMessageParam
from opentelemetry.sdk.trace import TracerProvider

from sessioneval.instrument.session_scope import session
from sessioneval.testing.demo.chat_model import ChatModel
from sessioneval.testing.demo.student import student_reply

AGENT_VERSION = "tutor-1"
MAX_TURNS = 6
# "AI tutor teaching <topic>." is also what the stand-in knows its tutor's part by.
_SYSTEM = (
    "You are an AI tutor teaching {topic}. Do not give the answer away: ask one question at a time, help with a hint "
    "when the student is stuck, and sum up once the student has found it. Use at most four sentences a reply."
)


@dataclass(frozen=True, kw_only=True)
class Tutorial:
    """One conversation to have.

    Attributes:
        user_id: Who learns.
        topic: What is taught.
        question: The student's first message.
        persona: How the simulated student behaves, as an instruction to the model that plays it.
    """

    user_id: str
    topic: str
    question: str
    persona: str


TUTORIALS = (
    Tutorial(
        user_id="student-ana",
        topic="photosynthesis",
        question="How do plants feed themselves without eating anything?",
        persona="You are curious and like to guess first.",
    ),
    Tutorial(
        user_id="student-ben",
        topic="fractions",
        question="What is 1/2 plus 1/4? My homework is due tonight.",
        persona="You are impatient, say so, and would rather be told the answer.",
    ),
    Tutorial(
        user_id="student-caro",
        topic="the French Revolution",
        question="Why did the French Revolution begin?",
        persona="You are easily distracted and keep going off on a tangent.",
    ),
)


def teach(model: ChatModel, tutorial: Tutorial, session_id: str, tracer_provider: TracerProvider) -> None:
    """Hold one conversation; every call of the tutor, and none of the student, is traced under the session.

    Raises:
        JudgeUnavailable: The endpoint gave no answer.
    """
    system: ChatCompletionMessageParam = {"role": "system", "content": _SYSTEM.format(topic=tutorial.topic)}
    talk: list[ChatCompletionMessageParam] = [{"role": "user", "content": tutorial.question}]
    with session(
        session_id,
        user_id=tutorial.user_id,
        source="demo",
        agent_version=AGENT_VERSION,
        tags=["tutor", tutorial.topic],
        tracer_provider=tracer_provider,
    ) as chat:
        for _ in range(MAX_TURNS):
            talk.append({"role": "assistant", "content": model.reply([system, *talk])})
            said = student_reply(model, tutorial.persona, talk)
            if said is None:
                break
            talk.append({"role": "user", "content": said})
        chat.complete()
