"""The stand-in's tutor: follows a lesson plan, asks, hints, and confirms what the student finds."""

import re

from sessioneval.testing.answer import Answer
from sessioneval.testing.chat_request import ChatRequest
from sessioneval.testing.lessons import Lesson, Step, lesson_about
from sessioneval.testing.markers import NOT_REACHED, THANKS, UNDERSTANDING, first_marker

MAX_MISSES = 3
REMINDER = "Let's come back to our question."
_TOPIC = re.compile(r"AI tutor teaching ([^.\n]{1,200})", re.IGNORECASE)


def tutor_topic(request: ChatRequest) -> str:
    """Return the topic in "AI tutor teaching <topic>." of the system prompt, or an empty text."""
    found = _TOPIC.search(request.system)
    return found[1].strip(" \t\r\"'*") if found else ""


def tutor_answer(request: ChatRequest, topic: str) -> Answer:
    """Return the tutor's next reply; it follows from the student's messages alone."""
    return Answer(kind="tutor", text=tutor_reply(lesson_about(topic), request.texts_of("user")))


def tutor_reply(lesson: Lesson, student_texts: list[str]) -> str:
    """Return the reply to the last of the student's messages; the first message is the question that opens the talk.

    A message with a step's key is confirmed and leads to the next step. The first one without a key gets the
    hint, the second one the question again, the third one the answer and the next step. After the last step come
    the closing words, which ask nothing.

    Example:
        >>> lesson = lesson_about("photosynthesis")
        >>> tutor_reply(lesson, ["How do plants eat?", "Is it CO2?"]).split(". ")[1]
        'Leaves take in carbon dioxide through tiny pores'
    """
    reply = f"{lesson.opening} {lesson.steps[0].question}"
    at = misses = 0
    for text in student_texts[1:]:
        if at == len(lesson.steps):
            reply = _after_the_lesson(lesson, text)
            continue
        misses = 0 if _understood(lesson.steps[at], text) else misses + 1
        reply = _reply(lesson, at, misses)
        if misses in (0, MAX_MISSES):
            at, misses = at + 1, 0
    return reply


def _understood(step: Step, text: str) -> bool:
    return any(key in text.lower() for key in step.keys)


def _reply(lesson: Lesson, at: int, misses: int) -> str:
    step = lesson.steps[at]
    if misses == 1:
        return f"Good that you are thinking about it. {step.hint}"
    if 1 < misses < MAX_MISSES:
        return f"{REMINDER} {step.question}"
    opening = "Exactly." if misses == 0 else "Let me help you there."
    following = lesson.steps[at + 1].question if at + 1 < len(lesson.steps) else lesson.closing
    return f"{opening} {step.fact} {following}"


def _after_the_lesson(lesson: Lesson, text: str) -> str:
    if first_marker(text, (*UNDERSTANDING, *THANKS)) and not first_marker(text, NOT_REACHED):
        return "You're welcome. Come back whenever you like."
    return lesson.closing
