"""Recordings of real libraries: each transcript says what was said, wherever the spans hold it.

`SESSIONEVAL_WRITE_TABLE=1 pytest tests/journeys/test_recordings.py` writes the table of `docs/recordings-table.md` anew.
"""

import gzip
import json
import os
import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from recordings.comparison import AS_RECORDED, DIFFERENT, EXACT, NO_CONTENT, NO_SESSION, table, verdict
from shared_data import RECORDINGS, needs_recordings

from sessioneval.reader.listing import list_sessions
from sessioneval.reader.transcripts import read_transcripts
from sessioneval.runs.importing import import_files
from sessioneval.runs.stitching import stitch_store
from sessioneval.store.store import Store

FIXTURES = Path(__file__).parents[1] / "recordings" / "fixtures"
RECORDED = Path(__file__).parents[1] / "recordings" / "recorded.json"
TABLE = Path(__file__).parents[2] / "docs" / "recordings-table.md"
ORDER = (EXACT, AS_RECORDED, NO_CONTENT, NO_SESSION, DIFFERENT)
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


@cache
def read(file):
    """Return the transcripts of a recording by session id, and how many spans have no session."""
    with TemporaryDirectory() as directory:
        store = Store(directory)
        report = import_files([file], store)
        assert (report.failed_files, dict(report.rejected)) == ({}, {})
        listing = list_sessions(store)
        return {made.session_id: made for made in read_transcripts(listing)}, listing.n_spans_without_session


def verdict_of(file):
    """Return the worst verdict over the sessions of a recording."""
    made, n_without = read(file)
    if not made:
        return NO_SESSION if n_without else DIFFERENT
    return max((_verdict_of_session(*told, made) for told in truth_of(file)["sessions"].items()), key=ORDER.index)


def _verdict_of_session(session, truth, made):
    # Pydantic AI without an id of the app's makes one for each side agent too; the talk has one of them.
    names = [name for name in (session, *truth.get("session_id_on_spans", ())) if name in made]
    shown = [[message.to_dict() for message in made[name].messages] for name in names]
    return min((verdict(truth["messages"], said) for said in shown), key=ORDER.index, default=DIFFERENT)


@needs_recordings
@pytest.mark.parametrize("file", recordings(RECORDINGS), ids=name_of)
def test_shared_recordings_read_as_they_were_said(file):
    """Bar T2: exact on every recorded framework wherever the spans hold the text; the others say why not."""
    assert verdict_of(file) == expected_of(name_of(file))


@pytest.mark.parametrize("file", recordings(FIXTURES), ids=name_of)
def test_own_recordings_read_as_they_were_said(file):
    """Bar T2: hand-offs, sub-agents, streams, failures, side calls and short memories of the libraries users have."""
    assert verdict_of(file) == expected_of(name_of(file))


@needs_recordings
@pytest.mark.parametrize("framework", ["agent_framework", "mlflow", "mlflow_genai"])
def test_recordings_without_session_ids_are_exact_once_stitched(framework, tmp_path):
    """No span names a session, but each turn sends the talk again: asked to, we put it together."""
    file = RECORDINGS / f"{framework}__support_tools.jsonl"
    import_files([file], tmp_path)
    stitch_store(tmp_path)

    (made,) = read_transcripts(list_sessions(Store(tmp_path)))
    (truth,) = truth_of(file)["sessions"].values()
    assert verdict(truth["messages"], [message.to_dict() for message in made.messages]) == EXACT


@pytest.mark.parametrize("file", recordings(FIXTURES), ids=name_of)
def test_loss_of_own_recordings_adds_up(file):
    """Every span of a session is used or ignored with a reason."""
    for made in read(file)[0].values():
        assert made.loss.spans_seen == made.loss.spans_used + sum(made.loss.spans_ignored.values())
        assert made.loss.spans_seen == made.session.n_spans


def verdicts_at_hand():
    """Return the verdict of each recording that is at hand, by framework and scenario."""
    files = [*recordings(RECORDINGS), *recordings(FIXTURES)]
    return {
        (name_of(file).rpartition("__")[0], scenario_of(truth_of(file)["scenario"])): verdict_of(file) for file in files
    }


def recorded():
    """Return the verdicts of all that was recorded once with the script beside the fixtures; few are kept."""
    found = json.loads(RECORDED.read_text(encoding="utf-8"))
    return {(name.rpartition("__")[0], scenario_of(name.rpartition("__")[2])): said for name, said in found.items()}


def scenario_of(name):
    return name.removesuffix("_tools")


@needs_recordings
def test_table_of_the_documentation_is_what_the_recordings_give():
    """What docs promise is what the tests found."""
    text = f"{INTRODUCTION}\n{table({key: f'{said} °' for key, said in recorded().items()} | verdicts_at_hand())}\n"
    if os.environ.get("SESSIONEVAL_WRITE_TABLE"):
        TABLE.write_text(text, encoding="utf-8")
    assert TABLE.read_text(encoding="utf-8") == text


def test_recordings_that_are_kept_read_as_when_they_were_made():
    """What is written down of the recordings that are not kept came of the same rules."""
    kept = verdicts_at_hand()
    assert {key: said for key, said in recorded().items() if key in kept and said == EXACT != kept[key]} == {}


def test_fixtures_are_small():
    """A checkout stays light."""
    files = recordings(FIXTURES)
    assert 0 < len(files) <= 65
    assert max(file.stat().st_size for file in files) <= 60_000
    assert all(gzip.decompress(file.read_bytes()) for file in files if file.suffix == ".gz")


INTRODUCTION = """# Recordings: what is read back

Each cell is a recording of the real library against a scripted model, and how the transcript compares with the script:

- **exact**: every message, tool call and result, in order;
- **as far as recorded**: the same for all that the spans hold; the instrumentation cut or lost the rest;
- **no content**: the instrumentation recorded no text, and the transcript says so;
- **no session id**: no span carries one; `sessioneval` counts such spans and leaves them out. [Stitched](stitching.md),
  those that are kept read exactly;
- **two ids**: Pydantic AI without an id of the app's makes a new one where the app starts a new history, so the talk is
  in two sessions;
- **ids lost**: the limit of 128 attributes on a span drops the session id first, and without a span of the app's around
  the model call nothing else tells it ([stitching](stitching.md) may find it).

`phoenix__` stands for the same spans exported from Phoenix, `own_id` for spans on which the app itself writes a session id,
since MLflow exports none. `tests/recordings/record.py` records anew;
`SESSIONEVAL_WRITE_TABLE=1 pytest tests/journeys/test_recordings.py` writes this page. Cells with ° were recorded and checked
on 2026-11-21 and are not kept; the others are checked by every run of the tests.
"""
