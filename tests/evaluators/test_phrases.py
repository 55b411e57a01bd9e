"""What counts as asking for a person, correcting, closing and handing over; and what only looks like it."""

import time

import pytest

from sessioneval.evaluators.signals.requests_for_people import hands_over, is_asking, says_handed_over
from sessioneval.evaluators.signals.resolution import is_closing, is_correction
from sessioneval.evaluators.signals.wording import is_blank, sentences


@pytest.mark.parametrize(
    "text",
    [
        "Can I speak to a human?",
        "I'd like to talk with a real person, please",
        "Please transfer me to an agent.",
        "connect me with your supervisor",
        "Escalate this to a manager!",
        "This is useless. Let me talk to someone who can actually help.",
        "I want a human.",
        "I just need a representative",
        "get me a real person",
        "AGENT, PLEASE!",
        "representative",
        "I\u2019d like to chat with customer service rep",
        "Ich möchte mit einem Menschen sprechen.",
        "Können Sie mich bitte mit einer Mitarbeiterin verbinden?",
        "Je veux parler à un conseiller",
        "Passez-moi un responsable, je veux parler à quelqu'un",
        "Quiero hablar con una persona",
        "Vorrei parlare con un operatore",
        "Quero falar com um atendente",
        "Ik wil een medewerker spreken",
        "转人工客服",
        "担当者と話したいです",
    ],
)
def test_asking_for_a_person(text):
    """The clearest sign that the assistant failed, in the words that people use."""
    assert is_asking(text)


@pytest.mark.parametrize(
    "text",
    [
        "Where is my parcel?",
        "I don't want to talk to a human.",
        "No need to transfer me to an agent.",
        "I need to speak with my manager first.",
        "I want to book for one more person.",
        "Which agent of change was it?",
        "I work in human resources and need a form.",
        "Ich möchte nicht mit einem Mitarbeiter sprechen.",
        "My real estate agent told me so.",
        "The person on the phone was rude.",
        "",
    ],
)
def test_not_asking_for_a_person(text):
    """A false alarm costs more trust than a missed one."""
    assert not is_asking(text)


@pytest.mark.parametrize(
    "text",
    [
        "No, that's not what I asked.",
        "That is wrong.",
        "that isn\u2019t correct",
        "You misunderstood me.",
        "You got it wrong again",
        "I said the blue one!",
        "No, I meant May 5th",
        "I already told you my order number",
        "No, not that one",
        "This is still not right.",
        "Das stimmt nicht.",
        "Nein, ich meinte die blaue.",
        "Non, je voulais dire demain",
        "Eso no es correcto",
        "No, quise decir mañana",
        "Non è corretto",
        "Isso não é... não é isso",
        "Dat klopt niet",
        "不对,我说的是蓝色的",
        "違います",
    ],
)
def test_correcting_the_assistant(text):
    """Reflexio counts corrections in a session; these are free."""
    assert is_correction(text)


@pytest.mark.parametrize(
    "text",
    [
        "No, that's all, thanks.",
        "No.",
        "What is wrong with my parcel?",
        "My friend said it would rain.",
        "The delivery I asked for last week came.",
        "That's right.",
        "Is that correct?",
        "Nothing else",
        "Nein danke",
        "",
    ],
)
def test_not_correcting_the_assistant(text):
    """A no is no correction."""
    assert not is_correction(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks!",
        "Perfect, thank you so much.",
        "That worked. Bye!",
        "No, that's all, thanks.",
        "Great",
        "Vielen Dank!",
        "Merci beaucoup",
        "Muchas gracias",
        "Grazie mille",
        "Obrigada!",
        "Bedankt",
        "谢谢",
        "ありがとうございます",
    ],
)
def test_closing_the_talk(text):
    """What people say when they have what they came for."""
    assert is_closing(text)


@pytest.mark.parametrize(
    "text",
    [
        "Thanks, but where is it?",
        "Thanks. Can you also cancel the other one",
        "Perfect, now please book it.",
        "Thank you, I'd like to talk to a human.",
        "Thanks, that's not right though.",
        "Great " * 30,
        "Yes",
        "Danke, aber wo ist es",
        "",
    ],
)
def test_not_closing_the_talk(text):
    """A thank-you that goes on settles nothing."""
    assert not is_closing(text)


@pytest.mark.parametrize(
    "text",
    [
        "YOU ARE BEING TRANSFERRED TO A HUMAN AGENT. PLEASE HOLD ON.",
        "I'm connecting you with a specialist now.",
        "I have escalated this to our support team.",
        "I will transfer you to a representative.",
        "Ich verbinde Sie mit einem Mitarbeiter.",
        "Je vous transfère à un conseiller.",
    ],
)
def test_saying_that_a_person_takes_over(text):
    """An escalation without a tool shows in the assistant's words only."""
    assert says_handed_over(text)


@pytest.mark.parametrize(
    "text",
    [
        "Would you like me to transfer you to a human agent?",
        "I can transfer you to a human agent if you like.",
        "I am unable to transfer you to an agent.",
        "The money was transferred to your account.",
        "I'm connecting you to the internet.",
        "",
    ],
)
def test_offers_and_refusals_hand_nothing_over(text):
    """The talk goes on with the assistant."""
    assert not says_handed_over(text)


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("transfer_to_human_agents", True),
        ("escalateToSupervisor", True),
        ("request_human_handoff", True),
        ("escalate", True),
        ("escalate_ticket", True),
        ("transfer_to_live_agent", True),
        ("transfer_to_refunds_agent", False),
        ("transfer_money", False),
        ("get_person", False),
        ("handoff_to_planner", False),
        ("", False),
    ],
)
def test_tools_that_hand_over(tool, expected):
    """Handing over to another agent of the app is no escalation."""
    assert hands_over(tool) is expected


def test_sentences_are_cut_at_their_ends_only():
    """Verb and person must stand in one sentence."""
    assert sentences("Talk to me. A human?\nNo!", 100) == ["talk to me.", "a human?", "no!"]
    assert sentences("Talk to a human", 7) == ["talk to"]
    assert sentences("\u4f60\u597d\u3002\u518d\u89c1\uff01", 100) == ["\u4f60\u597d\u3002", "\u518d\u89c1!"]


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\ufeff\n\t", "\x00"])
def test_what_cannot_be_seen_is_blank(text):
    """A zero-width space is no answer."""
    assert is_blank(text)


@pytest.mark.parametrize(
    "text",
    ["i want " * 50_000, "no, " * 100_000, "transfer me " * 20_000, "." * 300_000, "a" * 300_000, "?!" * 100_000],
)
def test_hostile_texts_take_no_time(text):
    """A user may send a megabyte."""
    started = time.perf_counter()
    for asks in (is_asking, is_correction, is_closing, says_handed_over, hands_over):
        asks(text)
    assert time.perf_counter() - started < 1
