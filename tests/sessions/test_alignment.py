"""Re-sent history is found by position: prefix, window, or window after a summary."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.sessions.alignment import Alignment, align

# Few different texts, so that messages repeat as "yes" and "thanks" do.
TALK = st.lists(st.sampled_from("abc"), min_size=1, max_size=8)
DISTINCT = st.integers(1, 12).map(lambda length: [f"m{n}" for n in range(length)])


@given(TALK, TALK)
def test_whole_history_then_new_messages_appends_the_new_ones(known, new):
    """The common case: everything so far is sent again, and nothing of it is new, whatever repeats."""
    assert align(known, [*known, *new]) == Alignment(len(known), len(known), len(known))


@given(TALK, st.data())
def test_beginning_of_the_history_is_a_branch_there(known, data):
    """A regenerated answer sends less than is known; what is known beyond it was abandoned."""
    length = data.draw(st.integers(1, len(known)))
    assert align(known, known[:length]) == Alignment(length, length, length)


@given(DISTINCT, TALK, st.data())
def test_window_of_the_newest_messages_appends_the_new_ones(known, new, data):
    """A sliding window forgets the oldest messages; they were said all the same."""
    start = data.draw(st.integers(0, len(known) - 1))
    window = known[start:]
    assert align(known, [*window, *new]) == Alignment(len(known), len(window), len(window))


@given(st.integers(3, 12), TALK, st.data())
def test_summary_before_a_window_is_injected(length, new, data):
    """A summary in place of the oldest messages was never said by anyone."""
    known = [f"m{n}" for n in range(length)]
    start = data.draw(st.integers(1, length - 2))
    sent = ["summary", *known[start:], *new]
    run = length - start
    assert align(known, sent) == Alignment(length, 1 + run, run, injected=1)


@given(DISTINCT, st.lists(st.sampled_from("xyz"), min_size=1))
def test_other_talk_does_not_align(known, sent):
    """Two agents interleave in one trace; only shared text makes them one conversation."""
    assert align(known, sent) is None


@pytest.mark.parametrize(("known", "sent"), [([], ["a"]), (["a"], []), ([], [])])
def test_nothing_aligns_with_nothing(known, sent):
    """The first call of a session has no history to find."""
    assert align(known, sent) is None


def test_one_common_last_message_after_unknown_ones_is_no_overlap():
    """A "yes" ends many talks."""
    assert align(["q", "yes"], ["x", "yes"]) is None


@given(TALK, TALK)
def test_overlap_really_is_one(known, sent):
    """Whatever is claimed to be known must stand in both, in place."""
    found = align(known, sent)
    if found is not None:
        known_end, new_start, run, injected = found
        assert known[known_end - run : known_end] == sent[new_start - run : new_start]
        assert run > 0
        assert injected == new_start - run
