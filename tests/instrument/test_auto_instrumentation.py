"""`OTEL_TRACES_EXPORTER=parquet`: no line of ours in the set-up of the app."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.distro")


def test_the_entry_point_writes_a_store_and_plain_spans_carry_the_session(tmp_path, rows):
    """`opentelemetry-instrument` builds the provider; `session()` adds its processor to that one."""
    app = Path(__file__).parent / "apps" / "auto_instrumented.py"
    environment = {
        "OTEL_TRACES_EXPORTER": "parquet",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "SESSIONEVAL_STORE": str(tmp_path / "traces"),
    }
    done = subprocess.run(
        [Path(sys.executable).parent / "opentelemetry-instrument", sys.executable, str(app)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    found = {row["name"]: row for row in rows(tmp_path / "traces")}
    assert sorted(found) == ["session.complete", "turn"]
    for row in found.values():
        assert row["attributes.session.id"] == "chat-42"
        assert row["attributes.session.source"] == "web"
