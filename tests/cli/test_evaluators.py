"""`sessioneval evaluators`."""

import json

RUBRIC = """
name = "polite"
version = "3"
question = "Was it [bold]polite[/bold]?"
[labels]
yes = 1
no = 0
"""


def test_the_list_names_kind_labels_and_purpose(run):
    """What a newcomer needs to choose."""
    text = run("evaluators").stdout
    records = {record["name"]: record for record in json.loads(run("evaluators", "--format", "json").stdout)}
    assert {"coherence", "correctness", "frustration", "goal_completion", "turn_count"} <= set(records)
    assert records["coherence"]["labels"] == {"coherent": 1.0, "incoherent": 0.0}
    assert (records["coherence"]["annotator_kind"], records["turn_count"]["annotator_kind"]) == ("LLM", "CODE")
    assert [name for name in records if f"\n {name} " not in text] == []


def test_one_is_shown_with_its_question(run):
    """The prompt is no secret."""
    shown = run("evaluators", "show", "goal_completion")
    record = json.loads(run("evaluators", "show", "goal_completion", "--format", "json").stdout)
    assert shown.exit_code == 0
    assert record["question"].strip() in shown.stdout
    assert " not_completed " in shown.stdout


def test_a_rubric_file_is_shown_as_it_is_read(run, tmp_path):
    """Markup in it is text."""
    path = tmp_path / "polite.toml"
    path.write_text(RUBRIC)
    assert "Was it [bold]polite[/bold]?" in run("evaluators", "show", path).stdout


def test_a_code_evaluator_shows_what_it_does(run):
    """Its documentation, in place of a question."""
    assert "number of user messages" in run("evaluators", "show", "turn_count").stdout


def test_a_package_that_cannot_be_loaded_does_not_hide_the_others(run, tmp_path, monkeypatch):
    """Its line says what is wrong with it."""
    folder = tmp_path / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[sessioneval.evaluators]\nbroken_one = no_such_module:it\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = run("evaluators").stdout
    assert " coherence " in text
    assert " broken_one " in text
    assert "cannot be loaded" in text
