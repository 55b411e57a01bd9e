"""The four judges as rules: each one both ways, and the controlled sessions as their table says."""

import json
import time

import pytest

from sessioneval.testing.controlled_sessions import CONTROLLED_SESSIONS

COHERENT = [
    ("One value said twice is one value.", ["7 x 8 = 56.", "Again: 7 x 8 = 56."]),
    ("Other calculations have other results.", ["7 x 8 = 56.", "7 x 9 = 63."]),
    ("Asking is not saying.", ["7 x 8 = 56.", "Is 7 x 8 = 54?"]),
    ("Quoting the student is not saying.", ["7 x 8 = 56.", "You wrote 7 x 8 = 54, look again."]),
    ("A longer name is no other name.", ["The capital of Peru is Lima.", "The capital of Peru is Lima, of course."]),
    ("Descriptions may differ.", ["The history of Rome is long.", "The history of Rome is complicated."]),
    ("Pronouns mean different things.", ["It is Paris.", "It is London."]),
    ("Answers belong to their questions.", ["The answer is 4.", "The answer is 5."]),
    ("Rounding is no contradiction.", ["1 / 3 = 0.33.", "1 / 3 = 0.333."]),
]
INCOHERENT = [
    ("One calculation, two results.", ["7 x 8 = 56.", "Since 7 x 8 = 54, we go on."]),
    ("Signs differ, the calculation is the same.", ["7 \N{MULTIPLICATION SIGN} 8 = 56.", "7 times 8 is 54."]),
    ("One subject, two names.", ["The capital of Peru is Lima.", "Remember, the capital of Peru is Cusco."]),
    ("One subject, two numbers.", ["15% of 80 is 12.", "So 15% of 80 is 13."]),
    (
        "One subject, two things.",
        ["The gas that plants take in is carbon dioxide.", "The gas that plants take in is oxygen."],
    ),
    ("A statement denied.", ["Use the left door.", "I never said that."]),
    ("A statement taken back.", ["It is 5.", "Earlier I said 5, but that was wrong."]),
]


@pytest.mark.parametrize("texts", [texts for _, texts in COHERENT], ids=[why for why, _ in COHERENT])
def test_coherent(verdict, texts):
    """See each case's id for why it is no contradiction."""
    assert verdict("coherence", *(("assistant", text) for text in texts)).label == "coherent"


@pytest.mark.parametrize("texts", [texts for _, texts in INCOHERENT], ids=[why for why, _ in INCOHERENT])
def test_incoherent(verdict, texts):
    """See each case's id for the contradiction; the explanation names the message."""
    found = verdict("coherence", *(("assistant", text) for text in texts))
    assert found.label == "incoherent"
    assert "essage 1" in found.explanation


def test_a_student_may_contradict_the_tutor(verdict):
    """Coherence judges the assistant alone."""
    assert verdict("coherence", ("user", "7 x 8 = 54."), ("assistant", "7 x 8 = 56.")).label == "coherent"


@pytest.mark.parametrize(
    "text",
    [
        "7 x 8 = 56, 3 / 8 = 0.375 and 2 + 3 x 4 = 14.",
        "10 / 3 = 3.33, or 3.3 roughly.",
        "2^10 = 1,024 and 1/2 + 1/4 = 3/4.",
        "The perimeter: 2 x (7 + 8) = 30.",
        "Solve 2x + 3 = 9: x = 3.",
        "It is not true that 2 + 2 = 5.",
        "5 / 0 = 7 has no meaning here.",
        "17 / 5 = 3 remainder 2.",
        "We are open 24/7 and pages 3-5 is the part to read.",
        "The capital of Australia is Canberra, and Canberra is the capital of Australia.",
        "The capital of France is a beautiful city. It is the capital of France.",
        "On a high mountain water boils at 90 degrees.",
        "Nairobi is the capital of Kenya.",
    ],
)
def test_correct(verdict, text):
    """True statements, and texts that only look like statements."""
    assert verdict("correctness", ("assistant", text)).label == "correct"


@pytest.mark.parametrize(
    "text",
    [
        "So 7 x 8 = 54.",
        "7 times 8 is 54.",
        "0.1 + 0.2 = 0.4",
        "1/2 + 1/4 = 2/6.",
        "12 \N{DIVISION SIGN} 4 = 4",
        "2 ^ 3 = 6",
        "3 \N{MINUS SIGN} 5 = 2",
        "The capital of Australia is Sydney.",
        "Sydney is the capital of Australia.",
        "Water boils at 90 degrees Celsius at sea level.",
        "Photosynthesis uses oxygen.",
        "The French Revolution began in 1799.",
        "The largest planet is Saturn.",
    ],
)
def test_incorrect(verdict, text):
    """False when computed, or against the table of facts; the explanation names the message."""
    found = verdict("correctness", ("user", "?"), ("assistant", text))
    assert found.label == "incorrect"
    assert "Message 1" in found.explanation


def test_a_user_may_be_wrong(verdict):
    """Correctness judges the assistant alone."""
    assert verdict("correctness", ("user", "2 + 2 = 5"), ("assistant", "Look again.")).label == "correct"


@pytest.mark.parametrize(
    "text", ["Ugh.", "Just tell me.", "You\N{RIGHT SINGLE QUOTATION MARK}re not listening", "No!!!"]
)
def test_frustrated(verdict, text):
    """Markers count in any case and typography."""
    assert verdict("frustration", ("user", "hi"), ("user", text)).label == "frustrated"


@pytest.mark.parametrize(
    "text", ["Enough light for a plant?", "Thanks! That is great!", "I will come on Monday, ughten."]
)
def test_not_frustrated(verdict, text):
    """Words that contain a marker, or friendly exclamations, are none."""
    label = verdict("frustration", ("user", text.replace("come on", "arrive on")), ("assistant", "Ugh!!!")).label
    assert label == "not_frustrated"


@pytest.mark.parametrize(
    "messages",
    [
        [("user", "a?"), ("assistant", "b?"), ("user", "c. Thanks, got it!")],
        [("user", "a?"), ("assistant", "b?"), ("user", "Finally, thanks."), ("assistant", "Anything else?")],
        [("user", "What is it?"), ("assistant", "It is this.")],
        [("user", "a?"), ("assistant", "b?"), ("user", "c?"), ("assistant", "d.")],
        [("user", "a?"), ("assistant", "b"), ("user", "Got it. I have to go now, bye.")],
    ],
)
def test_completed(verdict, messages):
    """Closed by the user, or answered without a question back."""
    assert verdict("goal_completion", *messages).label == "completed"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [("system", "You are a tutor.")],
        [("user", "a?")],
        [("user", "a?"), ("assistant", "")],
        [("user", "a?"), ("assistant", "Which one?")],
        [("user", "a?"), ("assistant", "b"), ("tool", "c")],
        [("user", "a?"), ("assistant", "b."), ("user", "And c?")],
        [("user", "a?"), ("assistant", "b"), ("user", "Thanks, but we never got to a."), ("assistant", "Bye.")],
        [("user", "a?"), ("assistant", "b"), ("user", "I still don't know a, thanks."), ("assistant", "Bye.")],
        [("user", "a?"), ("assistant", "b"), ("user", "Thanks, I have to go."), ("assistant", "Bye.")],
        [("user", "a?"), ("assistant", "b"), ("user", "Never mind."), ("assistant", "Bye.")],
    ],
)
def test_not_completed(verdict, messages):
    """Given up, unanswered, or answered by a question."""
    assert verdict("goal_completion", *messages).label == "not_completed"


def test_an_evaluator_without_a_rule_gets_the_first_label(client, ask, answer_text):
    """Custom rubrics work against the stand-in, and the answer says how little it means."""
    messages = ask("politeness", ("user", "hi"), labels="polite, rude")
    answer = answer_text(client.chat.completions.create(model="stand-in", messages=messages))
    assert answer["label"] == "polite"
    assert "no rule for 'politeness'" in answer["explanation"]


def test_a_known_name_with_other_labels_gets_the_first_label(client, ask, answer_text):
    """A user's own rubric may be called as ours."""
    messages = ask("coherence", ("user", "hi"), labels="good, bad")
    assert answer_text(client.chat.completions.create(model="stand-in", messages=messages))["label"] == "good"


def test_a_judge_that_must_call_a_tool_answers_in_its_arguments(client, ask):
    """Endpoints without structured output are asked by a forced tool call."""
    parameters = {"type": "object", "properties": {"label": {"type": "string"}, "explanation": {"type": "string"}}}
    completion = client.chat.completions.create(
        model="stand-in",
        messages=ask("frustration", ("user", "Ugh."), labels="not_frustrated, frustrated"),
        tools=[{"type": "function", "function": {"name": "verdict", "parameters": parameters}}],
        tool_choice={"type": "function", "function": {"name": "verdict"}},
    )
    (call,) = completion.choices[0].message.tool_calls
    assert call.function.name == "verdict"
    assert json.loads(call.function.arguments)["label"] == "frustrated"


@pytest.mark.parametrize("session", CONTROLLED_SESSIONS, ids=lambda session: session.session_id)
def test_the_controlled_sessions_read_as_their_table(client, ask, answer_text, session):
    """The table of the first journey, through the fenced prompt over HTTP."""
    said = [(message["role"], message["content"]) for message in session.messages]
    labels = {
        name: answer_text(
            client.chat.completions.create(model="stand-in", messages=ask(name, *said, labels=f"{label}, other"))
        )["label"]
        for name, label in session.expected.items()
    }
    assert labels == dict(session.expected)


def test_the_table_itself():
    """The expected labels are those of the four cases, and the sessions are talks from user to assistant."""
    table = {session.session_id: tuple(session.expected.values()) for session in CONTROLLED_SESSIONS}
    assert table == {
        "controlled-clean": ("coherent", "completed", "not_frustrated", "correct"),
        "controlled-incoherent": ("incoherent", "completed", "not_frustrated", "incorrect"),
        "controlled-goal-not-met": ("coherent", "not_completed", "not_frustrated", "correct"),
        "controlled-frustrated": ("coherent", "completed", "frustrated", "correct"),
    }
    for session in CONTROLLED_SESSIONS:
        roles = [message["role"] for message in session.messages]
        assert 6 <= len(roles) <= 10
        assert roles == ["user", "assistant"] * (len(roles) // 2)


@pytest.mark.parametrize(
    "text", ["1+" * 50_000, "1 " * 50_000, "a is " * 20_000, "<<" * 50_000, "!" * 100_000, "9" * 100_000, " " * 100_000]
)
def test_no_text_makes_a_rule_slow(verdict, text):
    """Transcripts are hostile: 100,000 characters take well under the seconds that a bad pattern would."""
    started = time.perf_counter()
    for evaluator in ("coherence", "correctness", "frustration", "goal_completion"):
        verdict(evaluator, ("user", text), ("assistant", text), ("assistant", text))
    assert time.perf_counter() - started < 5
