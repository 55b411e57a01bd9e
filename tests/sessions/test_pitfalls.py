"""The pitfalls of recorded conversations, one test each; those of how spans are written are in `test_pitfalls_of_spans`."""

import pytest
from span_factory import (
    assistant,
    call,
    llm,
    message,
    said,
    span,
    span_id,
    system,
    table,
    tool,
    transcript,
    transcripts,
    user,
)

from sessioneval.model import columns as c
from sessioneval.sessions.grouping import group

HELP = system("Help.")
WEATHER = call("c1", "weather", city="Oslo")
TIME = call("c2", "time", city="Oslo")
LONG = "Oslo is wet in November, so take the tram to the museum and a coat."


def chat(*turns, number=1, at=0.0):
    """Return a call a turn, each in a trace of its own and with all that was said before."""
    rows, history = [], [HELP]
    for index, (asked, answered) in enumerate(turns):
        history.append(user(asked))
        rows.append(llm(number + index, history, [assistant(answered)], trace=number + index, at=at + 10 * index))
        history.append(assistant(answered))
    return rows


def test_pitfall_01_history_repeats():
    """Fold calls in time order; append only what follows the longest matching prefix."""
    made = transcript(*chat(("a?", "A."), ("b?", "B."), ("c?", "C.")))
    assert said(made)[1:] == ["user: a?", "assistant: A.", "user: b?", "assistant: B.", "user: c?", "assistant: C."]


def test_pitfall_02_tool_steps_repeat_the_question():
    """The question stands in every step of a turn and is said once."""
    asked = [HELP, user("Rain?")]
    made = transcript(
        llm(1, asked, [assistant(None, WEATHER)]),
        llm(2, [*asked, assistant(None, WEATHER), tool("wet", "c1")], [assistant("Yes.")], at=2),
    )
    assert [one.role for one in made.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert made.n_turns == 1


def test_pitfall_03_users_repeat_themselves():
    """Position in history tells, not the text: two turns with one text are two turns."""
    made = transcript(*chat(("yes", "Sure?"), ("yes", "Sure?"), ("yes", "Done.")))
    assert said(made)[1:] == ["user: yes", "assistant: Sure?"] * 2 + ["user: yes", "assistant: Done."]


def test_pitfall_04_sliding_window():
    """The input is aligned with the end of what is known; what slid out stays said."""
    made = transcript(
        *chat(("a?", "A."), ("b?", "B.")),
        llm(9, [HELP, assistant("B."), user("c?")], [assistant("C.")], trace=9, at=90),
    )
    assert said(made)[1:] == ["user: a?", "assistant: A.", "user: b?", "assistant: B.", "user: c?", "assistant: C."]


@pytest.mark.parametrize("place", ["system", "user"])
def test_pitfall_05_summary_replaces_history(place):
    """A summary is no turn, and the call that made it is a side call, though its prompt quotes what was said."""
    retold = f"Summarise: Human: where to go with my family of three? AI: {LONG}"
    summary = "The family wants to see Oslo; the museum was recommended."
    prompt = [system(f"Help. {summary}")] if place == "system" else [HELP, user(f"Here is a summary: {summary}")]
    made = transcript(
        *chat(("where to go with my family of three?", LONG)),
        span(20, kind="AGENT", trace=20, at=20, OUTPUT_VALUE="At ten."),
        llm(21, [user(retold)], [assistant(summary)], trace=20, parent=20, at=21),
        llm(22, [*prompt, user("When?")], [assistant("At ten.")], trace=20, parent=20, at=22),
    )
    talk = [line for line in said(made) if not line.startswith("system")]
    assert talk == [
        "user: where to go with my family of three?",
        f"assistant: {LONG}",
        "user: When?",
        "assistant: At ten.",
    ]
    assert made.loss.spans_ignored["side_call"] == 1


def test_pitfall_06_only_new_items_are_sent():
    """Chained responses: the input holds what is new; a result continues the talk that asked for it, whatever the prompt."""
    move = call("c9", "transfer_to_refunds")
    made = transcript(
        llm(1, [HELP, user("Hello")], [assistant("Hi.")], trace=1),
        llm(2, [HELP, user("Refund!")], [assistant(None, move)], trace=2, at=10),
        llm(3, [system("Refunds."), tool("moved", "c9")], [assistant("Done.")], trace=2, at=12),
        llm(4, [system("Refunds."), user("Thanks")], [assistant("Bye.")], trace=3, at=20),
    )
    roles = [one.role for one in made.messages if one.role != "system"]
    assert roles == ["user", "assistant", "user", "assistant", "tool", "assistant", "user", "assistant"]


def test_pitfall_07_outer_spans_repeat_inner_ones():
    """Messages come from the innermost call that has them; outer spans speak where inner ones lost the text."""
    outer = {"INPUT_VALUE": "Rain?", "OUTPUT_VALUE": "Yes."}
    inner = llm(2, [HELP, user("Rain?")], [assistant("Yes.")], parent=1, at=1)
    assert said(transcript(span(1, kind="CHAIN", **outer), inner))[1:] == ["user: Rain?", "assistant: Yes."]
    assert said(transcript(span(1, kind="CHAIN", **outer))) == ["user: Rain?", "assistant: Yes."]
    lost = llm(2, [], [assistant("Yes.")], parent=1, at=1)
    assert said(transcript(span(1, kind="CHAIN", **outer), lost)) == ["user: Rain?", "assistant: Yes."]


@pytest.mark.parametrize("where", ["inside", "apart", "inside, answer lost"])
def test_pitfall_08_two_instrumentations_show_one_call(where):
    """One call is said once: nested, or overlapping with one answer; the span that has the answer is read."""
    # The outer span received the question, so it is in use where the inner one speaks.
    ours = [HELP, user("Rain?")]
    answers = [] if where.endswith("lost") else [assistant("Yes.")]
    place = {"trace": 2} if where == "apart" else {"parent": 1}
    made = transcript(
        llm(1, ours, [assistant("Yes.")], seconds=5, RESPONSE_ID="r"),
        llm(2, ours, answers, at=1, RESPONSE_ID="r", **place),
    )
    assert said(made)[1:] == ["user: Rain?", "assistant: Yes."]
    assert made.loss.spans_ignored == ({} if where == "inside" else {"duplicate_call": 1})


@pytest.mark.parametrize("where", ["under the tool", "in a trace of its own"])
def test_pitfall_09_agents_called_as_tools(where):
    """A delegate's prompt is no user line: the talk shows the call and its result."""
    ask = call("c1", "ask", question="Who was Walser?")
    asked = [HELP, user("Write on Walser.")]
    place = {"parent": 2} if where == "under the tool" else {"trace": 2}
    made = transcript(
        llm(1, asked, [assistant(None, ask)]),
        span(2, kind="TOOL", at=2, TOOL_NAME="ask", TOOL_CALL_ID="c1", OUTPUT_VALUE="A writer."),
        llm(3, [system("Research."), user("Who was Walser?")], [assistant("A writer.")], at=3, session="s", **place),
        llm(4, [*asked, assistant(None, ask), tool("A writer.", "c1")], [assistant("Walser wrote.")], at=5),
    )
    assert [one.role for one in made.messages] == ["system", "user", "assistant", "tool", "assistant"]
    assert made.loss.spans_ignored == {"nested_agent": 1}


def test_pitfall_09_the_outermost_id_is_the_session():
    """Nested agents have ids of their own."""
    (made,) = transcripts(span(1, kind="AGENT"), llm(2, [user("a")], [assistant("b")], parent=1, at=1, session="inner"))
    assert made.session_id == "s"
    assert made.loss.session_id_conflicts == 1


def test_pitfall_10_session_id_only_on_the_root():
    """Spans inherit the id within their trace, downwards and, if it is unique, sideways."""
    (made,) = transcripts(
        span(1, kind="AGENT"),
        llm(2, [user("a")], [assistant("b")], parent=1, at=1, session=None),
        span(3, kind="TOOL", at=2, session=None),
    )
    assert made.session.n_spans == 3


def test_pitfall_11_no_session_id_at_all():
    """Such spans are counted, not dropped silently nor poured together."""
    grouping = group(table(span(1, session=None), span(2, trace=2, session=None)))
    assert (len(grouping.sessions), grouping.n_without_session) == (0, 2)


def test_pitfall_17_system_prompts():
    """Kept once for each agent, where it came into force, and out of the dialogue."""
    made = transcript(
        *chat(("a?", "A.")),
        llm(9, [system("Refunds."), user("a?"), assistant("A."), user("b?")], [assistant("B.")], trace=9, at=90),
    )
    assert said(made) == ["system: Help.", "user: a?", "assistant: A.", "system: Refunds.", "user: b?", "assistant: B."]


@pytest.mark.parametrize("arguments", [None, "{}", '"{}"'])
def test_pitfall_19_arguments_absent_or_encoded_twice(arguments):
    """No arguments are an empty object, whichever way they were written."""
    asked = {c.CALL_ID: "c1", c.CALL_NAME: "now", c.CALL_ARGUMENTS: arguments}
    made = transcript(llm(1, [user("Time?")], [assistant(None, asked)]))
    assert made.tool_calls[0].arguments == {}


def test_pitfall_20_parallel_calls():
    """Results are joined by call id in any order; without ids, or with ids of another instrumentation, by order."""
    asked = [HELP, user("Both?")]
    for first, second in (("c1", "c2"), (None, None), ("fc_1", "fc_2")):
        made = transcript(
            llm(1, asked, [assistant(None, WEATHER, TIME)]),
            llm(
                2,
                [*asked, assistant(None, WEATHER, TIME), tool("wet", first), tool("noon", second)],
                [assistant("Wet noon.")],
                at=2,
            ),
        )
        assert [(one.name, one.content) for one in made.messages if one.role == "tool"] == [
            ("weather", "wet"),
            ("time", "noon"),
        ]
        assert (made.loss.calls_without_result, made.loss.results_without_call) == (0, 0)


def test_pitfall_21_text_beside_tool_calls():
    """One message with both, also where the history repeats only the calls."""
    asked = [HELP, user("Rain?")]
    made = transcript(
        llm(1, asked, [assistant("Let me look.", WEATHER)]),
        llm(2, [*asked, assistant(None, WEATHER), tool("wet", "c1")], [assistant("Yes.")], at=2),
    )
    assert said(made)[2] == 'assistant: Let me look. weather({"city": "Oslo"})'
    assert [one.role for one in made.messages] == ["system", "user", "assistant", "tool", "assistant"]


def test_pitfall_22_content_and_contents():
    """One of two fields with the same text is read."""
    both = message("assistant", "Yes.", parts=[{c.PART_TYPE: "text", c.PART_TEXT: "Yes."}])
    assert said(transcript(llm(1, [user("Rain?")], [both])))[-1] == "assistant: Yes."


def test_pitfall_23_failed_tools():
    """The text comes from the next input, the flag from the span."""
    asked = [HELP, user("Rain?")]
    made = transcript(
        llm(1, asked, [assistant(None, WEATHER)]),
        span(2, kind="TOOL", at=2, TOOL_NAME="weather", TOOL_CALL_ID="c1", STATUS_CODE="ERROR"),
        llm(3, [*asked, assistant(None, WEATHER), tool("no such city", "c1")], [assistant("Sorry.")], at=3),
    )
    assert [(one.content, one.is_error) for one in made.messages if one.role == "tool"] == [("no such city", True)]


@pytest.mark.parametrize("trace", [1, 2])
def test_pitfall_24_failed_calls_and_retries(trace):
    """A failure is no turn, in one trace with its retry or in another, with its messages or without."""
    failed = [
        span(1, kind="AGENT", seconds=9, STATUS_CODE="ERROR" if trace == 2 else "OK", INPUT_VALUE="Rain?"),
        span(2, kind="LLM", parent=1, at=1, STATUS_CODE="ERROR"),
    ]
    retry = llm(4, [HELP, user("Rain?")], [assistant("Yes.")], trace=trace, at=10, parent=1 if trace == 1 else None)
    made = transcript(*failed, retry)
    assert said(made)[1:] == ["user: Rain?", "assistant: Yes."]
    assert made.loss.spans_ignored["failed_call"] >= 1


def test_pitfall_25_side_calls():
    """Guardrails and titles do not speak, in one trace with the turn."""
    asked = [HELP, user("Rain?")]
    made = transcript(
        span(1, kind="AGENT", seconds=30, OUTPUT_VALUE="Yes."),
        span(2, kind="GUARDRAIL", parent=1, at=1),
        llm(3, [system("Safe?"), user("Rain?")], [assistant("SAFE")], parent=2, at=2),
        llm(4, asked, [assistant("Yes.")], parent=1, at=3),
        llm(5, [*asked, assistant("Yes."), user("Title?")], [assistant("Rain")], parent=1, at=4),
        llm(6, [*asked, assistant("Yes."), user("Wind?")], [assistant("No.")], trace=2, at=50),
    )
    assert said(made)[1:] == ["user: Rain?", "assistant: Yes.", "user: Wind?", "assistant: No."]
    assert made.loss.spans_ignored["side_call"] == 2


def test_pitfall_26_concurrent_sessions():
    """Sessions are told apart before anything is ordered; equal texts in two sessions are two."""
    rows = []
    for index, session in enumerate(("s", "t")):
        turns = chat(("Rain?", "Yes."), ("Sure?", "Yes."), number=10 * index + 1, at=index)
        rows += [row | {c.SESSION_ID: session} for row in turns]
    made = transcripts(*sorted(rows, key=lambda row: row[c.START_TIME]))
    assert [said(one)[1:] for one in made] == [["user: Rain?", "assistant: Yes.", "user: Sure?", "assistant: Yes."]] * 2


def test_pitfall_31_clock():
    """Spans that share their start are ordered by parent and child, then by id; the order of arrival says nothing."""
    rows = [span(1, kind="AGENT", INPUT_VALUE="Rain?"), llm(2, [HELP, user("Rain?")], [assistant("Yes.")], parent=1)]
    assert transcript(*rows).to_dict() == transcript(*reversed(rows)).to_dict()
    assert transcript(*rows).session.anchor_span_id == span_id(1)


def test_pitfall_32_evaluations_on_spans():
    """The work of evaluators is no part of the talk."""
    made = transcript(
        *chat(("Rain?", "Yes.")),
        span(5, kind="EVALUATOR", at=20),
        llm(6, [user("Is this answer good: Yes.")], [assistant("good")], parent=5, at=21),
    )
    assert said(made)[1:] == ["user: Rain?", "assistant: Yes."]
    assert made.loss.spans_ignored == {"evaluator": 1, "side_call": 1}
