"""Live progress: on stderr, and only where a person looks on."""

import os
import pty

import pytest

from sessioneval.testing.faults import Faults
from sessioneval.testing.server import StandIn


@pytest.fixture
def on_terminal(start):
    """Run the command line with stderr on a terminal; return what it showed there."""

    def run(*arguments):
        ours, theirs = pty.openpty()
        process = start(*arguments, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "150"})
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
        assert process.wait() == 0
        return shown.decode(), process.stdout.read().decode()

    return run


def _read(terminal):
    """Return the next bytes; a terminal whose other end is closed gives an error in place of an end."""
    try:
        return os.read(terminal, 4_096)
    except OSError:
        return b""


def test_an_evaluation_shows_done_reused_failed_rate_and_tokens(on_terminal, store):
    """The table on stdout stays clean."""
    with StandIn(Faults(latency_seconds=0.2)) as server:
        judge = ["coherence", "--model", "m", "--base-url", server.base_url, "--concurrency", "1"]
        shown, printed = on_terminal("evaluate", store, *judge)
    assert " of 3 done" in shown
    assert "0 failed, 0 reused" in shown
    assert "tokens" in shown
    assert "/s" in shown
    assert printed.splitlines()[-1].startswith("3 sessions, 3 evaluations: 3 new")
    assert "done" not in printed


def test_an_import_shows_bytes_and_spans(on_terminal, write_spans, chat, tmp_path):
    """By bytes: how many spans a file holds is not known before."""
    shown, printed = on_terminal("import", write_spans(*chat("s")), "--store", tmp_path / "store")
    assert "2 spans read, 0 rejected" in shown
    assert " kB" in shown
    assert "new" in printed


def test_nothing_is_shown_where_nobody_looks(start, store):
    """Logs of cron jobs stay empty."""
    process = start("evaluate", store, "turn_count")
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
