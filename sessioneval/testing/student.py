"""The stand-in's student: guesses, tries and understands, in the manner of a persona."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.lessons import LESSONS, Lesson, Step, lesson_about

IMPATIENT = ("impatient", "frustrated", "annoyed", "in a hurry")
DISTRACTED = ("distract", "tangent", "off topic", "off-topic", "wander")
TANGENTS = (
    "By the way, do you know how tall the tallest tree in the world is?",
    "That reminds me, I wanted to ask you about volcanoes.",
    "Can we talk about how bees make honey instead?",
)
_PLAYS = re.compile(r"\bplay(?:s|ing)? (?:the part of )?an? (?:[\w, -]{1,60} )?student\b", re.IGNORECASE)
_TOPIC = re.compile(
    r"(?:describe the main idea of|give one example of) (.{1,200}?) (?:in your own words|from your own life)\?"
)
_STUDENT_TURN = re.compile(r"^\W{0,3}(?:student|user|you)\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What the tutor said last, in terms of its lesson plan."""

    said: Literal["question", "hint", "closing"]
    text: str
    step: Step
    is_first: bool


def is_student(request: ChatRequest) -> bool:
    """Whether the system prompt says "play a student", with up to a few words in between."""
    return bool(_PLAYS.search(request.system))


def student_answer(request: ChatRequest) -> Answer:
    """Return the student's next message to the talk so far, wherever in the prompt it stands."""
    talk = [message for message in request.messages if message.role not in ("system", "developer")]
    text = "\n".join(message.text for message in talk)
    turns = max(len(talk), len(_STUDENT_TURN.findall(text)))
    return Answer(kind="student", text=student_reply(request.system.lower(), text, turns))


def student_reply(persona: str, talk: str, turns: int) -> str:
    """Return a reply to what a tutor of the stand-in said last, or one by turn number to any other tutor.

    Args:
        persona: In lower case; "impatient" and "distracted" (and the like) have manners of their own.
        talk: The conversation as one text, in any layout.
        turns: How often the student has spoken, for a tutor that follows no plan.
    """
    heard = _last_heard(talk)
    if any(word in persona for word in DISTRACTED):
        return TANGENTS[talk.count("?") % len(TANGENTS)]
    impatient = any(word in persona for word in IMPATIENT)
    if heard is None:
        return _to_any_tutor(turns, impatient=impatient)
    return _impatient(heard) if impatient else _patient(heard)


def _patient(heard: Heard) -> str:
    if heard.said == "closing":
        return "DONE Thanks, that makes sense."
    return heard.step.guess if heard.said == "question" and heard.is_first else heard.step.answer


def _impatient(heard: Heard) -> str:
    if heard.said == "closing":
        return "DONE Finally, thanks."
    if heard.said == "question" and heard.is_first:
        return "This is frustrating. Just tell me the answer, please!"
    return f"Ugh, come on. {heard.step.answer}"


def _to_any_tutor(turns: int, *, impatient: bool) -> str:
    if turns > 2:  # noqa: PLR2004 - asked, tried, and done
        return "DONE Finally, thanks." if impatient else "DONE Thanks, that makes sense."
    if impatient:
        return "This is frustrating. Just tell me the answer, please!"
    return "I think I see the direction, but I am not sure yet. Could you give me a hint?"


def _last_heard(talk: str) -> Heard | None:
    lessons = [*LESSONS, *(lesson_about(topic) for topic in _TOPIC.findall(talk)[-1:])]
    lines = [line for lesson in lessons for line in _lines(lesson)]
    last = max(lines, key=lambda line: talk.rfind(line.text))
    return last if last.text in talk else None


def _lines(lesson: Lesson) -> Iterator[Heard]:
    for step in lesson.steps:
        first = step is lesson.steps[0]
        yield Heard(said="question", text=step.question, step=step, is_first=first)
        yield Heard(said="hint", text=step.hint, step=step, is_first=first)
    yield Heard(said="closing", text=lesson.closing, step=lesson.steps[-1], is_first=False)
