"""Failures of the file system while a batch is written."""

import errno
import os

import pytest

from sessioneval.instrument.span_batch import publish_batch


@pytest.fixture
def failing_fsync(monkeypatch):
    """Let the next calls of os.fsync fail, then work as ever: the operating system's seam, not ours."""
    real, pending = os.fsync, []

    def fsync(handle):
        if pending:
            raise OSError(pending.pop(0), "injected")
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return pending


def finished_span(recorder):
    recorder.span("turn")
    return recorder.exporter.get_finished_spans()


def test_an_interrupted_system_call_is_repeated_at_once(recorder, failing_fsync, tmp_path, rows):
    """Signals interrupt system calls; that is no reason to lose spans."""
    failing_fsync[:] = [errno.EINTR, errno.EAGAIN]
    assert publish_batch(finished_span(recorder), str(tmp_path)).total() == 0
    assert [row["name"] for row in rows(tmp_path)] == ["turn"]


@pytest.mark.parametrize("errors", [[errno.EIO], [errno.ENOSPC], [errno.EINTR] * 3])
def test_other_errors_are_raised_and_leave_no_file(recorder, failing_fsync, tmp_path, errors):
    """EIO and a full disk do not pass in microseconds, and waiting would stop the app."""
    failing_fsync[:] = errors
    (tmp_path / "spans").mkdir()
    with pytest.raises(OSError, match="injected"):
        publish_batch(finished_span(recorder), str(tmp_path))
    assert failing_fsync == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
