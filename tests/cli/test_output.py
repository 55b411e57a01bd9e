"""Where answers go."""

import os
import pty

import pytest


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_what_the_terminal_s_encoding_lacks_is_shown_as_an_escape(start, make_store, chat, encoding):
    """Emoji in a session must not end `show` in a traceback on an old terminal."""
    store = make_store(*chat("😀", turns=1))
    process = start("show", store, "😀", env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"})
    printed, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
    assert printed.startswith(b"session \\U0001f600\n")


def test_json_is_utf_8_whatever_the_terminal(start, store):
    """JSON has one encoding."""
    process = start("transcripts", store, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert "Köln".encode() in process.communicate()[0]


def test_parquet_is_not_written_to_a_terminal(start, store):
    """It would be noise; the message says what to do."""
    ours, theirs = pty.openpty()
    process = start("sessions", store, "--format", "parquet", stdout=theirs)
    _, errors = process.communicate()
    os.close(theirs)
    os.close(ours)
    assert process.returncode == 2
    assert errors.startswith(b"error: parquet is not for a terminal; give -o FILE")


def test_text_can_be_written_to_a_file_too(run, store, tmp_path):
    """The same text as on stdout."""
    run("sessions", store, "-o", tmp_path / "sessions.txt")
    assert (tmp_path / "sessions.txt").read_text(encoding="utf-8") == run("sessions", store).stdout


def test_an_id_is_not_cut_on_a_narrow_terminal(start, make_store, chat):
    """It is folded: every character is there."""
    store = make_store(*chat("i" * 300, turns=1))
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "60", "TERM": "dumb"}
    process = start("sessions", store, "--session", "i" * 300, stdout=theirs, env=environment)
    shown = b""
    while process.poll() is None:
        shown += os.read(ours, 65_536) if _readable(ours) else b""
    while _readable(ours):
        shown += os.read(ours, 65_536)
    os.close(theirs)
    os.close(ours)
    head, _, body = shown.decode().partition("─\r\n")
    assert body.count("i") >= 300 - head.count("i")


def _readable(terminal):
    import select

    return bool(select.select([terminal], [], [], 0.05)[0])
