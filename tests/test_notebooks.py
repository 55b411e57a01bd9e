"""Every notebook runs from top to bottom, as a reader without a key would run it."""

import html
import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from sessioneval.testing.controlled_sessions import CONTROLLED_SESSIONS

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
JUDGES = ("coherence", "goal_completion", "frustration", "correctness")


def executed(path: Path, folder: Path) -> nbformat.NotebookNode:
    """Run all cells in `folder`; a cell that raises fails the test with its traceback."""
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return notebook


@pytest.fixture(scope="module")
def notebooks(tmp_path_factory):
    """All notebooks, executed, by name."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith("OPENAI_")]:
            environment.delenv(name)
        environment.setenv("TMPDIR", str(tmp_path_factory.mktemp("tmp")))  # where the notebook puts its store
        return {path.stem: executed(path, tmp_path_factory.mktemp(path.stem)) for path in NOTEBOOKS}


@pytest.fixture(scope="module")
def outputs(notebooks):
    """What the cells of the main notebook show: tag of the cell to MIME type to content."""
    cells = notebooks["session_evals"].cells
    return {tag: shown(cell) for cell in cells for tag in cell.metadata.get("tags", ())}


def shown(cell) -> dict[str, str]:
    """Return a cell's output by MIME type; what it printed counts as plain text."""
    by_type: dict[str, str] = {}
    for output in cell.outputs:
        data = {"text/plain": output.text} if output.output_type == "stream" else output.get("data", {})
        for mime_type, text in data.items():
            by_type[mime_type] = by_type.get(mime_type, "") + text
    return by_type


def table(output: dict[str, str]) -> list[list[str]]:
    """Return the cells of a DataFrame's body, row by row, the index first."""
    body = output["text/html"].partition("<tbody>")[2]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    return [[html.unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows]


def test_every_notebook_runs_from_top_to_bottom(notebooks):
    """A reader must not meet a traceback, and no cell may be left out."""
    for notebook in notebooks.values():
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs_and_for_any_python_3(path):
    """Outputs would show another run's paths and make every change of the notebook unreadable."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)

    assert notebook.metadata.kernelspec.name == "python3"
    assert not any(cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def test_the_controlled_sessions_get_the_labels_they_were_written_for(outputs):
    """The point of the notebook: only the whole session shows what fails."""
    expected = [[known.session_id, *(known.expected[name] for name in JUDGES)] for known in CONTROLLED_SESSIONS]

    assert expected == table(outputs["controlled-table"])


def test_evaluating_twice_makes_no_evaluation_again(outputs):
    """The notebook says that what was judged once is not paid for twice."""
    assert outputs["evaluate"]["text/plain"] == "32 evaluated, 0 failed, 0 reused\n"
    assert outputs["evaluate-again"]["text/plain"] == "0 evaluated, 0 failed, 32 reused\n"


def test_the_evaluation_stands_on_the_anchor_row_only(outputs):
    """Arize routes the columns of one row to the session; two rows would be two evaluations."""
    labels = [row[3] for row in table(outputs["anchor-rows"])]

    assert labels == ["incoherent", "NaN", "NaN", "NaN"]


def test_plain_pandas_and_duckdb_read_what_the_app_wrote(outputs):
    """The files are the interface: no code of ours may be needed to open them."""
    first = table(outputs["plain-pandas"])[0]
    sessions = {row[1]: row[2:4] for row in table(outputs["duckdb"])}

    assert first[1:4] == ["tutor-1", "ChatCompletion", "LLM"]
    assert len(sessions) == 8
    assert sessions["support-1"] == ["8", "3"]


def test_a_transcript_is_shown_as_html(outputs):
    """In a notebook a reader sees the talk and its tool calls, not a data class."""
    page = outputs["transcript"]["text/html"]

    assert "Where are my orders A-17 and B-20?" in page
    assert "look_up_order" in page


def test_a_rubric_and_a_function_of_the_reader_evaluate_like_the_built_in_ones(outputs):
    """Own questions are the reason to leave the four built-in ones."""
    kinds = {row[1]: row[5] for row in table(outputs["own-evaluators"])}

    assert {"socratic": "LLM", "brevity": "CODE", "tool_errors": "CODE", "turn_count": "CODE"}.items() <= kinds.items()
