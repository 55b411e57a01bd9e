"""smolagents tells the error of a tool, but not the call; the call is known from the answer that asked for it."""

from span_factory import assistant, call, llm, said, transcript, user
from span_factory import tool as result


def failing(*steps):
    """Return a turn: each step is what is sent and what is answered."""
    return [llm(number, sent, [answered], at=number) for number, (sent, answered) in enumerate(steps, 1)]


def test_call_that_the_history_leaves_out_is_not_taken_back():
    """The error follows the question directly, as if the answer in between had been withdrawn."""
    ask, find = user("Where is 9?"), call("c1", "find", id="9")
    made = transcript(
        *failing(([ask], assistant(None, find)), ([ask, result("no 9 here")], assistant("I cannot find it.")))
    )
    assert said(made) == [
        "user: Where is 9?",
        'assistant: find({"id": "9"})',
        "tool: no 9 here",
        "assistant: I cannot find it.",
    ]
    assert made.loss.messages_replaced == 0


def test_failures_in_a_row_keep_each_its_call():
    """The history holds two errors one after the other; the second one is no parallel result of the first call."""
    ask = user("Where is 9?")
    first, second = assistant(None, call("c1", "find", id="9")), assistant(None, call("c2", "look", id="9"))
    errors = [result("no 9 here"), result("nothing")]
    made = transcript(*failing(([ask], first), ([ask, errors[0]], second), ([ask, *errors], assistant("Gone."))))
    assert said(made)[1:] == [
        'assistant: find({"id": "9"})',
        "tool: no 9 here",
        'assistant: look({"id": "9"})',
        "tool: nothing",
        "assistant: Gone.",
    ]


def test_text_beside_a_call_that_is_left_out_is_the_message_with_the_call():
    """Only the words of the answer are told again; the call beside them is known."""
    ask, answer = user("Refund 400."), assistant("I will try.", call("c1", "refund", amount=400))
    told = [ask, assistant("I will try."), result("over the limit")]
    made = transcript(*failing(([ask], answer), (told, assistant("I may not."))))
    assert said(made)[1:3] == ['assistant: I will try. refund({"amount": 400})', "tool: over the limit"]


def test_result_that_opens_the_input_answers_the_call_before():
    """Chained calls send the new items only, so results at the front are not alone."""
    one, two = call("c1", "find", id="1"), call("c2", "find", id="2")
    ask = user("Where are 1 and 2?")
    steps = ([ask], assistant(None, one, two)), ([result("here", "c1"), result("there", "c2")], assistant("Found."))
    assert said(transcript(*failing(*steps)))[2:] == ["tool: here", "tool: there", "assistant: Found."]
