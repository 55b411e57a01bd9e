"""Ids as 64-bit words: the same word for the same text in any column, and the text back where the word tells it."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.model.words import hex_texts, paired_words, span_words, words_of

TEXTS = st.lists(st.none() | st.text(max_size=20) | st.sampled_from(["00000000000000ff", "00000000000000FF", "x" * 64]))


@given(TEXTS, TEXTS, st.integers(0, 5))
def test_words_depend_on_the_text_alone(before, texts, cut):
    """Ids of one span stand in many files, beside ids of other lengths; a slice must not shift them."""
    column = pa.array([*before, *texts], pa.string()).slice(len(before))
    alone = [int(words_of(pa.array([text], pa.string()))[0]) for text in texts]
    assert words_of(column).tolist() == alone
    chunked = pa.chunked_array([column.slice(0, cut), column.slice(cut)])
    assert words_of(chunked).tolist() == alone


@given(TEXTS)
def test_different_texts_have_different_words(texts):
    """Spans are told apart by them; null counts as the empty text, which no id is."""
    distinct = {text or "" for text in texts}
    assert len(set(words_of(pa.array(texts, pa.string())).tolist())) == len(distinct)


def test_words_of_words_are_they_themselves():
    """What has been shortened once is used like the ids."""
    words = words_of(pa.array(["a", "bc"]))
    assert words_of(pa.chunked_array([pa.array(words)])).tolist() == words.tolist()


@pytest.mark.parametrize("text", ["a" * 8, "a" * 7, "a" * 9])
def test_zero_bytes_at_the_end_count(text):
    """Texts are filled up to whole words, so the length must be part of the hash where that matters."""
    one, other = words_of(pa.array([text, f"{text}\0"])).tolist()
    assert one != other


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_span_ids_come_back_from_their_words(numbers):
    """Anchors are shown as text long after only the words are in memory."""
    texts = [f"{number:016x}" for number in numbers]
    words, are_whole = span_words(pa.array(texts, pa.string()))
    assert are_whole.all()
    assert hex_texts(words).to_pylist() == texts


@given(TEXTS)
def test_only_sixteen_hexadecimal_digits_are_whole(texts):
    """Capitals would come back as small letters, which is another id."""
    _, are_whole = span_words(pa.array(texts, pa.string()))
    assert are_whole.tolist() == [text == "00000000000000ff" for text in texts]


def test_pairs_are_ordered():
    """A trace with the id of a span is another pair than the span with the id of the trace."""
    one, other = np.array([1], dtype=np.uint64), np.array([2], dtype=np.uint64)
    assert paired_words(one, other) != paired_words(other, one)
