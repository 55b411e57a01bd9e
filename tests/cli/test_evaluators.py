"""`sessioneval evaluators`."""

import json
import tomllib

import pytest

from sessioneval.evaluators.derived import derived_rubric
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.judge_prompt import RULES
from sessioneval.evaluators.registry import names, resolve
from sessioneval.evaluators.rubric import Rubric
from sessioneval.testing.server import StandIn

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


def record_of(run, name):
    return json.loads(run("evaluators", "show", name, "--format", "json").stdout)


@pytest.mark.parametrize("name", names())
def test_each_is_shown_with_everything_it_gives(run, name):
    """Labels with their scores, fields and where it comes from, whichever kind it is."""
    made = resolve(name, model="m", base_url="http://127.0.0.1:9/v1")
    record, shown = record_of(run, name), run("evaluators", "show", name)
    assert (record["name"], record["annotator_kind"], record["labels"]) == (
        name,
        made.annotator_kind,
        dict(made.labels),
    )
    assert record["source"] in {"Arize", "Reflexio", "Datadog", "sessioneval"}
    for told in (record["source"], *record["labels"], *record["fields"], *record["skip_reasons"]):
        assert told in shown.stdout
    assert bool(record.get("prompt")) == (made.annotator_kind == "LLM")


@pytest.mark.parametrize("name", [name for name in names() if name in DERIVED or name in ("coherence", "correctness")])
def test_the_prompt_of_a_judge_is_shown_as_it_would_be_sent(run, name):
    """Nobody has to trust a judge whose question is hidden: rules, a placeholder of a session, question, checklist."""
    rules, transcript, question = [message["content"] for message in record_of(run, name)["prompt"]]
    shown = run("evaluators", "show", name).stdout
    assert rules == RULES
    assert transcript.startswith("<<T:NONCE begin>>\n<<T:NONCE 0 user>>\n(what the user says)\n")
    assert question.startswith(f"Evaluator: {name}\n")
    assert all(f"\n- {item['id']} (" in question for item in record_of(run, name)["checklist"])
    assert ("<<T:NONCE tools begin>>" in question) == record_of(run, name)["tools"]
    assert all(text in shown for text in (rules, transcript, question))


def test_a_judge_whose_verdict_is_codes_says_what_the_model_answers(run):
    """`served` is no answer of the model, which does not know which of the two was served."""
    record = record_of(run, "shadow_comparison")
    assert list(record["labels"]) == ["served", "tie", "shadow"]
    assert record["asked_labels"] == ["response_a", "response_b", "tie", "unsure"]
    assert "The model answers one of response_a, response_b, tie, unsure" in (
        run("evaluators", "show", "shadow_comparison").stdout
    )
    assert record["question"] == derived_rubric("shadow_comparison").question


def test_a_rubric_file_is_shown_with_all_it_needs(run, tmp_path):
    """Reference and tools are asked for by the file, so they stand in the prompt's blocks."""
    path = tmp_path / "polite.toml"
    path.write_text(RUBRIC.replace("[labels]", 'reference = ["user_goal", "expected_actions"]\ntools = true\n[labels]'))
    record = record_of(run, path)
    question = record["prompt"][-1]["content"]
    assert (record["source"], record["reference"]) == (str(path), ["user_goal", "expected_actions"])
    assert (record["skip_reasons"], record["needs_context"]) == (["no_reference"], True)
    for words in ('reference "user_goal"', 'reference "expected_actions"', 'tool "a_tool"'):
        assert f"<<T:NONCE {words}>>" in question


def test_a_code_evaluator_is_shown_with_its_whole_documentation(run):
    """Its definition is its docstring."""
    shown = run("evaluators", "show", "tool_argument_schema").stdout
    assert "Source: JSON Schema" in shown
    assert " reads the context   yes " in shown


def test_the_list_says_where_each_comes_from(run):
    """Whoever knows Reflexio or Datadog finds what they know."""
    records = {record["name"]: record for record in json.loads(run("evaluators", "--format", "json").stdout)}
    assert {
        name: records[name]["source"] for name in ("coherence", "agent_success", "goal_completeness", "tokens")
    } == {
        "coherence": "Arize",
        "agent_success": "Reflexio",
        "goal_completeness": "Datadog",
        "tokens": "sessioneval",
    }


def test_a_new_rubric_is_ready_to_judge_with(run, store, tmp_path, monkeypatch):
    """From nothing to a first verdict in two commands."""
    monkeypatch.chdir(tmp_path)
    assert run("evaluators", "init", "second_contact").exit_code == 0
    rubric = Rubric.from_file(tmp_path / "second_contact.toml")
    assert (rubric.name, dict(rubric.labels)) == ("second_contact", {"settled": 1.0, "open": 0.0})
    with StandIn() as server:
        options = ("--model", "stand-in", "--base-url", server.base_url)
        result = run("evaluate", store, "second_contact.toml", *options)
    assert result.exit_code == 0, result.output
    assert "3 sessions, 3 evaluations: 3 new, 0 reused, 0 failed, 0 skipped" in result.stdout


def test_what_is_commented_out_in_a_new_rubric_is_allowed_too(run, tmp_path):
    """Taking a mark away must not give an error: each key of the template is one that is read."""
    path = tmp_path / "all.toml"
    run("evaluators", "init", "everything", "-o", path)
    lines = path.read_text().splitlines()
    keys = ("reference =", "tools =", "[variables]", "product =")
    opened = [line.removeprefix("# ") if line.removeprefix("# ").startswith(keys) else line for line in lines]
    # A key below a table belongs to it, so the variables' table goes to the end.
    tables = [line for line in opened if line.startswith(("[variables]", "product ="))]
    path.write_text("\n".join([*(line for line in opened if line not in tables), *tables]))
    rubric = Rubric.from_file(path)
    assert (rubric.reference, rubric.tools) == (("user_goal", "expected_actions"), True)
    assert rubric.variables == {"product": "the app"}


def test_a_file_that_is_there_is_never_overwritten(run, tmp_path):
    """Somebody's rubric is an afternoon's work."""
    path = tmp_path / "mine.toml"
    path.write_text("mine")
    result = run("evaluators", "init", "mine", "-o", path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert "exists already and stays as it is; choose another with -o FILE" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("Bad Name",), "evaluator name 'Bad Name' is not allowed"),
        (("../up",), "evaluator name '../up' is not allowed"),
        (("coherence",), "evaluator 'coherence' exists already"),
        (("mine", "-o", "mine.txt"), "its name must end in .toml"),
    ],
)
def test_a_name_that_cannot_be_used_writes_nothing(run, tmp_path, monkeypatch, arguments, expected):
    """The name becomes a column and a file."""
    monkeypatch.chdir(tmp_path)
    result = run("evaluators", "init", *arguments)
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert expected in result.stderr


def test_the_template_names_itself_nowhere_else(run, tmp_path):
    """Every NAME in it is the one that was chosen."""
    path = tmp_path / "x.toml"
    run("evaluators", "init", "chosen", "-o", path)
    assert "NAME" not in path.read_text()
    assert tomllib.loads(path.read_text())["name"] == "chosen"
