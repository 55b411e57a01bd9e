"""What spans say beside the talk: tools, model calls, attributes, shadows."""

import json

import pytest
from span_factory import NOON_NS, SECOND_NS, llm, span, span_id, table, user

from sessioneval.model import columns as c
from sessioneval.semconv import attributes as a
from sessioneval.sessions.context import COLUMNS, context_of

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def definition(name="weather", description="Tells the weather.", parameters=PARAMETERS):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def offered(*definitions):
    return [{c.TOOL_JSON_SCHEMA: each if isinstance(each, str) else json.dumps(each)} for each in definitions]


def context(*rows):
    return context_of(table(*rows).select(COLUMNS))


def telling(number, at=0.0, **attributes):
    return span(
        number, at=at, ATTRIBUTES=json.dumps({key.replace("__", "."): value for key, value in attributes.items()})
    )


@pytest.mark.parametrize(
    "shape",
    [
        definition(),
        {"type": "function", "name": "weather", "description": "Tells the weather.", "parameters": PARAMETERS},
        {"name": "weather", "description": "Tells the weather.", "input_schema": PARAMETERS},
        {"function_declarations": [{"name": "weather", "description": "Tells the weather.", "parameters": PARAMETERS}]},
        {"toolSpec": {"name": "weather", "description": "Tells the weather.", "inputSchema": {"json": PARAMETERS}}},
        definition(parameters=json.dumps(PARAMETERS)),
    ],
    ids=["chat", "responses", "anthropic", "gemini", "bedrock", "text"],
)
def test_every_providers_tool_definition_is_read(shape):
    """The column holds what the provider's API takes, and each has a shape of its own."""
    (tool,) = context(llm(1, [user("hi")], TOOLS=offered(shape))).tools
    assert (tool.name, tool.description, tool.parameters) == ("weather", "Tells the weather.", PARAMETERS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "null",
        '{"type": "object", "properties": {}}',
        '{"type": "function"}',
        '{"name": 7}',
        "[" * 5000,
    ],
)
def test_what_defines_no_tool_is_passed_over(text):
    """Some instrumentors write a bare schema; a hostile one writes anything."""
    assert context(llm(1, [user("hi")], TOOLS=offered(text, definition()))).tools[0].name == "weather"


def test_tools_of_the_provider_are_named_by_their_type():
    """`web_search` has no name and no schema, and yet was on offer."""
    (tool,) = context(llm(1, [user("hi")], TOOLS=offered({"type": "web_search"}))).tools
    assert (tool.name, tool.parameters) == ("web_search", None)


def test_each_tool_comes_once_with_its_fullest_definition():
    """A call late in the session may offer a tool with its schema cut off."""
    bare = {"type": "function", "function": {"name": "weather", "description": "A much longer description, no schema."}}
    found = context(
        llm(1, [user("hi")], TOOLS=offered(bare)),
        llm(2, [user("hi")], at=1, TOOLS=offered(definition(), definition("time"))),
        llm(3, [user("hi")], at=2, TOOLS=offered(bare)),
    )
    assert [(tool.name, tool.parameters) for tool in found.tools] == [("weather", PARAMETERS), ("time", PARAMETERS)]
    assert [call.tools for call in found.model_calls] == [("weather",), ("weather", "time"), ("weather",)]


def test_tools_that_stand_on_an_agent_are_on_offer():
    """Some frameworks write them once, on the agent's span."""
    found = context(span(1, kind="AGENT", TOOLS=offered(definition())), llm(2, [user("hi")], parent=1))
    assert [tool.name for tool in found.tools] == ["weather"]
    assert found.model_calls[0].tools == ()


def test_model_calls_come_in_order_of_start_with_what_they_cost():
    """Rows come in any order; only LLM spans are model calls."""
    costs = json.dumps({a.LLM_COST_PROMPT: 0.5, a.LLM_COST_COMPLETION: 0.25})
    found = context(
        llm(2, [user("b")], at=5, seconds=2, STATUS_CODE="ERROR"),
        span(3, kind="AGENT"),
        llm(1, [user("a")], at=1, seconds=0.5, MODEL_NAME="m", PROMPT_TOKENS=7, COMPLETION_TOKENS=2, ATTRIBUTES=costs),
    )
    first, second = found.model_calls
    assert (first.span_id, first.model, first.input_tokens, first.output_tokens) == (span_id(1), "m", 7, 2)
    assert (first.seconds, first.cost_usd, first.is_error) == (0.5, 0.75, False)
    assert (second.model, second.input_tokens, second.cost_usd, second.is_error) == (None, None, None, True)
    assert found.times[span_id(2)][0].timestamp() == NOON_NS / SECOND_NS + 5


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({a.LLM_COST_TOTAL: 0.5, a.LLM_COST_PROMPT: 9.0}, 0.5),
        ({a.GEN_AI_USAGE_COST: 2}, 2.0),
        ({a.LLM_COST_COMPLETION: 0.1}, 0.1),
        ({a.LLM_COST_TOTAL: 0}, 0.0),
        ({a.LLM_COST_TOTAL: "0.5"}, None),
        ({a.LLM_COST_TOTAL: True}, None),
        ({a.LLM_COST_TOTAL: -1}, None),
        ({a.LLM_COST_TOTAL: float("nan")}, None),
        ({a.LLM_COST_TOTAL: 10**400}, None),
    ],
)
def test_only_a_number_is_a_cost(attributes, cost):
    """An unknown cost is not 0, and what is no amount of money is unknown."""
    (call,) = context(llm(1, [user("a")], ATTRIBUTES=json.dumps(attributes))).model_calls
    assert call.cost_usd == cost


def counted(number, parent=None, **more):
    return llm(number, [user("a")], parent=parent, PROMPT_TOKENS=5, **more)


def test_a_call_inside_a_call_is_counted_once():
    """A framework's span around the SDK's span stands for the same call; the one with token counts is kept."""
    around = context(counted(1, seconds=9), span(2, parent=1), counted(3, parent=2))
    assert [call.is_repeat for call in around.model_calls] == [False, True]
    bare = context(llm(1, [user("a")], seconds=9), counted(2, parent=1))
    assert [call.span_id for call in bare.distinct_calls] == [span_id(2)]


def test_a_call_of_an_agent_that_a_call_started_is_a_call():
    """A sub-agent below a tool makes calls of its own."""
    found = context(counted(1, seconds=9), span(2, kind="TOOL", parent=1), counted(3, parent=2))
    assert len(found.distinct_calls) == 2


def test_two_instrumentations_of_one_call_are_counted_once():
    """They share the response id and overlap; local servers repeat ids later."""
    found = context(
        counted(1, trace=1, seconds=5, RESPONSE_ID="r"),
        counted(2, trace=2, seconds=4, at=0.1, RESPONSE_ID="r"),
        counted(3, trace=3, at=60, RESPONSE_ID="r"),
    )
    assert [call.is_repeat for call in found.model_calls] == [False, True, False]


def test_a_second_instrumentation_without_an_id_is_known_by_its_time_and_counts():
    """LangChain and the SDK below it, each in a trace of its own: one call, and the next one alike."""
    rows = [
        counted(
            10 * n + which, trace=10 * n + which, at=10 * n + which, seconds=6 - 2 * which, SCOPE_NAME=scope, **more
        )
        for n in range(2)
        for which, scope in enumerate(["langchain", "openai"])
        for more in [{"COMPLETION_TOKENS": 2}]
    ]
    assert [call.is_repeat for call in context(*rows).model_calls] == [False, True, False, True]


@pytest.mark.parametrize(
    "change",
    [{"SCOPE_NAME": "langchain"}, {"COMPLETION_TOKENS": 3}, {"COMPLETION_TOKENS": None}, {"seconds": 9}],
    ids=["same-scope", "other-counts", "no-counts", "longer"],
)
def test_calls_at_the_same_time_are_two(change):
    """An agent asks several things at once."""
    first = counted(1, trace=1, seconds=6, SCOPE_NAME="langchain", COMPLETION_TOKENS=2)
    second = counted(2, trace=2, at=1, **{"seconds": 4, "SCOPE_NAME": "openai", "COMPLETION_TOKENS": 2} | change)
    assert len(context(first, second).distinct_calls) == 2


def test_parents_in_a_circle_end():
    """Ids of spans are hostile input."""
    rows = [counted(1, parent=3), span(2, parent=1), span(3, parent=2)]
    assert [call.is_repeat for call in context(*rows).model_calls] == [False]


def test_the_earliest_value_of_an_attribute_counts():
    """The user's goal stands on the first span; what a later span says of it came after the fact."""
    found = context(
        telling(2, at=5, session_eval__user_goal="late", session__tier="gold"),
        telling(1, at=1, session_eval__user_goal="early", other="x"),
    )
    assert dict(found.attributes) == {"session_eval.user_goal": "early", "session.tier": "gold"}


def test_verdicts_on_spans_are_no_context():
    """A judge that reads an earlier verdict agrees with it."""
    verdicts = {
        "session_eval.coherence.label": "coherent",
        "session.evaluations.0.evaluation.label": "bad",
        "session.id": "other",
    }
    assert context(span(1, ATTRIBUTES=json.dumps(verdicts))).attributes == {}


def test_a_shadow_belongs_to_its_span():
    """It is the answer that was not served on that turn."""
    rows = [
        telling(1, session_eval__shadow_content="Other words."),
        telling(2, at=1, session_eval__shadow_content={"a": 1}),
    ]
    found = context(*rows)
    assert found.shadows == {span_id(1): "Other words.", span_id(2): '{"a":1}'}
    assert found.attributes == {}


def test_attributes_that_are_no_json_say_nothing():
    """One bad span must not cost the session its context."""
    broken = span(1, ATTRIBUTES='{"session_eval.user_goal": ')
    found = context(broken, telling(2, at=1, session_eval__user_goal="goal"))
    assert found.attributes == {"session_eval.user_goal": "goal"}


def test_a_session_without_any_of_it_has_an_empty_context():
    """Times are known of every span."""
    found = context(span(1))
    assert (found.tools, found.model_calls, found.attributes, found.shadows) == ((), (), {}, {})
    assert list(found.times) == [span_id(1)]


def test_the_digest_covers_what_a_judge_reads():
    """Tools, attributes and shadows change what is judged; times and tokens do not."""
    plain = context(llm(1, [user("a")]))
    assert plain.digest == context(llm(1, [user("a")], at=9, PROMPT_TOKENS=3)).digest
    others = [
        context(llm(1, [user("a")], TOOLS=offered(definition()))),
        context(telling(1, session_eval__user_goal="g")),
        context(telling(1, session_eval__shadow_content="s")),
    ]
    assert len({each.digest for each in [plain, *others]}) == 4
