"""The journal: what append() returned for survives anything."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessioneval.errors import InputError, StoreError
from sessioneval.model.evaluation import Evaluation
from sessioneval.store.journal import Journal, abandoned, read_journal, remove


def evaluation(number):
    return Evaluation(name="coherence", session_id=f"s{number}", score=float(number), metadata={"n": number})


def written(directory, numbers, run_id="run-1"):
    """Append at once, close, and return the path."""

    async def main():
        async with Journal.open(directory, run_id) as journal:
            await asyncio.gather(*(journal.append(evaluation(number)) for number in numbers))
            return journal.path

    return asyncio.run(main())


def test_what_was_appended_is_read_back_in_order(tmp_path):
    """The journal is the only copy until the run publishes."""
    path = written(tmp_path / "evaluations", range(200))
    assert path.name == ".journal-run-1.jsonl"
    assert read_journal(path) == [evaluation(number) for number in range(200)]


def test_append_returns_only_after_the_line_is_in_the_file(tmp_path):
    """A worker that goes on has its evaluation safe."""

    async def main():
        async with Journal.open(tmp_path, "r") as journal:
            for number in range(5):
                await journal.append(evaluation(number))
                assert read_journal(journal.path)[-1] == evaluation(number)

    asyncio.run(main())


def test_appends_that_come_together_share_an_fsync(tmp_path, monkeypatch):
    """Durability is paid once a round of workers, not once an evaluation."""
    calls = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (calls.append(descriptor), real(descriptor)))
    written(tmp_path, range(1_000))
    assert 1 <= len(calls) <= 10


def test_the_loop_is_not_blocked_while_the_disk_works(tmp_path, monkeypatch):
    """A slow disk must not stall the judges' connections."""
    going_on = asyncio.Event()
    real = os.fsync

    async def main():
        loop = asyncio.get_running_loop()

        def slow(descriptor):
            done = asyncio.run_coroutine_threadsafe(asyncio.wait_for(going_on.wait(), 5), loop)
            done.result(6)
            real(descriptor)

        async with Journal.open(tmp_path, "r") as journal:
            monkeypatch.setattr(os, "fsync", slow)
            appending = asyncio.create_task(journal.append(evaluation(1)))
            loop.call_later(0.01, going_on.set)
            await appending
            return read_journal(journal.path)

    assert asyncio.run(main()) == [evaluation(1)]


def test_a_cancelled_append_is_written_all_the_same(tmp_path):
    """Ctrl-C keeps what was paid for; and it does not take the others of its batch along."""

    async def main():
        async with Journal.open(tmp_path, "r") as journal:
            first = asyncio.create_task(journal.append(evaluation(1)))
            second = asyncio.create_task(journal.append(evaluation(2)))
            await asyncio.wait([first], timeout=0)
            first.cancel()
            await second
            with pytest.raises(asyncio.CancelledError):
                await first
        return read_journal(journal.path)

    assert asyncio.run(main()) == [evaluation(1), evaluation(2)]


@given(cut=st.integers(0, 400))
def test_a_torn_last_line_is_left_out(tmp_path_factory, cut):
    """Power loss tears the end; everything before it counts."""
    path = tmp_path_factory.mktemp("torn") / ".journal-r.jsonl"
    whole = tmp_path_factory.mktemp("whole")
    data = written(whole, range(3)).read_bytes()
    path.write_bytes(data[: len(data) - cut])
    expected = data[: len(data) - cut].count(b"}\n")
    assert len(read_journal(path)) in (expected, expected + 1)
    assert read_journal(path) == [evaluation(number) for number in range(len(read_journal(path)))]


def test_lines_that_are_no_evaluations_are_passed_over(tmp_path):
    """Zeros that a file system leaves after a crash must not hide what stands around them."""
    path = written(tmp_path, [1])
    path.write_bytes(b"\0\0\0\n" + path.read_bytes() + b"null\n{}\n[1]\n")
    assert read_journal(path) == [evaluation(1)]


def test_a_failed_write_is_told_to_every_writer_and_leaves_no_torn_line(tmp_path, monkeypatch):
    """A full disk: the run learns it, the file stays whole, and writing can go on when there is room."""
    real = os.write

    def full(descriptor, data):
        real(descriptor, bytes(data)[:10])
        raise OSError(28, "No space left on device")

    async def main():
        async with Journal.open(tmp_path, "r") as journal:
            await journal.append(evaluation(1))
            with monkeypatch.context() as patched:
                patched.setattr(os, "write", full)
                results = await asyncio.gather(
                    journal.append(evaluation(2)), journal.append(evaluation(3)), return_exceptions=True
                )
            await journal.append(evaluation(4))
            return results, journal.path

    results, path = asyncio.run(main())
    assert [type(result) for result in results] == [StoreError, StoreError]
    assert "No space left on device" in str(results[0])
    assert path.read_bytes().count(b"\n") == 2
    assert read_journal(path) == [evaluation(1), evaluation(4)]


def test_a_live_journal_is_not_abandoned_and_a_closed_one_is(tmp_path):
    """The next run takes over what a crashed one left, never what another is writing."""

    async def main():
        async with Journal.open(tmp_path, "live"):
            return abandoned(tmp_path)

    left = written(tmp_path, [1], run_id="left")
    assert asyncio.run(main()) == [left]
    assert [path.name for path in abandoned(tmp_path)] == [".journal-left.jsonl", ".journal-live.jsonl"]
    remove(left)
    remove(left)
    assert [path.name for path in abandoned(tmp_path)] == [".journal-live.jsonl"]


WRITER = """
import asyncio, pathlib, sys
from sessioneval.model.evaluation import Evaluation
from sessioneval.store.journal import Journal

async def worker(journal, first):
    number = first
    while True:
        await journal.append(Evaluation(name="a", session_id=str(number)))
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
        number += 4

async def main():
    journal = Journal.open(pathlib.Path(sys.argv[1]), sys.argv[2])
    await asyncio.gather(*(worker(journal, first) for first in range(4)))

asyncio.run(main())
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 50, 200])
def test_kill_9_loses_no_acknowledged_evaluation(tmp_path, acknowledged):
    """No finished evaluation is paid for twice."""
    run_id = f"run-{acknowledged}"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), run_id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        seen = [next(process.stdout).strip() for _ in range(acknowledged)]
        assert abandoned(tmp_path) == []
        process.send_signal(signal.SIGKILL)
        seen += [line.strip() for line in process.stdout if line.endswith("\n")]
    (path,) = abandoned(tmp_path)
    kept = [one.session_id for one in read_journal(path)]
    assert set(seen) <= set(kept)
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize("run_id", ["", "../x", "a/b", "a" * 65, ".hidden", "a\0b", "é"])
def test_a_run_id_cannot_leave_the_directory(tmp_path, run_id):
    """No path is built from anything else."""
    with pytest.raises(InputError, match=re.escape(repr(run_id))):
        Journal.open(tmp_path, run_id)


def test_a_run_id_is_used_once(tmp_path):
    """Appending to another run's journal would mix the two."""
    written(tmp_path, [1])
    with pytest.raises(StoreError, match="exists already"):
        written(tmp_path, [2])
    assert read_journal(tmp_path / ".journal-run-1.jsonl") == [evaluation(1)]
    assert [path.name for path in tmp_path.iterdir()] == [".journal-run-1.jsonl"]


def test_a_journal_that_was_removed_meanwhile_is_empty(tmp_path):
    """Readers list journals that a finishing run publishes and removes under them; the rows are in its file then."""
    assert read_journal(tmp_path / ".journal-gone.jsonl") == []


def test_a_journal_that_cannot_be_read_is_a_store_error(tmp_path):
    """Rows that cannot be read must not look like rows that do not exist."""
    (tmp_path / ".journal-folder.jsonl").mkdir()
    with pytest.raises(StoreError, match="cannot read the journal"):
        read_journal(tmp_path / ".journal-folder.jsonl")


def test_closing_twice_is_fine(tmp_path):
    """Clean-up code runs on every way out."""

    async def main():
        journal = Journal.open(tmp_path, "r")
        await journal.append(evaluation(1))
        await journal.aclose()
        await journal.aclose()

    asyncio.run(main())
