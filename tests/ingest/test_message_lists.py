"""Messages taken apart and put together again are what Arrow makes of them itself."""

import gc

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessioneval.ingest.message_lists import CodedTexts, MessageLists, TextLists
from sessioneval.model import columns as c
from sessioneval.model.nested import decoded
from sessioneval.model.schemas import CALL, MESSAGE, PART

TEXT = st.none() | st.sampled_from(["", "hi", "é"]) | st.text(max_size=4)


def structs(kind):
    return st.dictionaries(st.sampled_from([field.name for field in kind]), TEXT, max_size=4)


MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys((c.MESSAGE_ROLE, c.MESSAGE_CONTENT, c.MESSAGE_NAME, c.MESSAGE_TOOL_CALL_ID), TEXT),
        c.MESSAGE_CONTENTS: st.none() | st.lists(structs(PART), max_size=3),
        c.MESSAGE_TOOL_CALLS: st.none() | st.lists(structs(CALL), max_size=3),
    },
)


@settings(max_examples=300)
@given(st.lists(st.none() | st.lists(MESSAGES, max_size=4), max_size=6))
def test_the_column_is_what_arrow_infers(spans):
    """The quick way must hold exactly what the plain one holds: nulls, empty lists, missing keys, rare fields."""
    lists = MessageLists()
    for messages in spans:
        lists.append(messages)
    made = decoded(lists.array())
    made.validate(full=True)
    assert made.equals(pa.array(spans, pa.list_(MESSAGE)))


def test_a_repeated_text_is_stored_once():
    """A history of a hundred messages is re-sent by each call."""
    lists = MessageLists()
    for n in range(50):
        lists.append([{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: f"text {k}"} for k in range(n)])
    contents = lists.array().values.field(c.MESSAGE_CONTENT)
    assert len(contents) == 50 * 49 // 2
    assert len(contents.dictionary) == 49


def test_lone_surrogates_do_not_cost_the_batch():
    """No UTF-8 file can hold them."""
    texts = CodedTexts()
    texts.extend(["good", "a\ud800b"])
    assert texts.array().to_pylist() == ["good", "a�b"]


def test_what_is_no_text_is_refused():
    """The exporter then finds the one span that it stands on."""
    lists = TextLists(["name"])
    lists.append([{"name": 5}])
    with pytest.raises(pa.ArrowException):
        lists.array()


def test_no_object_is_kept_for_a_message():
    """Thousands of live dicts would be walked by every garbage collection of the app."""
    gc.collect()
    lists = MessageLists()
    before = len(gc.get_objects())
    for _ in range(500):
        lists.append([{c.MESSAGE_ROLE: "user", c.MESSAGE_CONTENT: "hi", c.MESSAGE_NAME: "n"} for _ in range(10)])
    assert len(gc.get_objects()) - before < 100
