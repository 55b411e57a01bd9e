"""What survives kills, forks, full disks and several processes: real processes, real files."""

import json
import signal

import pytest


def test_a_hundred_kills_lose_no_acknowledged_span(start_app, tmp_path, rows):
    """Bar B5: what `force_flush` returned for is readable after kill -9, and no file is broken."""
    app = start_app("killed_children.py", tmp_path / "traces", 100)
    out, errors = app.communicate(timeout=120)
    assert errors == ""
    acknowledged = json.loads(out)
    readable = {row["context.span_id"] for row in rows(tmp_path / "traces")}
    assert len(acknowledged) > 1000
    assert set(acknowledged) <= readable
    assert app.returncode == 0


def test_forks_during_exports_neither_hang_nor_lose_nor_repeat_spans(start_app, tmp_path, rows):
    """Pre-forking servers fork at any time, also while the first export imports pyarrow."""
    app = start_app("forking.py", tmp_path / "traces", 20)
    out, errors = app.communicate(timeout=120)
    assert (out, errors) == ("20", "")
    names = [row["name"] for row in rows(tmp_path / "traces")]
    assert sorted(name for name in names if name.startswith("child")) == sorted(f"child {n}" for n in range(20))
    assert names.count("queued before the fork") == 1
    assert "parent" in names


def test_two_processes_export_to_one_store(start_app, tmp_path, rows):
    """No lock and no catalogue: workers of one app share a directory."""
    apps = [start_app("writer.py", tmp_path / "traces", name, 40) for name in ("a", "b")]
    assert [app.communicate(timeout=60) for app in apps] == [("40", ""), ("40", "")]
    found = rows(tmp_path / "traces")
    assert len(found) == 80
    assert {row["context.span_id"]: row for row in found}.keys().__len__() == 80
    assert all(row["attributes.session.id"] == row["name"].split()[0] for row in found)


def test_a_full_disk_is_a_failure_that_is_counted_logged_once_and_left_behind(start_app, tmp_path, rows):
    """No exception, no half file, and the next export works again."""
    app = start_app("full_disk.py", tmp_path / "traces")
    out, errors = app.communicate(timeout=60)
    assert json.loads(out) == {"results": ["FAILURE"] * 3 + ["SUCCESS"], "left": [], "exported": 1, "failed": 3}
    assert errors.count("WARNING") == 1
    assert "File too large" in errors
    assert len(rows(tmp_path / "traces")) == 1


@pytest.mark.parametrize("state", ["waiting", "exporting", "handler", "forked"])
def test_sigterm_exports_what_is_queued_and_then_does_what_it_did(start_app, tmp_path, rows, state):
    """By default SIGTERM loses the queue; the exit status must stay what the parent expects."""
    app = start_app("terminated.py", tmp_path / "traces", state)
    assert app.stdout.readline() == "ready\n"
    app.send_signal(signal.SIGTERM)
    _, errors = app.communicate(timeout=60)
    assert errors == ""
    assert app.returncode == {"handler": 7, "forked": 256 - signal.SIGTERM}.get(state, -signal.SIGTERM)
    names = sorted(row["name"] for row in rows(tmp_path / "traces"))
    assert names == (["on the way out", "queued"] if state == "handler" else ["queued"])


def test_an_ignored_sigterm_stays_ignored(start_app, tmp_path, rows):
    """The app lives on and its later spans are exported too."""
    app = start_app("terminated.py", tmp_path / "traces", "ignored")
    assert app.stdout.readline() == "ready\n"
    app.send_signal(signal.SIGTERM)
    app.communicate("go on\n", timeout=60)
    assert app.returncode == 0
    names = sorted(row["name"] for row in rows(tmp_path / "traces"))
    assert names == ["after the ignored signal", "queued"]
