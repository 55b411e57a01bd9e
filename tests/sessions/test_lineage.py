"""Which session a span belongs to: the outermost ancestor's, else the trace's only one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from span_factory import span, table

from sessioneval.model import columns as c
from sessioneval.sessions.lineage import NONE, lineage
from sessioneval.sessions.span_facts import span_facts


def sessions(*rows):
    """Return span number to session id."""
    found = lineage(span_facts(table(*rows)))
    return {
        int(row[c.SPAN_ID], 16): None if code == NONE else found.session_ids[int(code)].as_py()
        for row, code in zip(rows, found.session, strict=True)
    }


def test_child_inherits_from_its_outermost_ancestor():
    """Hand-made OTel sets the id on the root only, and nested agents bring ids of their own."""
    rows = [
        span(1, session="user-chat"),
        span(2, parent=1, session="inner-agent"),
        span(3, parent=2, session=None),
        span(4, parent=3, session="innermost"),
    ]
    assert set(sessions(*rows).values()) == {"user-chat"}


def test_orphan_inherits_from_its_trace_if_that_is_unique():
    """A span whose parent was lost still belongs with its trace, unless that names two sessions."""
    unique = [span(1, trace=1), span(2, trace=1, parent=77, session=None)]
    torn = [
        span(3, trace=2, session="a"),
        span(4, trace=2, session="b"),
        span(5, trace=2, parent=88, session=None),
    ]
    assert sessions(*unique, *torn) == {1: "s", 2: "s", 3: "a", 4: "b", 5: None}


def test_sibling_and_parent_inherit_through_the_trace():
    """ADK puts the id on the agent span, not on the root above it."""
    rows = [span(1, session=None), span(2, parent=1), span(3, parent=1, session=None)]
    assert set(sessions(*rows).values()) == {"s"}


def test_parent_of_another_trace_is_no_parent():
    """Span ids are unique within a trace only."""
    rows = [span(1, trace=1, session="a"), span(2, trace=2, parent=1, session=None)]
    assert sessions(*rows) == {1: "a", 2: None}


def test_empty_id_is_no_id():
    """A session called "" would swallow every span of a badly written app."""
    assert sessions(span(1, session="")) == {1: None}


def test_cycles_and_self_parents_end():
    """Ids are hostile input: a span may claim to be its own grandchild."""
    rows = [
        span(1, parent=1),
        span(2, trace=2, parent=3, session="x"),
        span(3, trace=2, parent=2, session="x"),
        span(4, trace=2, parent=2, session=None),
    ]
    assert sessions(*rows) == {1: "s", 2: "x", 3: "x", 4: "x"}


def test_a_thousand_generations_are_followed():
    """Deep recursion in an agent must not end in ours."""
    rows = [span(n, parent=n - 1 if n > 1 else None, session="s" if n == 1 else None) for n in range(1, 1_001)]
    found = lineage(span_facts(table(*rows)))
    assert found.depth.tolist() == list(range(1_000))
    assert set(found.session.tolist()) == {0}


def test_empty_table_has_no_lineage():
    """A new store is read before anything is in it."""
    assert lineage(span_facts(table())).session.tolist() == []


FAMILY = st.lists(
    st.tuples(
        st.integers(1, 2),
        st.one_of(st.none(), st.integers(0, 7)),
        st.sampled_from([None, "", "a", "b"]),
    ),
    max_size=8,
)


@given(FAMILY, st.data())
def test_order_of_rows_does_not_matter(family, data):
    """Files are read in any order; any parents (cycles too) must give one answer."""
    rows = [
        span(number, trace=trace, parent=parent, session=session)
        for number, (trace, parent, session) in enumerate(family)
    ]
    assert sessions(*data.draw(st.permutations(rows))) == sessions(*rows)


@given(FAMILY)
def test_span_with_a_known_id_in_its_ancestry_or_trace_is_never_lost(family):
    """No span with an id of its own may fall out of all sessions."""
    rows = [
        span(number, trace=trace, parent=parent, session=session)
        for number, (trace, parent, session) in enumerate(family)
    ]
    found = sessions(*rows)
    assert all(found[int(row[c.SPAN_ID], 16)] is not None for row in rows if row[c.SESSION_ID])
    own_ids = {row[c.SESSION_ID] for row in rows} | {None}
    assert set(found.values()) <= own_ids - {""}
    assert all(itertools.starmap(lambda _, session: session != "", found.items()))


@given(st.lists(st.integers(0, 12), min_size=12, max_size=12), st.integers(1, 5))
def test_parents_are_found_whatever_is_looked_up_at_once(above, at_once):
    """A store of ten million spans is looked up in parts; a trace is never divided."""
    rows = [span(n + 1, trace=n % 3, parent=parent or None) for n, parent in enumerate(above)]
    expected = lineage(span_facts(table(*rows))).parent.tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sessioneval.sessions.lineage._ROWS_AT_ONCE", at_once)
        assert lineage(span_facts(table(*rows))).parent.tolist() == expected
    for child, parent in enumerate(expected):
        is_there = above[child] > 0 and above[child] - 1 != child and (above[child] - 1) % 3 == child % 3
        assert parent == (above[child] - 1 if is_there else NONE)
