"""Tokens are counted where that can be done here, else estimated, rather too high than too low."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.sessions.tokens import ESTIMATE, counter_of, estimated_tokens, token_counter


@given(st.lists(st.text(max_size=30), max_size=5))
def test_the_parts_of_a_text_cost_no_less_than_the_text(texts):
    """Prompts are put together from parts that were counted one by one."""
    assert estimated_tokens("\n".join(texts)) <= sum(estimated_tokens(text + "\n") for text in texts)


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("The quick brown fox jumps over the lazy dog.", 10),
        ('{"order_id": "A-1001", "items": [1, 2, 3]}', 22),
        ("今天天气很好我们去公园散步吧。", 19),
        ("Сегодня хорошая погода, пойдём гулять в парк.", 26),
        ("0123456789abcdef" * 4, 20),
        ("😀🎉👩", 8),
    ],
)
def test_the_estimate_is_not_below_what_cl100k_counts(text, counted):
    """A prompt that is longer than it was thought to be is refused by the provider. Counts: tiktoken, cl100k_base."""
    assert counted <= estimated_tokens(text) <= 3 * counted


def test_without_a_vocabulary_at_hand_the_estimate_serves(monkeypatch):
    """A run must not wait for a download that nobody asked for."""
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    token_counter.cache_clear()

    assert token_counter("gpt-4o") is ESTIMATE
    token_counter.cache_clear()


def test_a_model_that_tiktoken_does_not_know_is_estimated(monkeypatch, tmp_path):
    """Most models are not OpenAI's."""
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    token_counter.cache_clear()

    assert token_counter("some-open-model") is ESTIMATE
    token_counter.cache_clear()


def bytes_encoding():
    """Return a real encoding of tiktoken that needs no vocabulary: each byte is a token."""
    tiktoken = pytest.importorskip("tiktoken")
    ranks = {bytes([byte]): byte for byte in range(256)}
    return tiktoken.Encoding("bytes", pat_str=r"\S+|\s+", mergeable_ranks=ranks, special_tokens={"<|end|>": 256})


def test_an_encoding_of_tiktoken_counts():
    """Also what reads like one of its special tokens, and words of any length."""
    counter = counter_of(bytes_encoding())

    assert counter.name == "bytes"
    assert [counter.count(text) for text in ("", "two words", "<|end|>", "é", "x" * 100_000)] == [0, 9, 7, 2, 100_000]


def test_a_model_that_tiktoken_knows_is_counted(monkeypatch, tmp_path):
    """Where its vocabulary is at hand; here one stands in for it, as the real one is no part of the package."""
    registry = pytest.importorskip("tiktoken").registry
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(registry.ENCODINGS, "o200k_base", bytes_encoding())
    token_counter.cache_clear()

    assert token_counter("gpt-4o-mini").name == "bytes"
    assert token_counter("gpt-4o-mini").count("abc") == 3
    token_counter.cache_clear()
