"""Attributes read by a plan become the same messages as those read key by key."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sessioneval.model import columns as c
from sessioneval.semconv.flattened_keys import LONGEST_CACHED_KEY
from sessioneval.semconv.flattening import unflatten
from sessioneval.semconv.key_plans import KeyPlans

IN = "llm.input_messages"
LEAVES = ["message.role", "message.content", "message.name", "message.other", "message.function_call_name"]
INNER = ["message.contents.{}.message_content.text", "message.contents.{}.other", "message.tool_calls.{}.tool_call.id"]
KEYS = st.one_of(
    st.builds(
        "{}.{}.{}".format, st.sampled_from([IN, "llm.output_messages"]), st.integers(0, 12), st.sampled_from(LEAVES)
    ),
    st.builds(
        lambda index, leaf, item: f"{IN}.{index}.{leaf.format(item)}",
        st.integers(0, 3),
        st.sampled_from(INNER),
        st.integers(0, 3),
    ),
    st.sampled_from(["llm.tools.0.tool.json_schema", "input.value", "x", IN]),
)
VALUES = st.text(max_size=5) | st.none() | st.integers() | st.lists(st.text(max_size=3), max_size=2)


@settings(max_examples=300)
@given(st.lists(KEYS, unique=True, max_size=15), st.data())
def test_the_second_span_with_the_same_keys_is_read_like_the_first(keys, data):
    """The first is read key by key, the second and all later ones by a plan: nobody may see a difference."""
    texts = {key: data.draw(st.text(max_size=5)) for key in keys}
    first = [unflatten(texts) for _ in range(3)]
    assert first[0] == first[1] == first[2]
    assert [list(each.rest) for each in first] == [list(first[0].rest)] * 3
    others = {key: data.draw(VALUES) for key in keys}
    by_key = {**others, f"x{data.draw(st.integers(0, 10**9))}": 1}
    lists, rest = unflatten(others)
    expected = unflatten(by_key)
    assert lists == expected.lists
    assert rest == {key: value for key, value in expected.rest.items() if key in rest or key in keys}


def test_messages_are_not_shared_between_spans():
    """A plan is used for thousands of spans; changing what one was read to must not change another."""
    attributes = {f"{IN}.0.message.role": "user", f"{IN}.0.message.contents.0.message_content.text": "hi"}
    for _ in range(3):
        unflatten(attributes).lists[c.INPUT_MESSAGES][0]["message.contents"].clear()
    assert unflatten(attributes).lists[c.INPUT_MESSAGES][0]["message.contents"] == [{c.PART_TEXT: "hi"}]


def test_a_plan_is_made_for_keys_that_come_again():
    """Half of all sets of keys come once; planning them costs more than reading them."""
    plans = KeyPlans()
    assert plans.of((f"{IN}.0.message.role",)) is None
    plan = plans.of((f"{IN}.0.message.role",))
    assert plan is not None
    assert plan.texts == (0,)


def test_hostile_keys_are_not_kept():
    """Long keys, very many keys and nested lists are read each time anew."""
    plans = KeyPlans()
    for keys in [("x" * (LONGEST_CACHED_KEY + 1),), tuple(map(str, range(2_001))), (IN, "x")]:
        assert [plans.of(keys) for _ in range(3)] == [None] * 3


def test_plans_take_bounded_memory():
    """An app whose keys never repeat, or an attacker, must not fill the memory."""
    plans = KeyPlans()
    for number in range(200):
        keys = tuple(f"{number}.{index}" for index in range(1_000))
        plans.of(keys)
        plans.of(keys)
    assert sum(map(len, plans._plans)) <= 50_000
    for number in range(30_000):
        plans.of((str(number),))
    assert len(plans._seen) <= 10_000
