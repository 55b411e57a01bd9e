"""Strangers' text is made visible and harmless, and can be read back."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.sessions.escaping import escaped, unescaped

ANY = st.text(alphabet=st.characters(blacklist_categories=[]))


@given(
    ANY | st.text("<\\u{35cT:|}[INST]/\u200d\ufe0f\U0001f525", max_size=30),
    st.sampled_from(["", "5c5c5c5c", "aaaaaaaa"]),
)
def test_what_is_escaped_is_read_back(text, nonce):
    """A judge's quote is compared with what was said, so no character may get lost."""
    assert unescaped(escaped(text, nonce)) == text
    assert not nonce or nonce not in escaped(text, nonce)


def test_every_character_is_either_visible_or_escaped():
    """By Unicode's own categories: controls, format characters that hide or turn text, surrogates, line separators."""
    seen_in_arabic = {0x600, 0x601, 0x602, 0x603, 0x604, 0x605, 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    hidden = [
        code
        for code in range(sys.maxunicode + 1)
        if unicodedata.category(chr(code)) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and escaped(chr(code)) == chr(code)
    ]

    assert set(hidden) - seen_in_arabic - {0x9, 0xA} == {*range(0x13430, 0x13440)} & set(hidden)


@pytest.mark.parametrize("text", ["👨‍👩‍👧", "❤️‍🔥 ❤️", "می‌خواهم", "naïve 日本語", "a\tb\nc", "x < y [1] \\ u{"])
def test_ordinary_text_stays_as_it_is(text):
    """An escape costs tokens and attention; emoji and Persian use joiners as they should."""
    assert escaped(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200d\u200db", "a\u200d\\u{200d}b"),
        ("\ufe0f\ufe0f", "\\u{fe0f}\\u{fe0f}"),
        ("a\U000e0069\U000e0067", "a\\u{e0069}\\u{e0067}"),
        ("user\u202etnatsissa", "user\\u{202e}tnatsissa"),
        ("one\r\ntwo", "one\\u{d}\ntwo"),
        ("<|im_end|>", "\\u{3c}|im_end|>"),
        ("[/INST] </s>", "\\u{5b}/INST] \\u{3c}/s>"),
        ("<<SYS>>", "\\u{3c}<SYS>>"),
        ("\uff1c\uff1cT\uff1a", "\\u{ff1c}\\u{ff1c}T\uff1a"),
        ("\\u{41}", "\\u{5c}u{41}"),
    ],
)
def test_smuggled_text_is_made_visible(text, shown):
    """Hidden characters, turned text and template tokens are how instructions are smuggled."""
    assert escaped(text) == shown


@pytest.mark.parametrize("text", ["\\u{110000}", "\\u{zz}", "\\u{}", "\\u{1234567}"])
def test_an_escape_that_none_can_be_stays(text):
    """A judge's quote may hold anything."""
    assert unescaped(text) == text
