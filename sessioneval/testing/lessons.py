"""Lesson plans of the stand-in's tutor; each step is a question, a hint, the word that shows understanding, the answer."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing to find out.

    Attributes:
        question: What the tutor asks; unique among all plans, so that it can be found in a transcript.
        hint: What the tutor says after an attempt that misses, ending with a question.
        keys: A student's text that holds one of these, in lower case, has understood.
        guess: What a student says first, without a key.
        answer: What a student says in the end, with a key.
        fact: What there was to find out, as the tutor puts it.
    """

    question: str
    hint: str
    keys: tuple[str, ...]
    guess: str
    answer: str
    fact: str


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """A topic's steps.

    Attributes:
        topic: In lower case; a system prompt's topic that holds it gets this lesson.
        opening: The tutor's first words.
        steps: In order.
        closing: The tutor's last words; they ask nothing.
    """

    topic: str
    opening: str
    steps: tuple[Step, ...]
    closing: str


LESSONS = (
    Lesson(
        topic="photosynthesis",
        opening="Let's work out together how a plant feeds itself.",
        steps=(
            Step(
                question="A plant takes up water through its roots; which gas do its leaves take in from the air?",
                hint="Think of the gas that you breathe out and that makes sparkling water fizz. Which gas do leaves need?",
                keys=("carbon dioxide", "co2", "co₂"),
                guess="Hmm, I would guess nitrogen, because there is so much of it in the air.",
                answer="Then it must be carbon dioxide.",
                fact="Leaves take in carbon dioxide through tiny pores.",
            ),
            Step(
                question="From water and carbon dioxide the plant builds sugar; where does the energy for that come from?",
                hint="Picture a plant in a dark cupboard and one on a window sill. Where does the energy come from?",
                keys=("light", "sun"),
                guess="Maybe the energy comes out of the soil?",
                answer="The energy comes from sunlight.",
                fact="Chlorophyll in the leaves catches the energy of sunlight.",
            ),
        ),
        closing=(
            "So you have put it together yourself: with the energy of sunlight, a plant turns carbon dioxide and water "
            "into sugar, and oxygen is left over. Well done."
        ),
    ),
    Lesson(
        topic="fractions",
        opening="Let's find out how to add two fractions, with 1/2 and 1/4 as our example.",
        steps=(
            Step(
                question="The pieces of 1/2 and 1/4 have different sizes; how many quarters make one half?",
                hint="Cut a pizza into four equal slices and take half of the pizza. How many slices do you hold?",
                keys=("two", "2/4"),
                guess="I would add the tops and the bottoms, maybe?",
                answer="Two quarters make one half, so I can write it as 2/4.",
                fact="One half is the same amount as two quarters: 1/2 = 2/4.",
            ),
            Step(
                question="Now that all pieces are quarters, what do you get when you put 2/4 and 1/4 together?",
                hint="Count only the pieces; their size stays a quarter. How many quarters do you have in all?",
                keys=("3/4", "three quarters", "three-quarters"),
                guess="Perhaps the bottoms are added as well?",
                answer="That makes three quarters, 3/4.",
                fact="Put together, 2/4 + 1/4 = 3/4.",
            ),
        ),
        closing=(
            "So the way to add fractions is to cut both into pieces of one size first, and then to count the pieces: "
            "1/2 + 1/4 = 3/4. Well done."
        ),
    ),
    Lesson(
        topic="french revolution",
        opening="Let's look for what set off the French Revolution in 1789.",
        steps=(
            Step(
                question="By the 1780s the French crown had paid for several wars; what trouble was the state in?",
                hint="Think of what happens when someone spends more than comes in, year after year. What trouble is that?",
                keys=("debt", "bankrupt", "money", "broke"),
                guess="Maybe it had too few soldiers?",
                answer="The state was deep in debt.",
                fact="The crown was close to bankruptcy and needed new taxes.",
            ),
            Step(
                question="Nobles and clergy were spared most taxes; which estate had to carry the burden?",
                hint="The clergy were the first estate and the nobles the second. Which estate held everybody else?",
                keys=("third estate", "the third", "commoners"),
                guess="Was it perhaps the army?",
                answer="It was the Third Estate, the common people.",
                fact="The Third Estate paid, and it had little say in return.",
            ),
        ),
        closing=(
            "So you have named the two causes that historians mention most: a state in debt, and a Third Estate that paid "
            "without having a say. In July 1789 the anger reached the Bastille. Well done."
        ),
    ),
    Lesson(
        topic="water cycle",
        opening="Let's follow one drop of water from the sea and back.",
        steps=(
            Step(
                question="When the Sun warms the sea, some water goes up into the air as vapour; what do we call that?",
                hint="It also happens to a puddle that is gone an hour after the rain. What do we call it?",
                keys=("evaporat",),
                guess="Maybe it is called melting?",
                answer="That is evaporation.",
                fact="Evaporation lifts water into the air as vapour.",
            ),
            Step(
                question="High up it is cold, and the vapour turns into tiny drops; what do those drops form in the sky?",
                hint="Look up on a grey day. What do you see that is made of tiny drops?",
                keys=("cloud",),
                guess="Perhaps they form a rainbow?",
                answer="The drops form clouds.",
                fact="The vapour condenses into clouds, and from clouds it rains.",
            ),
        ),
        closing=(
            "So the drop went all the way round: evaporation from the sea, condensation into clouds, rain, and rivers back "
            "to the sea. Well done."
        ),
    ),
)


def lesson_about(topic: str) -> Lesson:
    """Return the plan for a topic: a written one, or one made from the topic's name.

    Example:
        >>> lesson_about("the French Revolution").topic, lesson_about("chess").steps[0].keys
        ('french revolution', ('chess',))
    """
    wanted = topic.lower()
    return next((lesson for lesson in LESSONS if lesson.topic in wanted), None) or _general_lesson(topic)


def _general_lesson(topic: str) -> Lesson:
    return Lesson(
        topic=topic.lower(),
        opening=f"Let's look at {topic} step by step, starting from what you know.",
        steps=(
            Step(
                question=f"How would you describe the main idea of {topic} in your own words?",
                hint="Try to say it to a friend who has never heard of it, and use its name. How would you begin?",
                keys=(topic.lower(),),
                guess="I am not sure how to put it.",
                answer=f"I would say that {topic} has a main idea, and that everything else builds on it.",
                fact="To say a thing in words of one's own is the first step to knowing it.",
            ),
            Step(
                question=f"Can you give one example of {topic} from your own life?",
                hint="It may be small: something that you saw or did this week. Which example comes to mind?",
                keys=("example",),
                guess="Nothing comes to mind at once.",
                answer="One example is something that I did at home this week.",
                fact="An example from daily life makes an idea stick.",
            ),
        ),
        closing=f"So you can now say what {topic} is about and show it on a case of your own. Well done.",
    )
