"""Sessions from traces that carry no session id: joined by what they repeat, and only with a stated confidence."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model.message import Message
from sessioneval.model.session import Session
from sessioneval.model.transcript import Transcript
from sessioneval.sessions.stitching import stitch, talk_of

START = datetime(2026, 11, 20, tzinfo=UTC)


def talk(trace_id, minute, *words):
    """Return the talk of a trace: user and assistant take turns, a leading ``*`` marks a system prompt."""
    spoken = [word for word in words if not word.startswith("*")]
    messages = [Message(role="system", content=word) for word in words if word.startswith("*")]
    messages += [Message(role="assistant" if place % 2 else "user", content=word) for place, word in enumerate(spoken)]
    moment = START + timedelta(minutes=minute)
    session = Session(
        session_id=trace_id, anchor_span_id="a", start_time=moment, end_time=moment, n_spans=1, n_traces=1
    )
    return talk_of(trace_id, Transcript(session=session, messages=tuple(messages)))


CHAT = ["*be kind", "My parcel is late", "Which order?", "Order 17", "It comes on Monday.", "Thanks", "Welcome."]


def chat(n_turns, name="a"):
    """Return the traces of a chat, one a turn, each repeating what was said before."""
    return [talk(f"{name}{turn}", turn, *CHAT[: 1 + 2 * (turn + 1)]) for turn in range(n_turns)]


def test_a_trace_that_repeats_the_history_continues_it():
    """The app sends the whole talk with each turn: that is how it shows which talk it is."""
    found = stitch(chat(3))
    assert {link.session_id for link in found.values()} == {"stitched-a0"}
    assert {link.confidence for link in found.values()} == {1.0}


@given(st.permutations([*chat(3), talk("b0", 0, "Hello", "Hi there")]))
def test_the_order_of_arrival_does_not_matter(talks):
    """Spans are a set."""
    assert stitch(talks) == stitch(sorted(talks, key=lambda one: one.trace_id))


def test_a_trace_of_its_own_stays_one():
    """Nothing is joined for want of anything better."""
    found = stitch([talk("a", 0, "One", "First"), talk("b", 1, "Two", "Second")])
    assert found["a"].session_id != found["b"].session_id


def test_a_shortened_history_is_joined_by_the_last_exchange_at_half_the_confidence():
    """Apps cut the front of long histories off; the last exchange is a weaker sign than all of them."""
    found = stitch([*chat(2), talk("cut", 5, "Order 17", "It comes on Monday.", "And my refund?", "Is on its way.")])
    assert found["cut"].session_id == "stitched-a0"
    assert found["cut"].confidence == 0.5


def test_a_session_is_worth_its_weakest_link():
    """One doubtful trace makes the session doubtful."""
    cut = talk("cut", 5, "Order 17", "It comes on Monday.", "And my refund?", "Is on its way.")
    assert stitch([*chat(2), cut])["a0"].confidence == 0.5


def test_a_greeting_that_many_share_joins_nothing():
    """Fifty users say hello and hear the same: whose talk goes on cannot be told."""
    greetings = [talk(f"g{number:02}", number, "Hello", "How can I help?") for number in range(50)]
    later = talk("later", 99, "Hello", "How can I help?", "My parcel is late", "Which order?")
    found = stitch([*greetings, later])
    assert found["later"].session_id == "stitched-later"
    assert stitch([*greetings, later], min_confidence=0.01)["later"].confidence == pytest.approx(1 / 50)


def test_a_question_without_an_answer_joins_nothing():
    """Two users may ask the same thing; only an answer tells talks apart."""
    found = stitch([talk("a", 0, "My parcel is late"), talk("b", 1, "My parcel is late", "Which order?")])
    assert found["b"].session_id == "stitched-b"


def test_a_talk_may_branch():
    """An edited message starts a second continuation of the same talk."""
    found = stitch(
        [*chat(1), talk("x", 3, *CHAT[:3], "Order 18", "Lost."), talk("y", 4, *CHAT[:3], "Order 19", "Here.")]
    )
    assert {found[name].session_id for name in ("a0", "x", "y")} == {"stitched-a0"}


def test_the_same_trace_content_twice_is_two_conversations():
    """A talk that repeats another to the last word continues nothing."""
    found = stitch([*chat(1, "a"), *chat(1, "b")])
    assert found["a0"].session_id != found["b0"].session_id


def test_a_link_that_was_made_stands():
    """An id that people have seen, and evaluations are kept under, does not change when an earlier trace arrives."""
    first, second, third = chat(3)
    made = stitch([second, third])
    assert stitch([first, second, third], known=made)["a2"].session_id == "stitched-a1"
