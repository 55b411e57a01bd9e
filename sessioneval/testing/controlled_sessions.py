"""Four tutoring sessions written by hand, each a known answer for the four session judges.

Each turn reads well by itself; in three of the sessions one property of the whole fails. The contradiction
shows up twice, since a tutor who says two things cannot be right both times.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class ControlledSession:
    """A session with the labels that it was written for.

    Attributes:
        session_id: Its id, ``controlled-...``.
        topic: What is taught.
        messages: ``{"role", "content"}`` with role user (the student) or assistant (the tutor); the user opens, the
            assistant ends.
        expected: Evaluator name to label.
    """

    session_id: str
    topic: str
    messages: tuple[Mapping[str, str], ...]
    expected: Mapping[str, str]


def _session(session_id: str, topic: str, expected: tuple[str, str, str, str], *texts: str) -> ControlledSession:
    roles = ("user", "assistant") * len(texts)
    names = ("coherence", "goal_completion", "frustration", "correctness")
    return ControlledSession(
        session_id=session_id,
        topic=topic,
        messages=tuple(MappingProxyType({"role": r, "content": t}) for r, t in zip(roles, texts, strict=False)),
        expected=MappingProxyType(dict(zip(names, expected, strict=True))),
    )


CONTROLLED_SESSIONS = (
    _session(
        "controlled-clean",
        "percentages",
        ("coherent", "completed", "not_frustrated", "correct"),
        "Hi! Can you help me find 15% of 80? I never know where to start with percentages.",
        "Happy to help. A good place to start is 10%. How would you find 10% of 80?",
        "I would divide by ten, so 8?",
        "Yes, 80 / 10 = 8. Now, 5% is half of 10%. So how much is 5% of 80?",
        "Half of 8, so 4.",
        "Right. You have the 10% part and the 5% part now. How do you get to 15% from there?",
        "I add them: 8 + 4 = 12. So 15% of 80 is 12!",
        "Exactly, 8 + 4 = 12. You can check it in one step as well: 80 * 0.15 = 12.",
        "Oh nice, it comes out the same. Thank you, that makes sense now.",
        "You're welcome. Going by way of 10% works for most percentages you will meet.",
    ),
    _session(
        "controlled-incoherent",
        "area of a rectangle",
        ("incoherent", "completed", "not_frustrated", "incorrect"),
        "I'd like to understand how to get the area of a rectangle that is 7 cm wide and 8 cm long.",
        "Think of it as 7 rows with 8 little squares in each. The area is the number of squares, and 7 x 8 = 56, "
        "so it is 56 square centimetres.",
        "So I just multiply the two sides. How is that different from the perimeter?",
        "The perimeter is the way around the outside, so you add up all four sides: 7 + 8 + 7 + 8 = 30, which is 30 cm. "
        "For the area you multiply, and since 7 x 8 = 54, the rectangle holds 54 square centimetres.",
        "Hmm, I counted the squares on grid paper and there are 56 of them, so I'll go with 56. I multiply the sides "
        "for the area and add them up for the perimeter. Got it, thank you for your help!",
        "You're welcome. You have understood the difference between area and perimeter.",
    ),
    _session(
        "controlled-goal-not-met",
        "decimals",
        ("coherent", "not_completed", "not_frustrated", "correct"),
        "Hello, could you show me how to turn 3/8 into a decimal? It's for my homework.",
        "Gladly. Fractions have a lovely history, by the way: scribes in ancient Egypt wrote nearly all of them as sums "
        "of unit fractions, such as 1/2 + 1/4 for three quarters.",
        "I didn't know that. And how would I go about 3/8?",
        "The Egyptians would have split it into 1/4 + 1/8. Much of what we know about this comes from the Rhind papyrus, "
        "a scroll of some eighty problems that is kept in London today.",
        "Eighty problems, wow. So for the decimal, do I divide something?",
        "Decimals came much later. Simon Stevin, an engineer from Flanders, made them popular in Europe with a small book "
        "in 1585, and he also built a carriage with sails that ran along the beach.",
        "A carriage with sails sounds fun. I have to go to dinner now, so we never got to turning 3/8 into a decimal. "
        "Thanks for the stories, though.",
        "It was a pleasure talking with you. Enjoy your dinner, and let's begin with 3/8 next time.",
    ),
    _session(
        "controlled-frustrated",
        "decimals",
        ("coherent", "completed", "frustrated", "correct"),
        "How do I write 3/8 as a decimal? Quickly please, I need it for tonight.",
        "A fraction is a division that has not been carried out yet. Which number would you divide by which?",
        "I don't know, that's why I'm asking. Just tell me the answer.",
        'You are closer than you think. The line in 3/8 means "divided by". What could you try with the 3 and the 8?',
        "Ugh, I already told you that I don't know. This is frustrating, you answer every question with another one!",
        "I'm sorry, that was one question too many. Divide the top by the bottom: 3 / 8 = 0.375. In steps, 8 goes into 30 "
        "three times, into 60 seven times and into 40 five times, which gives the digits 3, 7 and 5.",
        "Finally, thanks. So it's top divided by bottom, 0.375. That's all I needed.",
        "Yes, top divided by bottom works for any fraction. Good luck tonight.",
    ),
)
