"""Inputs that a limit on the length of attributes cut: what is missing was sent, and nothing of it is taken back."""

from span_factory import assistant, call, llm, message, said, span, system, transcript, user
from span_factory import tool as result

from sessioneval.semconv.cut_json import CUT
from sessioneval.semconv.genai_messages import TRUNCATED_ROLE

CUT_HERE = message(TRUNCATED_ROLE)
FIRST = [user("Hello"), assistant("What can I do for you today?")]


def turn(number, question, *calls):
    """Return a turn under an AGENT span that shows its question; each call is what is sent, answered, and more."""
    rows = [
        span(10 * number, kind="AGENT", trace=number, at=10 * number, seconds=8, INPUT_MESSAGES=[user(question)]),
    ]
    for index, (sent, answered, own) in enumerate(calls, 1):
        more = {"trace": number, "parent": 10 * number, "at": 10 * number + index, **own}
        rows.append(llm(10 * number + index, sent, answered, **more))
    return rows


def test_answer_that_is_cut_in_the_history_is_the_one_that_was_given():
    """The cut falls inside an earlier answer; its first half is no other answer."""
    cut = [FIRST[0], assistant(f"What can I{CUT}"), CUT_HERE]
    rows = [
        *turn(1, "Hello", (FIRST[:1], FIRST[1:], {})),
        *turn(2, "Refund it.", (cut, [assistant("Done.")], {})),
    ]
    made = transcript(*rows)
    assert said(made) == [
        "user: Hello", "assistant: What can I do for you today?", "user: Refund it.", "assistant: Done."
    ]  # fmt: skip
    assert made.loss.messages_replaced == 0


def test_question_behind_a_cut_after_a_tool_call_is_that_of_the_turn():
    """The last message that is left only calls a tool: it has no text, and is not the beginning of the question."""
    asked = assistant(None, call("c1", "find", id="1"))
    whole = [user("Where?"), asked, result("Bern", "c1"), assistant("In Bern.")]
    rows = [
        *turn(1, "Where?", (whole[:1], [asked], {}), (whole[:3], whole[3:], {})),
        *turn(2, "When?", ([*whole[:2], CUT_HERE], [assistant("Now.")], {})),
    ]
    assert said(transcript(*rows))[-2:] == ["user: When?", "assistant: Now."]


def test_retry_of_a_failed_call_is_asked_the_question_too():
    """The first call of a turn may fail; the one that is answered is the one that was asked."""
    cut, failed = [*FIRST[:1], CUT_HERE], {"STATUS_CODE": "ERROR"}
    rows = [
        *turn(1, "Hello", (FIRST[:1], FIRST[1:], {})),
        *turn(2, "Bye", (cut, [], failed), (cut, [assistant("Goodbye!")], {})),
    ]
    assert said(transcript(*rows))[-2:] == ["user: Bye", "assistant: Goodbye!"]


def test_parallel_calls_told_in_another_order_are_those_that_were_asked():
    """Smolagents sorts the calls of a step by their ids when it tells the history."""
    one, two = call("c9", "find", id="1"), call("c1", "find", id="2")
    asked, told = assistant("Both.", one, two), assistant("Both.", two, one)
    rows = [
        llm(1, [user("Where?")], [asked]),
        llm(2, [user("Where?"), told, result("Rome", "c1"), result("Bern", "c9")], [assistant("There.")], at=3),
    ]
    made = transcript(*rows)
    assert [one.id for one in made.messages[1].tool_calls] == ["c9", "c1"]
    assert made.loss.messages_replaced == 0


def test_facts_of_a_response_are_no_answer():
    """Where content is not recorded Phoenix leaves id and model of the response in `output.value`."""
    made = transcript(
        span(1, kind="LLM", OUTPUT_VALUE='{"id": "chatcmpl-1", "model": "gpt-5-mini"}'),
        span(2, kind="LLM", trace=2, at=5, OUTPUT_VALUE='{"id": "chatcmpl-2", "model": "gpt-5-mini"}'),
    )
    assert (made.messages, made.loss.spans_ignored) == ((), {"no_content": 2})


def test_answer_that_is_json_with_other_keys_is_an_answer():
    """A model may well answer with an object."""
    made = transcript(span(1, kind="LLM", INPUT_VALUE="Name it.", OUTPUT_VALUE='{"id": "7", "name": "Bern"}'))
    assert said(made) == ["user: Name it.", 'assistant: {"id": "7", "name": "Bern"}']


def test_system_prompt_of_a_cut_call_stays_configuration():
    """The cut call has the same instructions; they are not said again."""
    rows = [
        *turn(1, "Hello", ([system("Help."), *FIRST[:1]], FIRST[1:], {})),
        *turn(2, "Bye", ([system("Help."), *FIRST, CUT_HERE], [assistant("Goodbye!")], {})),
    ]
    assert [one.role for one in transcript(*rows).messages].count("system") == 1
