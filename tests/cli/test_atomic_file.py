"""Files that are whole or not there."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from sessioneval.cli.atomic_file import atomic_file


def test_a_file_is_replaced_only_when_the_block_is_done(tmp_path):
    """A reader never sees half a file."""
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"


def test_a_failure_leaves_everything_as_it_was(tmp_path):
    """Also no temporary file."""
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as file:
        file.write(b"half" * (1 // 0))
    assert [(found.name, found.read_bytes()) for found in tmp_path.iterdir()] == [("out.csv", b"old")]


def test_an_error_names_the_file_that_was_asked_for(tmp_path):
    """Not the hidden one."""
    with pytest.raises(FileNotFoundError) as caught, atomic_file(tmp_path / "no" / "out.csv"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "out.csv")


def test_a_directory_is_refused(tmp_path):
    """It would be replaced otherwise, or fail at the end of a long run."""
    with pytest.raises(IsADirectoryError), atomic_file(tmp_path):
        pass


def test_a_link_is_followed(tmp_path):
    """The file behind it changes, the link stays."""
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    link.symlink_to(real)
    with atomic_file(link) as file:
        file.write(b"data")
    assert (link.is_symlink(), real.read_bytes()) == (True, b"data")


def test_what_is_no_regular_file_is_written_directly(tmp_path):
    """A pipe must not become a file; nor must /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as thread:
        received = thread.submit(pipe.read_bytes)
        with atomic_file(pipe) as file:
            file.write(b"data")
        assert (received.result(), pipe.is_fifo()) == (b"data", True)
