"""Short texts for tables and messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.cli.cells import loss_text, one_line, seconds_text

ANY_TEXT = st.text(st.characters(codec=None, categories=None))


@given(ANY_TEXT)
def test_one_line_is_one_line_that_any_terminal_can_show(text):
    """No line break, no escape sequence, no lone surrogate comes through."""
    shown = one_line(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for char in shown)
    shown.encode("utf-8")


@given(ANY_TEXT, st.integers(1, 20))
def test_a_cut_keeps_to_its_length(text, max_chars):
    """The mark of the cut is part of the length."""
    assert len(one_line(text, max_chars)) <= max_chars


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0.0s"), (9.96, "10.0s"), (10, "10s"), (59.6, "1m"), (3_600, "1h"), (90_061, "1d 1h"), (-90, "-1m 30s")],
)
def test_durations_show_two_units(seconds, expected):
    """A negative duration (reversed times) is shown as it is."""
    assert seconds_text(seconds) == expected


def test_loss_leaves_out_what_is_no_loss():
    """Used spans and re-sent history are normal; zeros say nothing."""
    loss = {
        "spans_seen": 9,
        "spans_used": 8,
        "messages_deduplicated": 7,
        "truncated": 2,
        "redacted": 0,
        "clock_skew": 1,
    }
    assert loss_text(loss) == "truncated 2, clock_skew 1"
