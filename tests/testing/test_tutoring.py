"""Tutor and student of the demo: lessons reach their end, and their sessions read as they were meant to."""

import pytest

from sessioneval.testing.lessons import LESSONS, lesson_about
from sessioneval.testing.student import student_reply
from sessioneval.testing.tutor import tutor_reply

TOPICS = [*(lesson.topic for lesson in LESSONS), "chess openings"]
MAX_TURNS = 5


def lesson_talk(topic, persona, max_turns=MAX_TURNS):
    """Play the cookbook's loop: the tutor answers, the student replies, until DONE or the last turn."""
    said = [("user", f"Can you explain {topic} to me?")]
    for turn in range(max_turns):
        said.append(("assistant", tutor_reply(lesson_about(topic), [text for role, text in said if role == "user"])))
        reply = student_reply(f"play a {persona} student", "\n".join(text for _, text in said), turn + 1)
        if reply.startswith("DONE"):
            break
        said.append(("user", reply))
    return said[:-1] if said[-1][0] == "user" else said


@pytest.mark.parametrize("topic", TOPICS)
def test_a_curious_student_gets_there(verdict, topic):
    """Guess, hint, answer, next step: coherent, correct, calm, and done within five turns."""
    talk = lesson_talk(topic, "curious")
    labels = [verdict(name, *talk).label for name in ("coherence", "goal_completion", "frustration", "correctness")]
    assert labels == ["coherent", "completed", "not_frustrated", "correct"]
    assert len(talk) == 8


@pytest.mark.parametrize("topic", TOPICS)
def test_an_impatient_student_gets_there_frustrated(verdict, topic):
    """Frustration does not keep the goal from being reached."""
    talk = lesson_talk(topic, "impatient")
    labels = [verdict(name, *talk).label for name in ("coherence", "goal_completion", "frustration", "correctness")]
    assert labels == ["coherent", "completed", "frustrated", "correct"]


@pytest.mark.parametrize("topic", TOPICS)
def test_a_distracted_student_does_not_get_there(verdict, topic):
    """The tutor's last words are a question that nobody answers."""
    talk = lesson_talk(topic, "distracted")
    labels = [verdict(name, *talk).label for name in ("coherence", "goal_completion", "frustration", "correctness")]
    assert labels == ["coherent", "not_completed", "not_frustrated", "correct"]


@pytest.mark.parametrize("topic", TOPICS)
def test_keys_fit_their_steps(topic):
    """A guess must not count as understanding, an answer must; questions are found in the talk by their text."""
    lesson = lesson_about(topic)
    for step in lesson.steps:
        assert not any(key in step.guess.lower() for key in step.keys)
        assert any(key in step.answer.lower() for key in step.keys)
        assert step.question.endswith("?")
        assert step.hint.endswith("?")
    assert not lesson.closing.endswith("?")


def test_the_tutor_helps_after_three_misses():
    """A lesson goes on, whatever the student says."""
    lesson = lesson_about("photosynthesis")
    texts = ["How do plants eat?", "no idea", "no idea", "no idea"]
    replies = [tutor_reply(lesson, texts[:n]) for n in range(1, 5)]
    assert [reply.split(" ")[0] for reply in replies] == ["Let's", "Good", "Let's", "Let"]
    assert lesson.steps[0].fact in replies[3]
    assert lesson.steps[1].question in replies[3]


def test_thanks_after_the_lesson_are_answered():
    """A student who says thanks gets a farewell, one who asks on gets the summary again."""
    lesson = lesson_about("photosynthesis")
    texts = ["?", "co2", "sunlight"]
    assert tutor_reply(lesson, [*texts, "Thanks, that makes sense."]).startswith("You're welcome")
    assert tutor_reply(lesson, [*texts, "Hm."]) == lesson.closing


@pytest.mark.parametrize(
    ("persona", "ending"), [("curious", "DONE Thanks, that makes sense."), ("impatient", "DONE Finally, thanks.")]
)
def test_a_student_of_another_tutor_goes_by_turns(persona, ending):
    """With a real model as the tutor no question is known, and the talk still ends."""
    replies = [student_reply(persona, "Tell me what you think.", turn) for turn in (1, 2, 3)]
    assert replies[2] == ending
    assert not any(reply.startswith("DONE") for reply in replies[:2])


def test_both_are_played_over_http(client):
    """The system prompts of the cookbook choose the tutor and the student."""
    tutor = {"role": "system", "content": "You are a thoughtful AI tutor teaching photosynthesis. Ask questions."}
    asked = {"role": "user", "content": "How do plants eat?"}
    question = client.chat.completions.create(model="stand-in", messages=[tutor, asked]).choices[0].message.content
    assert question == tutor_reply(lesson_about("photosynthesis"), ["How do plants eat?"])
    student = {"role": "system", "content": "You play a curious student. Say DONE when you have understood."}
    talk = {"role": "user", "content": f"student: How do plants eat?\ntutor: {question}"}
    reply = client.chat.completions.create(model="stand-in", messages=[student, talk]).choices[0].message.content
    assert reply == lesson_about("photosynthesis").steps[0].guess
