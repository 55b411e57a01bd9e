"""Sizes of memory as people write them, and what the commands do with them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.cli.sizes import LEAST_BYTES, MOST_BYTES, parse_size
from sessioneval.errors import InputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1M", 1 << 20), ("512M", 512 << 20), ("2G", 2 << 30), ("1t", 1 << 40), ("1024k", 1 << 20), ("007G", 7 << 30)],
)
def test_units_are_powers_of_1024(text, expected):
    """As `ulimit`, `docker` and the JVM read them."""
    assert parse_size(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "512",
        "1.5G",
        "-1G",
        "1 G",
        "1GB",
        "1X",
        "1023K",
        "0M",
        "1025T",
        "9" * 15 + "T",
        "9" * 5_000 + "M",
        "٣M",
    ],
)
def test_what_is_no_size_is_named_with_what_is_allowed(text):
    """A bare number has no unit: bytes or megabytes would be a guess."""
    with pytest.raises(InputError, match=r"such as 512M or 2G|give 1M or more|give 1024T or less"):
        parse_size(text)


@given(st.integers(0, 10**16), st.sampled_from("KMGT"))
def test_a_size_is_read_exactly_or_refused(number, unit):
    """Nothing in between, whatever the number."""
    expected = number * 1024 ** ("KMGT".index(unit) + 1)
    if LEAST_BYTES <= expected <= MOST_BYTES:
        assert parse_size(f"{number}{unit}") == expected
    else:
        with pytest.raises(InputError):
            parse_size(f"{number}{unit}")


@pytest.mark.parametrize(
    "command", [["sessions"], ["transcripts"], ["compact"], ["evaluate", "turn_count"], ["export"]]
)
def test_a_bad_size_is_a_usage_error_that_names_the_option(run, store, command, tmp_path):
    """Before anything is read or written."""
    name, *rest = command
    written = ["-o", tmp_path / "spans.csv"] if name == "export" else []
    done = run(name, store, *rest, *written, "--memory", "12")
    assert done.exit_code == 2
    assert "--memory" in done.stderr
    assert "'12' is no size" in done.stderr
    assert not (tmp_path / "spans.csv").exists()


def test_little_memory_changes_no_answer(run, make_store, chat, tmp_path):
    """What does not fit waits on the disk; the lines, rows and evaluations are the same."""
    spans = [span for number in range(6) for span in chat(f"s{number}", number, turns=8)]
    store = make_store(*spans)
    little = ("--memory", "1M")
    for command in ("transcripts", "sessions"):
        answers = [sorted(run(command, store, *more, "--format", "jsonl").stdout.splitlines()) for more in ((), little)]
        assert answers[0] == answers[1]
        assert len(answers[0]) == 6
    files = [tmp_path / "all.jsonl", tmp_path / "little.jsonl"]
    for file, more in zip(files, ((), little), strict=True):
        assert run("export", store, "-o", file, *more).exit_code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    judged = run("evaluate", store, "turn_count", *little, "--format", "json")
    assert judged.exit_code == 0
    before = run("transcripts", store).stdout
    assert json.loads(run("compact", store, *little, "--format", "json").stdout)["files_after"] == 2
    assert sorted(run("transcripts", store).stdout.splitlines()) == sorted(before.splitlines())
