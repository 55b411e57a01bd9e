"""Transcripts of hand-made sessions: what was said, once, in order, and by whom."""

import json

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
    tool,
    transcript,
    transcripts,
    turns,
    user,
)

from sessioneval.model import columns as c

WEATHER = call("c1", "weather", city="Oslo")
TIME = call("c2", "time", city="Oslo")
ASKED = [system("Help."), user("Weather in Oslo?")]


def tool_loop(result="rain", *, status="OK", output=True):
    """Return one turn: agent, model call, tool, model call."""
    value = {"OUTPUT_VALUE": result} if output else {}
    return [
        span(1, kind="AGENT", seconds=9, AGENT_NAME="helper"),
        llm(2, ASKED, [assistant(None, WEATHER)], parent=1, at=1),
        span(
            3,
            kind="TOOL",
            parent=1,
            at=3,
            TOOL_NAME="weather",
            TOOL_CALL_ID="c1",
            INPUT_VALUE='{"city": "Oslo"}',
            STATUS_CODE=status,
            **value,
        ),
        llm(4, [*ASKED, assistant(None, WEATHER), tool("rain", "c1")], [assistant("It rains.")], parent=1, at=5),
    ]


def test_history_is_said_once_and_turns_are_counted():
    """Every call of a chat repeats all before it."""
    made = transcript(*turns(3))
    assert said(made) == [
        "system: Be kind.",
        "user: question 0 of s",
        "assistant: answer 0",
        "user: question 1 of s",
        "assistant: answer 1",
        "user: question 2 of s",
        "assistant: answer 2",
    ]
    assert [one.turn for one in made.messages] == [0, 0, 0, 1, 1, 2, 2]
    assert made.n_turns == 3
    assert made.loss.messages_deduplicated == 2 + 4


def test_messages_name_the_span_that_received_or_produced_them():
    """A judge's evidence is followed back to spans: the user's into the turn's outermost, the answer to its call."""
    made = transcript(*tool_loop())
    assert [one.span_id for one in made.messages] == [None, span_id(1), span_id(2), span_id(3), span_id(4)]
    assert [one.agent for one in made.messages] == [None, None, "helper", None, "helper"]


def test_tool_loop_shows_call_result_and_answer():
    """The result stands in the next call's history and on the TOOL span: it is one result."""
    made = transcript(*tool_loop())
    assert said(made) == [
        "system: Help.",
        "user: Weather in Oslo?",
        'assistant: weather({"city": "Oslo"})',
        "tool: rain",
        "assistant: It rains.",
    ]
    result = made.messages[3]
    assert (result.name, result.tool_call_id, result.turn, result.is_error) == ("weather", "c1", 0, False)
    assert (made.loss.calls_without_result, made.loss.results_without_call) == (0, 0)
    assert made.loss.spans_used == 4


def test_result_that_stands_only_on_the_tool_span_is_shown():
    """The last tool of a session is never sent back to the model."""
    made = transcript(*tool_loop()[:3])
    assert said(made)[-1] == "tool: rain"
    assert made.messages[-1].span_id == span_id(3)
    assert made.messages[-1].tool_call_id == "c1"


def test_failed_tool_flags_the_call_and_its_result():
    """The text comes from the next input where the span has none; the failure from the span."""
    made = transcript(*tool_loop(status="ERROR", output=False))
    assert [each.is_error for each in made.tool_calls] == [True]
    assert [one.is_error for one in made.messages] == [False, False, False, True, False]
    assert said(made)[3] == "tool: rain"


def test_call_without_any_result_is_counted():
    """An app that died in a tool leaves a question open; nothing is invented."""
    made = transcript(*tool_loop()[:2])
    assert said(made)[-1] == 'assistant: weather({"city": "Oslo"})'
    assert made.loss.calls_without_result == 1


@pytest.mark.parametrize("with_ids", [True, False])
def test_parallel_calls_and_their_results_are_joined(with_ids):
    """Two calls at once, results merged into one input; some instrumentors lose the ids, then order counts."""
    calls = [WEATHER, TIME] if with_ids else [{**WEATHER, c.CALL_ID: None}, {**TIME, c.CALL_ID: None}]
    results = [tool("rain", "c1" if with_ids else None), tool("noon", "c2" if with_ids else None)]
    made = transcript(
        span(1, kind="AGENT"),
        llm(2, ASKED, [assistant("Let me check both.", *calls)], parent=1, at=1),
        span(3, kind="TOOL", parent=1, at=2, seconds=2, TOOL_NAME="weather", OUTPUT_VALUE="rain", INPUT_VALUE="{}"),
        span(4, kind="TOOL", parent=1, at=2, TOOL_NAME="time", OUTPUT_VALUE="noon", INPUT_VALUE="{}"),
        llm(
            5, [*ASKED, assistant("Let me check both.", *calls), *results], [assistant("Rain at noon.")], parent=1, at=5
        ),
    )
    assert said(made)[2:] == [
        'assistant: Let me check both. weather({"city": "Oslo"}) time({"city": "Oslo"})',
        "tool: rain",
        "tool: noon",
        "assistant: Rain at noon.",
    ]
    assert [(one.name, one.span_id) for one in made.messages[3:5]] == [("weather", span_id(3)), ("time", span_id(4))]
    assert (made.loss.calls_without_result, made.loss.results_without_call) == (0, 0)


def test_repeated_words_are_two_messages():
    """A user who says "yes" twice said it twice, with the same answer both times."""
    history, rows = [], []
    for turn in range(3):
        history.append(user("yes"))
        rows.append(llm(turn + 1, history, [assistant("Sure?")], trace=turn + 1, at=turn * 10))
        history.append(assistant("Sure?"))
    made = transcript(*rows)
    assert said(made) == ["user: yes", "assistant: Sure?"] * 3
    assert made.n_turns == 3


def test_sliding_window_keeps_the_earlier_turns():
    """An app that sends the newest messages only still had the older ones."""
    whole = [user("q1"), assistant("a1"), user("q2"), assistant("a2"), user("q3")]
    made = transcript(
        llm(1, whole[:1], whole[1:2], trace=1),
        llm(2, whole[:3], whole[3:4], trace=2, at=10),
        llm(3, whole[2:], [assistant("a3")], trace=3, at=20),
    )
    assert [one.content for one in made.messages] == ["q1", "a1", "q2", "a2", "q3", "a3"]


def test_summary_in_place_of_the_history_is_no_turn():
    """A summary is written by a side call and injected; nobody said it."""
    summary = "Here is a summary of the conversation to date: q1, a1."
    made = transcript(
        llm(1, [user("q1")], [assistant("a1")], trace=1),
        llm(2, [user("q1"), assistant("a1"), user("q2")], [assistant("a2")], trace=2, at=10),
        llm(3, [system("Summarise."), user("q1 a1 q2 a2")], [assistant(summary)], trace=3, at=19),
        llm(4, [user(summary), user("q2"), assistant("a2"), user("q3")], [assistant("a3")], trace=3, at=20),
    )
    assert [one.content for one in made.messages] == ["q1", "a1", "q2", "a2", "q3", "a3"]
    assert made.loss.spans_ignored == {"side_call": 1}


def test_retry_after_failed_calls_is_no_second_turn():
    """The failed attempts have the same input and no answer; the first of them still received the question."""
    made = transcript(
        span(1, kind="AGENT", seconds=9),
        llm(2, ASKED, parent=1, at=1, STATUS_CODE="ERROR"),
        llm(3, ASKED, parent=1, at=2, STATUS_CODE="ERROR"),
        llm(4, ASKED, [assistant("Rain.")], parent=1, at=3),
    )
    assert said(made) == ["system: Help.", "user: Weather in Oslo?", "assistant: Rain."]
    assert made.loss.spans_ignored == {"failed_call": 1}


def test_regenerated_answer_replaces_the_abandoned_one():
    """The user saw the second answer and went on from it."""
    made = transcript(
        llm(1, [user("q1")], [assistant("bad")], trace=1),
        llm(2, [user("q1")], [assistant("good")], trace=1, at=5),
        llm(3, [user("q1"), assistant("good"), user("q2")], [assistant("a2")], trace=2, at=10),
    )
    assert [one.content for one in made.messages] == ["q1", "good", "q2", "a2"]
    assert made.loss.messages_replaced == 1


@pytest.mark.parametrize("own_trace", [True, False])
def test_guardrail_and_title_calls_do_not_leak_into_the_talk(own_trace):
    """They read the user's words, so their answers look like the assistant's."""
    side = {"trace": 9} if own_trace else {"trace": 1, "parent": 1}
    made = transcript(
        *turns(2),
        span(50, kind="GUARDRAIL", at=0.5, **side),
        llm(
            51,
            [system("Is this safe?"), user("question 0 of s")],
            [assistant("safe")],
            trace=side["trace"],
            parent=50,
            at=0.6,
        ),
        llm(52, [system("Write a title."), user("question 0 of s")], [assistant("A question")], at=6, **side),
    )
    assert said(made) == said(transcript(*turns(2)))
    assert sum(made.loss.spans_ignored.values()) == 3
    assert made.loss.spans_ignored["guardrail"] == 1


def test_nested_agent_shows_as_a_tool_call_and_its_result():
    """The sub-agent's "user" is the orchestrator; its talk is not the user's."""
    research = call("c9", "research", topic="rain")
    made = transcript(
        span(1, kind="AGENT", seconds=20, AGENT_NAME="boss"),
        llm(2, [user("Report on rain.")], [assistant(None, research)], parent=1, at=1),
        span(3, kind="TOOL", parent=1, at=2, seconds=9, TOOL_NAME="research", TOOL_CALL_ID="c9", OUTPUT_VALUE="wet"),
        span(4, kind="AGENT", parent=3, at=3, AGENT_NAME="researcher", session="inner"),
        llm(5, [user("topic: rain")], [assistant(None, call("d1", "search", q="rain"))], parent=4, at=4),
        span(6, kind="TOOL", parent=4, at=5, TOOL_NAME="search", OUTPUT_VALUE="hits"),
        llm(
            7,
            [user("Report on rain."), assistant(None, research), tool("wet", "c9")],
            [assistant("Rain is wet.")],
            parent=1,
            at=15,
        ),
    )
    assert said(made) == [
        "user: Report on rain.",
        'assistant: research({"topic": "rain"})',
        "tool: wet",
        "assistant: Rain is wet.",
    ]
    assert {one.agent for one in made.messages if one.role == "assistant"} == {"boss"}
    assert made.loss.spans_ignored == {"nested_agent": 2, "wrapper": 1}
    assert made.loss.session_id_conflicts == 1


def test_plain_input_and_output_make_a_turn():
    """Hand-made instrumentation writes texts on the root span and nothing else; JSON around one text is opened."""
    made = transcript(
        span(1, kind="CHAIN", trace=1, INPUT_VALUE="Hello?", OUTPUT_VALUE="Hi!"),
        span(2, kind="AGENT", trace=2, at=10, INPUT_VALUE='{"question": "Why?"}', OUTPUT_VALUE='{"answer": "So."}'),
        span(3, kind="CHAIN", trace=2, parent=2, at=11, INPUT_VALUE="Why?", OUTPUT_VALUE="So."),
    )
    assert said(made) == ["user: Hello?", "assistant: Hi!", "user: Why?", "assistant: So."]
    assert [one.turn for one in made.messages] == [0, 0, 1, 1]
    assert made.loss.spans_ignored == {"wrapper": 1}


def test_plain_turn_stands_between_structured_ones():
    """A cached answer makes no model call; its trace has the texts on the root only."""
    made = transcript(*turns(2), span(60, trace=60, at=7, INPUT_VALUE="cached?", OUTPUT_VALUE="yes"))
    assert [one.content for one in made.messages if one.role == "user"] == [
        "question 0 of s",
        "cached?",
        "question 1 of s",
    ]


def test_app_without_memory_has_a_turn_for_each_trace():
    """A stateless app asks the model with each question alone."""
    rows = [llm(n, [system("Help."), user(f"q{n}")], [assistant(f"a{n}")], trace=n, at=n) for n in range(1, 4)]
    assert said(transcript(*rows)) == [
        "system: Help.",
        *(line for n in range(1, 4) for line in (f"user: q{n}", f"assistant: a{n}")),
    ]


def test_same_question_asked_again_without_memory_is_asked_twice():
    """In a new trace, without history, the same words are a new turn."""
    rows = [llm(n, [user("again?")], [assistant("yes")], trace=n, at=n) for n in range(1, 3)]
    assert said(transcript(*rows)) == ["user: again?", "assistant: yes"] * 2


def test_redacted_content_is_shown_as_such_and_counted():
    """A judge must know that words are missing, not take the mark for words."""
    made = transcript(
        llm(1, [user("__REDACTED__")], [assistant("__REDACTED__")], trace=1),
        span(2, trace=2, at=5, INPUT_VALUE="__REDACTED__", OUTPUT_VALUE="ok"),
    )
    assert [one.content for one in made.messages] == ["[redacted]", "[redacted]", "[redacted]", "ok"]
    assert made.loss.redacted == 3


def test_missing_root_changes_nothing_but_the_span_ids():
    """Roots are exported last and lost first."""
    rows = [row for row in turns(3) if row[c.SPAN_KIND] == "LLM"]
    made = transcript(*rows)
    assert said(made) == said(transcript(*turns(3)))
    assert {one.span_id for one in made.messages} == {None, span_id(2), span_id(4), span_id(6)}


@pytest.mark.parametrize("nested", [True, False])
@pytest.mark.parametrize("n_turns", [1, 2])
def test_call_shown_by_two_instrumentations_is_said_once(nested, n_turns):
    """LangChain's and OpenAI's instrumentors both show one call, nested or in traces of their own."""
    rows = []
    for row in turns(n_turns):
        rows.append(row)
        if row[c.SPAN_KIND] == "LLM":
            number = int(row[c.SPAN_ID], 16)
            inner = {"parent": number, "trace": number - 1} if nested else {"trace": 90 + number}
            at = 10 * (number // 2 - 1) + 1.1
            rows.append(llm(70 + number, row[c.INPUT_MESSAGES], row[c.OUTPUT_MESSAGES], at=at, seconds=0.5, **inner))
    made = transcript(*rows)
    assert said(made) == said(transcript(*turns(n_turns)))
    assert made.loss.spans_ignored == {"duplicate_call": n_turns}


@pytest.mark.parametrize(
    ("overlap", "same_id", "same_input", "n_turns"),
    [(True, True, False, 1), (True, False, True, 1), (True, False, False, 2), (False, True, True, 2)],
)
def test_duplicate_call_overlaps_and_shares_id_or_input(overlap, same_id, same_input, n_turns):
    """Local servers repeat response ids and people repeat words, so neither tells a duplicate alone."""
    asked = [user("q"), user("q2")]
    made = transcript(
        llm(1, asked[:1], [assistant("a")], trace=1, RESPONSE_ID="r1"),
        llm(
            2,
            asked[:1] if same_input else asked[1:],
            [assistant("a")],
            trace=2,
            at=0.5 if overlap else 5,
            RESPONSE_ID="r1" if same_id else "r2",
        ),
    )
    assert made.n_turns == n_turns


def test_multimodal_parts_are_placeholders():
    """An image is no text, but that there was one matters."""
    parts = [
        {c.PART_TYPE: "text", c.PART_TEXT: "What is this?"},
        {c.PART_TYPE: "image", c.PART_URL: "data:image/png;base64,AAAA"},
        {c.PART_TYPE: "image", c.PART_URL: "https://example.org/a.png"},
        {c.PART_TYPE: "reasoning", c.PART_TEXT: "thinking"},
    ]
    made = transcript(llm(1, [message("user", parts=parts)], [assistant("A cat.")]))
    assert made.messages[0].content == "What is this?\n[image/png, 3 bytes]\n[image, https://example.org/a.png]"


def test_system_prompt_is_shown_where_it_comes_into_force():
    """A hand-off changes the instructions; a judge of coherence needs to see when."""
    made = transcript(
        llm(1, [system("Sell."), user("q1")], [assistant("a1")], trace=1),
        llm(2, [system("Support."), user("q1"), assistant("a1"), user("q2")], [assistant("a2")], trace=2, at=10),
    )
    assert said(made)[:2] == ["system: Sell.", "user: q1"]
    assert [one.content for one in made.messages if one.role == "system"] == ["Sell.", "Support."]


def test_completion_marker_and_evaluator_spans_say_nothing():
    """Our own marker and others' evaluations lie in the session's traces."""
    made = transcript(
        *turns(1),
        span(80, trace=80, at=50, SESSION_STATUS="completed", INPUT_VALUE="end", OUTPUT_VALUE="end"),
        span(81, trace=81, at=60, kind="EVALUATOR"),
        llm(82, [user("Judge: question 0 of s")], [assistant("coherent")], trace=81, parent=81, at=61),
    )
    assert said(made) == said(transcript(*turns(1)))
    assert made.loss.spans_ignored["completion_marker"] == 1
    assert made.loss.spans_ignored["evaluator"] == 1


def test_spans_without_content_are_a_session_without_words():
    """Content capture is off by default in many SDKs; an empty talk must not be judged as one."""
    made = transcript(span(1, kind="AGENT"), span(2, kind="LLM", parent=1), span(3, kind="UNKNOWN", parent=1))
    assert made.messages == ()
    assert made.loss.spans_ignored == {"no_content": 1, "not_llm": 1, "wrapper": 1}


@pytest.mark.parametrize(
    ("arguments", "parsed"),
    [
        ('{"a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ("not json", "not json"),
        ("", {}),
        (None, {}),
        ("[1]", [1]),
        ("[" * 100_000, "[" * 100_000),
        ("[" * 900 + "]" * 900, None),
        ('{"a": NaN}', None),
    ],
    ids=lambda value: str(value)[:20],
)
def test_arguments_are_parsed_as_far_as_they_can_be(arguments, parsed):
    """Models write anything; SDKs encode once or twice; nothing of it may crash what follows."""
    asked = {c.CALL_ID: "c1", c.CALL_NAME: "f", c.CALL_ARGUMENTS: arguments}
    made = transcript(
        llm(1, [user("q")], [assistant(None, asked)]),
        span(2, kind="TOOL", at=2, TOOL_NAME="f", INPUT_VALUE=arguments, OUTPUT_VALUE="r"),
        llm(3, [user("q"), assistant(None, asked), tool("r", "c1")], [assistant("a")], at=4),
    )
    assert len(made.messages) == 4
    assert parsed is None or made.tool_calls[0].arguments == parsed
    assert made.digest
    assert json.dumps(made.to_dict())


def test_tool_span_beside_a_talk_without_calls_is_shown():
    """Some frameworks call tools themselves; the result is part of what the user got."""
    made = transcript(
        span(1, kind="AGENT", seconds=9),
        span(2, kind="TOOL", parent=1, at=1, TOOL_NAME="lookup", OUTPUT_VALUE="42"),
        llm(3, [user("q")], [assistant("It is 42.")], parent=1, at=2),
    )
    assert sorted(said(made)) == ["assistant: It is 42.", "tool: 42", "user: q"]
    assert made.loss.results_without_call == 1


def test_two_sessions_with_the_same_words_stay_apart():
    """Sessions interleave in one file and greet alike."""
    rows = [*turns(2, session="a"), *turns(2, session="b", first=100)]
    assert [len(made.messages) for made in transcripts(*rows)] == [5, 5]
