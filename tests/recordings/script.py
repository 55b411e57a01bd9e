"""The conversations that are recorded: what users say, what models answer, what tools return."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

MAIN = "nova"
GUARD_PROMPT = "You are a safety classifier. Reply with exactly one word, SAFE or UNSAFE."
TITLE_REQUEST = "Generate a short title (at most 5 words) for this conversation. Reply with the title only."
SUMMARY_REQUEST = "Summarise the conversation so far in two sentences for your own memory."
# 1 x 1 pixel.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


class ToolFailedError(Exception):
    """What a scripted tool raises."""


@dataclass(frozen=True)
class Call:
    """A tool call that a model asks for."""

    name: str
    arguments: dict[str, object]


@dataclass(frozen=True)
class Say:
    """One answer of a model; `fails` are HTTP states that the service gives first."""

    text: str | None = None
    calls: tuple[Call, ...] = ()
    agent: str = MAIN
    fails: tuple[int, ...] = ()


@dataclass(frozen=True)
class Turn:
    """A user's message and all answers up to the next."""

    user: str
    says: tuple[Say, ...]
    image: bool = False


@dataclass(frozen=True)
class Scenario:
    """A conversation.

    Attributes:
        name: Name of the scenario.
        agents: System prompt of each agent; the first one talks to the user.
        turns: The turns of the session.
        nested: Turns of agents that are called as tools.
        tools: Names of the tools of each agent.
        title, summary: What the side calls answer.
        window: How many messages the app sends; 0 for all.
        others: Turns of further sessions that run at the same time.
    """

    name: str
    agents: dict[str, str]
    turns: tuple[Turn, ...]
    nested: tuple[Turn, ...] = ()
    tools: dict[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    summary: str = ""
    summary_after: int = 0
    window: int = 0
    guarded: bool = False
    streamed: bool = False
    others: tuple[tuple[Turn, ...], ...] = ()

    def all_turns(self) -> Iterator[tuple[Turn, Turn | None]]:
        """Yield the turns with users and those inside tools, each with the turn before it."""
        for turns in (self.turns, *self.others, *((turn,) for turn in self.nested)):
            yield from zip(turns, (None, *turns), strict=False)

    def talks(self) -> Iterator["Scenario"]:
        """Yield the scenario of each session."""
        yield replace(self, others=())
        yield from (replace(self, turns=turns, others=()) for turns in self.others)


ORDERS = {
    "B-2001": {"order_id": "B-2001", "title": "Le Petit Prince", "status": "delivered"},
    "B-2002": {"order_id": "B-2002", "title": "Momo", "status": "shipped"},
}


def lookup_order(order_id: str) -> str:
    """Look up an order of the shop by its number and return title and status."""
    if order_id not in ORDERS:
        raise ToolFailedError(f"order {order_id} is not in the register")
    return json.dumps(ORDERS[order_id])


def refund(order_id: str, amount: float) -> str:
    """Refund an amount of money for an order."""
    if amount > 100:
        raise ToolFailedError(f"refund of {amount} for {order_id} exceeds the limit of 100")
    return json.dumps({"order_id": order_id, "refunded": amount})


def word_count(text: str) -> str:
    """Count the words of a text."""
    return json.dumps({"words": len(text.split())})


TOOLS = {"lookup_order": lookup_order, "refund": refund, "word_count": word_count}
_SHOP = "You are Nova, the assistant of the bookshop Birch & Quill. Be brief."
_ORDER = Call("lookup_order", {"order_id": "B-2001"})

SUPPORT = Scenario(
    "support_tools",
    {MAIN: _SHOP},
    (
        Turn(
            "Hi, where is B-2002? It's a present.",
            (
                Say(calls=(Call("lookup_order", {"order_id": "B-2002"}),)),
                Say('B-2002 ("Momo") left our house on 3 May and is on its way.'),
            ),
        ),
        Turn(
            "Compare B-2001 and B-2002, please.",
            (
                Say("Let me check both.", (_ORDER, Call("lookup_order", {"order_id": "B-2002"}))),
                Say("In 8001 Zürich:\n- B-2001: delivered\n- B-2002: 12 May"),
            ),
        ),
        Turn("12 May is too late. Can I send it back?", (Say("You get 18.50 CHF back. Shall I go ahead?"),)),
        Turn(
            "yes",
            (
                Say(calls=(Call("refund", {"order_id": "B-2002", "amount": 18.5}),)),
                Say("Done: 18.50 CHF will be back in 3–5 days. Shall I confirm by mail?"),
            ),
        ),
        Turn("yes", (Say("It goes out within the hour. 📚"),)),
    ),
    tools={MAIN: ("lookup_order", "refund")},
)
HANDOFF = Scenario(
    "handoff",
    {
        MAIN: "You are the triage agent of Birch & Quill. Hand money matters over to the refund agent.",
        "refund_agent": "You are the refund agent of Birch & Quill. Look the order up before you refund it.",
    },
    (
        Turn("Hello, how late are you open?", (Say("Until seven in the evening."),)),
        Turn(
            "I want my money back for B-2001.",
            (
                Say(calls=(Call("transfer_to_refund_agent", {}),)),
                Say(calls=(_ORDER,), agent="refund_agent"),
                Say(calls=(Call("refund", {"order_id": "B-2001", "amount": 12.5}),), agent="refund_agent"),
                Say("I have refunded 12.50 EUR for B-2001.", agent="refund_agent"),
            ),
        ),
        Turn("And when will it arrive?", (Say("Within three working days.", agent="refund_agent"),)),
    ),
    tools={MAIN: ("transfer_to_refund_agent",), "refund_agent": ("lookup_order", "refund")},
)
DELEGATE = Scenario(
    "delegate",
    {
        MAIN: "You are an editor. Ask the researcher for facts.",
        "researcher": "You are a researcher. Answer in one sentence.",
    },
    (
        Turn(
            "Write a line on Walser.",
            (
                Say(calls=(Call("ask_researcher", {"question": "Who was Robert Walser?"}),)),
                Say("Walser, the walker of Herisau, wrote in pencil."),
            ),
        ),
        Turn(
            "Now one on his sister, with the word count of the facts.",
            (
                Say("I will ask.", (Call("ask_researcher", {"question": "Who was Lisa Walser?"}),)),
                Say("Lisa Walser taught, and her brother wrote (8 words of facts)."),
            ),
        ),
    ),
    (
        Turn("Who was Robert Walser?", (Say("Robert Walser was a Swiss writer of small prose.", agent="researcher"),)),
        Turn(
            "Who was Lisa Walser?",
            (
                Say(
                    calls=(Call("word_count", {"text": "Lisa Walser was a teacher in Bellelay village"}),),
                    agent="researcher",
                ),
                Say("Lisa Walser was a teacher in Bellelay; 8 words.", agent="researcher"),
            ),
        ),
    ),
    {MAIN: ("ask_researcher",), "researcher": ("word_count",)},
)
STREAMING = Scenario(
    "streaming",
    {MAIN: _SHOP},
    (
        Turn("Do you have Momo?", (Say("Yes, in German and in English."),)),
        Turn("Is my B-2001 done?", (Say("One moment.", (_ORDER,)), Say("Yes, B-2001 is delivered."))),
        Turn("Thank you!", (Say("You are welcome."),)),
    ),
    tools={MAIN: ("lookup_order",)},
    streamed=True,
)
TOOL_ERROR = Scenario(
    "tool_error",
    {MAIN: _SHOP},
    (
        Turn(
            "Where is B-9999?",
            (
                Say(calls=(Call("lookup_order", {"order_id": "B-9999"}),)),
                Say("I cannot find B-9999. Is the number right?"),
            ),
        ),
        Turn("Sorry, B-2001.", (Say(calls=(_ORDER,)), Say("B-2001 is delivered."))),
        Turn(
            "Refund 400 EUR for it.",
            (
                Say("I will try.", (Call("refund", {"order_id": "B-2001", "amount": 400.5}),)),
                Say("That is above my limit of 100 EUR."),
            ),
        ),
    ),
    tools={MAIN: ("lookup_order", "refund")},
)
_HELLO = Turn("Hello", (Say("Hello, how can I help you today?"),))
_THANKS = Turn("Thanks!", (Say("You are welcome!"),))
INTERLEAVED = Scenario(
    "interleaved",
    {MAIN: _SHOP},
    (_HELLO, Turn("Status of B-2001?", (Say(calls=(_ORDER,)), Say("B-2001 was delivered on 1 May."))), _THANKS),
    tools={MAIN: ("lookup_order",)},
    others=(
        (
            _HELLO,
            Turn(
                "Status of B-2002?",
                (Say(calls=(Call("lookup_order", {"order_id": "B-2002"}),)), Say("B-2002 is on its way.")),
            ),
            Turn("Since when?", (Say("Since this morning."),)),
            _THANKS,
        ),
        (
            _HELLO,
            Turn("Do you sell maps?", (Say("No, only books."),)),
            Turn("Do you sell maps?", (Say("As I said, only books. Can I find one for you?"),)),
        ),
    ),
)
TITLE_GUARD = Scenario(
    "title_guard",
    {MAIN: "You are a gardening assistant."},
    (
        Turn("When do I sow carrots in a cold frame?", (Say("From late February, in rows 15 cm apart."),)),
        Turn("And outside?", (Say("From April, when the soil is 7 °C or warmer."),)),
        Turn("How deep?", (Say("One centimetre."),)),
    ),
    title="Sowing Carrots",
    guarded=True,
)
WINDOW = Scenario(
    "window",
    {MAIN: "You are a tutor of mathematics."},
    (
        Turn("Is 7 prime?", (Say("Yes."),)),
        Turn("Is 9 prime?", (Say("No, it is 3 times 3."),)),
        Turn("Is 11 prime?", (Say("Yes."),)),
        Turn("Is 1 prime?", (Say("No, a prime has exactly two divisors."),)),
        Turn("Why does that matter?", (Say("So that factorisations are unique."),)),
        Turn("Give me the next prime.", (Say("13."),)),
    ),
    window=4,
)
SUMMARISED = Scenario(
    "summarised",
    {MAIN: "You are a planner of hikes."},
    (
        Turn("Plan a hike of two days in the Jura for three.", (Say("Day 1 Chasseral, day 2 Twannbach gorge."),)),
        Turn("One of us fears ladders.", (Say("Then take the forest path instead of the gorge."),)),
        Turn("Where do we sleep?", (Say("In the hotel on the Chasseral, 95 CHF each."),)),
        Turn("Can we swim?", (Say("Yes, in Twann on day 2."),)),
        Turn("What does it cost?", (Say("About 330 CHF for three."),)),
        Turn("Good, sum the plan up.", (Say("Day 1 Chasseral with hotel, day 2 forest path and a swim; 330 CHF."),)),
    ),
    summary="Three people hike two days in the Jura, one fears ladders, so no gorge. They sleep on the Chasseral.",
    summary_after=3,
)
MULTIMODAL = Scenario(
    "multimodal",
    {MAIN: "You describe pictures."},
    (
        Turn("What is on this picture?", (Say("A single light pixel."),), image=True),
        Turn("Is it square?", (Say("Yes, like all pixels here."),)),
    ),
)
LLM_ERROR = Scenario(
    "llm_error",
    {MAIN: _SHOP},
    (
        Turn(
            "Is B-2002 here?",
            (Say(calls=(Call("lookup_order", {"order_id": "B-2002"}),), fails=(500,)), Say("It is on its way.")),
        ),
        Turn("Fine, bye", (Say("Goodbye!", fails=(429,)),)),
    ),
    tools={MAIN: ("lookup_order",)},
)
LONG = Scenario(
    "long",
    {MAIN: "You are a patient tutor of history. Answer in one sentence."},
    tuple(
        Turn(
            f"Question {n}: what happened in the year {1500 + 7 * n}?",
            (Say(f"Answer {n}: in {1500 + 7 * n} the town of Herisau counted {n * 31} houses."),),
        )
        for n in range(1, 41)
    ),
)
SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        SUPPORT, HANDOFF, DELEGATE, STREAMING, TOOL_ERROR, INTERLEAVED, TITLE_GUARD, WINDOW, SUMMARISED, MULTIMODAL, LLM_ERROR,
        LONG,
    )
}  # fmt: skip
