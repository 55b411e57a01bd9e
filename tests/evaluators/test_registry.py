"""Evaluators by name, file, object and plug-in."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.code import evaluator
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.judge import Judge
from sessioneval.evaluators.registry import evaluator_named, names, resolve, resolve_all
from sessioneval.evaluators.rubric import Rubric

URL = "http://localhost:8000/v1"
RUBRIC = 'name = "polite"\nversion = "1"\nquestion = "Polite?"\n[labels]\nyes = 1\nno = 0\n'


def test_names_are_rubrics_and_signals():
    """What `sessioneval evaluators` will list."""
    assert {"coherence", "goal_completion", "frustration", "correctness", "turn_count", "tool_errors"} <= set(names())
    assert list(names()) == sorted(names())


def test_every_name_is_found_and_is_itself():
    """A name that is listed must work."""
    assert [evaluator_named(name).name for name in names()] == list(names())


def test_an_unknown_name_is_answered_with_the_nearest():
    """The likely slip is named."""
    with pytest.raises(UnknownName, match=r"unknown evaluator 'goal_completio'; did you mean 'goal_completion'\?"):
        evaluator_named("goal_completio")


def test_all_kinds_of_specs_resolve(tmp_path):
    """One function for the command line, Python and the service."""
    path = tmp_path / "polite.toml"
    path.write_text(RUBRIC)
    own = evaluator(name="own")(lambda _: 1)
    ready = Judge("correctness", model="strong", base_url=URL)
    specs = ["coherence", path, Rubric.from_file(path), "turn_count", own, ready]
    resolved = [resolve(spec, model="m", base_url=URL, timeout=timedelta(seconds=3)) for spec in specs]
    assert [one.name for one in resolved] == ["coherence", "polite", "polite", "turn_count", "own", "correctness"]
    assert [one.model for one in resolved] == ["m", "m", "m", None, None, "strong"]
    assert resolved[-1] is ready


@pytest.mark.parametrize("name", DERIVED)
def test_a_derived_judge_is_made_with_what_it_says_of_itself(name):
    """The table in the docs is made from the registry, so the registry must be true."""
    made = resolve(name, model="m", base_url=URL)
    assert (made.name, dict(made.labels)) == (name, dict(DERIVED[name].labels))
    assert isinstance(evaluator_named(name), Rubric)


def test_code_evaluators_need_neither_model_nor_key():
    """First results with nothing set up."""
    assert resolve("turn_count").name == "turn_count"


@pytest.mark.parametrize(
    ("spec", "options", "expected"),
    [
        ("coherence", {}, "evaluator 'coherence' asks a model: pass model="),
        ("coherence", {"model": "m"}, "set OPENAI_API_KEY"),
        ("coherence", {"model": "m", "base_url": "localhost"}, "base_url 'localhost'"),
        ("polite.toml", {"model": "m"}, "unknown evaluator 'polite.toml'"),
        (Path("polite.json"), {}, "must end in .toml"),
        (Path("missing.toml"), {"model": "m"}, "no such file"),
        (len, {}, "is no evaluator: give a name"),
        (3, {}, "3 is no evaluator"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_paid(spec, options, expected):
    """Each with the value and what to do."""
    with pytest.raises(InputError) as error:
        resolve(spec, **options)
    assert expected in str(error.value)


def test_two_evaluators_of_one_name_are_refused(tmp_path):
    """They would write into the same column."""
    path = tmp_path / "mine.toml"
    path.write_text(RUBRIC.replace("polite", "turn_count"))
    with pytest.raises(InputError, match="'turn_count' is given twice"):
        resolve_all(["turn_count", path], model="m", base_url=URL)
    with pytest.raises(InputError, match=r"no evaluator given; known: .*coherence"):
        resolve_all([])


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Install a real distribution with entry points, as pip would lay it out."""

    def install(source, **entries):
        (tmp_path / "plugged_in.py").write_text(source)
        info = tmp_path / "plugged_in-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
        lines = [f"{name} = plugged_in:{value}" for name, value in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[sessioneval.evaluators]", *lines, ""]))
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    sys.modules.pop("plugged_in", None)


GOOD = """
from sessioneval.evaluators.code import evaluator
from sessioneval.evaluators.rubric import Rubric
calm = Rubric(name="calm", version="1", question="Calm?", labels={"yes": 1, "no": 0})
@evaluator
def length(transcript):
    return len(transcript.messages)
other = 3
"""


def test_installed_packages_add_evaluators_and_rubrics(plugin):
    """A team shares its evaluators as a package."""
    plugin(GOOD, calm="calm", length="length")
    assert {"calm", "length"} <= set(names())
    assert resolve("length").annotator_kind == "CODE"
    assert Judge("calm", model="m", base_url=URL).labels == {"yes": 1.0, "no": 0.0}
    with pytest.raises(InputError, match="'length' is an evaluator, not a rubric"):
        Judge("length", model="m")


def test_a_package_is_only_loaded_when_its_name_is_asked_for(plugin):
    """A broken plug-in must not break the built-in evaluators."""
    plugin("raise RuntimeError('broken')", mine="x")
    assert "mine" in names()
    evaluator_named("coherence")
    with pytest.raises(
        InputError, match=r"evaluator 'mine' \(plugged_in:x\) cannot be loaded: RuntimeError\('broken'\)"
    ):
        evaluator_named("mine")


def test_what_is_no_evaluator_is_refused_with_its_entry_point(plugin):
    """Said where it comes from, since the user did not write it."""
    plugin(GOOD, other="other", wrong_name="calm")
    with pytest.raises(InputError, match="gives int; allowed: a Rubric or an Evaluator"):
        evaluator_named("other")
    with pytest.raises(InputError, match="gives an evaluator named 'calm'"):
        evaluator_named("wrong_name")


def test_a_plug_in_cannot_take_a_built_in_name(plugin):
    """The meaning of 'coherence' does not depend on what is installed."""
    plugin(GOOD, coherence="calm")
    assert evaluator_named("coherence").name == "coherence"
    assert names().count("coherence") == 1
