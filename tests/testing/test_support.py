"""The support agent: looks up, offers, refunds and reports, by the tools it is given."""

import json

import pytest

from sessioneval.testing.chat_request import parse_request
from sessioneval.testing.rules import answer

LATE = '{"order_id": "A-17", "status": "delayed", "eta": "2026-12-01", "items": 2}'


@pytest.fixture
def reply(order_tools):
    """Answer a support talk by the rules."""

    def replied(*messages, **options):
        return answer(parse_request({"model": "m", "messages": list(messages), "tools": order_tools, **options}))

    return replied


def user(text):
    return {"role": "user", "content": text}


def called(name, **arguments):
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def result(text):
    return {"role": "tool", "tool_call_id": "call_1", "content": text}


def test_an_order_number_is_looked_up(reply):
    """The number goes under the tool's first required property."""
    (call,) = reply(user("Where is A-17?")).calls
    assert (call.name, json.loads(call.arguments)) == ("get_order", {"order_id": "A-17"})


def test_two_numbers_are_one_call_where_parallel_calls_are_off(reply):
    """The client's wish counts."""
    assert len(reply(user("A-17 and B-2?")).calls) == 2
    assert len(reply(user("A-17 and B-2?"), parallel_tool_calls=False).calls) == 1


def test_trouble_leads_to_an_offer_and_yes_to_a_refund(reply):
    """Nothing is refunded unasked."""
    talk = [user("Where is A-17?"), called("get_order", order_id="A-17"), result(LATE)]
    offer = reply(*talk).text
    assert "status delayed, eta 2026-12-01, items 2" in offer
    assert offer.endswith("Would you like a refund for order A-17?")
    said = {"role": "assistant", "content": offer}
    (call,) = reply(*talk, said, user("Yes, please do.")).calls
    assert call.name == "refund_order"
    assert json.loads(call.arguments) == {"order_id": "A-17", "reason": "asked for by the customer"}
    assert not reply(*talk, said, user("No, I will wait.")).calls


def test_the_offer_is_for_the_order_in_trouble(reply):
    """Of two orders the one that is late is refunded, whichever was named last."""
    fine = '{"order_id": "B-2", "status": "delivered"}'
    talk = [user("A-17, B-2?"), called("get_order"), result(LATE), result(fine)]
    offer = reply(*talk).text
    assert offer.endswith("a refund for order A-17?")
    (call,) = reply(*talk, {"role": "assistant", "content": offer}, user("Yes.")).calls
    assert json.loads(call.arguments)["order_id"] == "A-17"


def test_results_of_parallel_calls_are_reported_together(reply):
    """Both results since the last call, in order."""
    fine = '{"order_id": "B-2", "status": "delivered"}'
    text = reply(user("A-17, B-2?"), called("get_order"), result(fine), result('{"error": "no such order"}')).text
    assert text == "Here is what I found: order id B-2, status delivered. That did not work: no such order"


def test_a_result_that_is_no_json_is_quoted(reply):
    """Tools answer what they like."""
    assert reply(user("A-1?"), called("get_order"), result("[1]")).text == "The system answered: [1]"
    assert reply(user("A-1?"), called("get_order"), result("{oops")).text == "The system answered: {oops"


def test_small_talk_needs_no_tool(reply):
    """Thanks get a farewell, everything else a question back."""
    assert reply(user("Thanks!")).text.startswith("You're welcome")
    assert reply(user("My parcel is missing.")).text.endswith("for example A-17?")


def test_tool_choice_is_kept(reply):
    """None means no call; a forced tool is called even where no rule asks for it."""
    assert not reply(user("A-17?"), tool_choice="none").calls
    forced = {"type": "function", "function": {"name": "refund_order"}}
    assert [call.name for call in reply(user("About A-17"), tool_choice=forced).calls] == ["refund_order"]
    assert [call.name for call in reply(user("hi"), tool_choice="required").calls] == ["get_order"]


def test_ids_follow_from_the_request(reply):
    """Equal requests get equal ids, others get others."""
    first, again, other = (reply(user(text)).calls[0].id for text in ("A-1?", "A-1?", "A-2?"))
    assert first == again != other
