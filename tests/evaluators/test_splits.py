"""Splits of sessions."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from sessioneval.evaluators.splits import split_of

IDS = [f"session-{number}" for number in range(10_000)]


def test_the_shares_are_as_documented():
    """A fifth for examples, the rest to work with and to test on; within 3 sigma."""
    counts = [[split_of(each) for each in IDS].count(split) for split in ("train", "dev", "test")]
    assert abs(counts[0] - 2_000) < 3 * 40
    assert abs(counts[1] - 4_000) < 3 * 49
    assert sum(counts) == len(IDS)


def test_a_split_is_the_same_in_every_process():
    """A session must not move from test to train because Python hashes texts otherwise today."""
    code = "from sessioneval.evaluators.splits import split_of; print(*(split_of(f'session-{n}') for n in range(50)))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == [split_of(each) for each in IDS[:50]]


def test_a_split_never_changes_from_version_to_version():
    """Labels were made under it; these stand for ever."""
    assert [split_of(each) for each in IDS[:6]] == ["dev", "train", "dev", "test", "dev", "test"]


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_any_id_has_a_split(session_id):
    """Ids come from traces and hold anything."""
    assert split_of(session_id) in ("train", "dev", "test")
