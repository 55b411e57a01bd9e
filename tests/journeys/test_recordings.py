"""Recordings of real libraries: each transcript says what was said, wherever the spans hold it.

`SESSIONEVAL_WRITE_TABLE=1 pytest tests/journeys/test_recordings.py` writes the table of `docs/recordings-table.md` anew.
"""

import gzip
import json
import os
import re
from pathlib import Path

import pytest
from recordings.comparison import AS_RECORDED, DIFFERENT, EXACT, NO_CONTENT, NO_SESSION, table, verdict
from shared_data import RECORDINGS, needs_recordings

from sessioneval.reader import list_sessions, read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.store.store import Store

FIXTURES = Path(__file__).parents[1] / "recordings" / "fixtures"
TABLE = Path(__file__).parents[2] / "docs" / "recordings-table.md"
ENDING = re.compile(r"(\.llmobs)?\.(jsonl|jsonl\.gz|parquet)$")

# No instrumentation of these writes a session id, so there is nothing to group by.
WITHOUT_SESSION = (
    "agent_framework__",
    "mlflow__",
    "mlflow_genai__",
    "oi_openai_agents_groupid__",
    "openllmetry_openai_agents_bare__",
)
# Content is off by default there, or it was hidden.
WITHOUT_CONTENT = ("google_adk__", "otel_genai_openai_nocontent__", "pydantic_ai_nocontent__", "oi_openai_hidden__")
# A part of the input was never written.
CUT = ("otel_openai_v2_span__multimodal",)


def recordings(folder):
    """Return the files of spans in a folder, without those of the logs beside them."""
    files = sorted(folder.iterdir()) if folder is not None and folder.is_dir() else []
    return [file for file in files if ENDING.search(file.name) and ".logs." not in file.name]


def name_of(file):
    return ENDING.sub("", file.name)


def truth_of(file):
    return json.loads(file.with_name(f"{name_of(file)}.truth.json").read_text(encoding="utf-8"))


def expected_of(name):
    """Return the verdict that a recording must have."""
    for verdict_, beginnings in ((NO_SESSION, WITHOUT_SESSION), (NO_CONTENT, WITHOUT_CONTENT), (AS_RECORDED, CUT)):
        if name.removeprefix("phoenix__").startswith(beginnings):
            return verdict_
    return EXACT


def read(file, directory):
    """Return the transcripts of a recording by session id, and how many spans have no session."""
    store = Store(directory)
    logs = file.with_name(file.name.replace(".jsonl", ".logs.jsonl"))
    report = import_files([file, *([logs] if logs != file and logs.exists() else [])], store)
    assert (report.failed_files, dict(report.rejected)) == ({}, {})
    listing = list_sessions(store)
    return {made.session_id: made for made in read_transcripts(listing)}, listing.n_spans_without_session


def verdict_of(file, directory):
    """Return the worst verdict over the sessions of a recording."""
    made, n_without = read(file, directory)
    sessions = truth_of(file)["sessions"]
    if not made:
        return NO_SESSION if n_without else DIFFERENT
    found = []
    for session, truth in sessions.items():
        shown = next((made[name] for name in (session, *truth.get("session_id_on_spans", ())) if name in made), None)
        messages = [message.to_dict() for message in shown.messages] if shown else []
        found.append(verdict(truth["messages"], messages) if shown else DIFFERENT)
    return max(found, key=[EXACT, AS_RECORDED, NO_CONTENT, NO_SESSION, DIFFERENT].index)


@needs_recordings
@pytest.mark.parametrize("file", recordings(RECORDINGS), ids=name_of)
def test_shared_recordings_read_as_they_were_said(file, tmp_path):
    """Bar T2: exact on every recorded framework wherever the spans hold the text; the others say why not."""
    assert verdict_of(file, tmp_path) == expected_of(name_of(file))


@pytest.mark.parametrize("file", recordings(FIXTURES), ids=name_of)
def test_own_recordings_read_as_they_were_said(file, tmp_path):
    """Bar T2: hand-offs, sub-agents, streams, failures, side calls and short memories of the libraries users have."""
    assert verdict_of(file, tmp_path) == expected_of(name_of(file))


@pytest.mark.parametrize("file", recordings(FIXTURES), ids=name_of)
def test_loss_of_own_recordings_adds_up(file, tmp_path):
    """Every span of a session is used or ignored with a reason."""
    for made in read(file, tmp_path)[0].values():
        assert made.loss.spans_seen == made.loss.spans_used + sum(made.loss.spans_ignored.values())
        assert made.loss.spans_seen == made.session.n_spans


@needs_recordings
def test_table_of_the_documentation_is_what_the_recordings_give(tmp_path):
    """What docs promise is what the tests found."""
    files = [*recordings(RECORDINGS), *recordings(FIXTURES)]
    verdicts = {}
    for number, file in enumerate(files):
        truth = truth_of(file)
        key = (name_of(file).rpartition("__")[0], truth["scenario"].removesuffix("_tools"))
        verdicts[key] = verdict_of(file, tmp_path / str(number))
    text = f"{INTRODUCTION}\n{table(verdicts)}\n"
    if os.environ.get("SESSIONEVAL_WRITE_TABLE"):
        TABLE.write_text(text, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == text


def test_fixtures_are_small():
    """A checkout stays light."""
    files = recordings(FIXTURES)
    assert 0 < len(files) <= 25
    assert max(file.stat().st_size for file in files) < 150_000
    assert all(gzip.decompress(file.read_bytes()) for file in files)


INTRODUCTION = """# Recordings: what is read back

Each cell is a recording of the real library against a scripted model, and how the transcript compares with the script:

- **exact**: every message, tool call and result, in order;
- **as far as recorded**: the same for all that the spans hold; the instrumentation cut or lost the rest;
- **no content**: the instrumentation recorded no text, and the transcript says so;
- **no session id**: no span carries one; `sessioneval` counts such spans and leaves them out.

`phoenix__` stands for the same spans exported from Phoenix. `tests/recordings/record.py` records anew;
`SESSIONEVAL_WRITE_TABLE=1 pytest tests/journeys/test_recordings.py` writes this page.
"""
