"""Evaluators of other packages: a wheel that pip installs, and what must not break when such a package is broken."""

import importlib
import subprocess
import sys
import zipfile

import pytest

import sessioneval as se
from sessioneval.errors import InputError, UnknownName
from sessioneval.evaluators.origins import source_of
from sessioneval.evaluators.plugins import GROUP, plugin_named, plugin_names, plugin_package
from sessioneval.evaluators.registry import evaluator_named, names, resolve
from sessioneval.testing.server import StandIn

SOURCE = '''
from pathlib import Path

import sessioneval as se

calm = se.Rubric.from_file(Path(__file__).with_name("calm.toml"))


@se.evaluator(labels={"long": 1.0, "short": 0.0}, version="7")
def length(transcript):
    """Long from two messages on."""
    n_messages = len(transcript.messages)
    return {"label": "long" if n_messages > 1 else "short", "fields": {"n_messages": n_messages}}
'''
RUBRIC = 'name = "calm"\nversion = "1"\nquestion = "Calm?"\nlabels = { yes = 1, no = 0 }\n'
ENTRIES = {"calm": "team_evaluators:calm", "length": "team_evaluators:length"}


def metadata(name, version, entries):
    """Return the files of a distribution's metadata."""
    lines = [f"[{GROUP}]", *(f"{entry} = {value}" for entry, value in entries.items()), ""]
    return {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "\n".join(lines),
        "RECORD": "",
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A team's package, installed by pip as from an index."""
    folder = tmp_path_factory.mktemp("wheel")
    wheel = folder / "team_evaluators-1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("team_evaluators/__init__.py", SOURCE)
        archive.writestr("team_evaluators/calm.toml", RUBRIC)
        for name, text in metadata("team-evaluators", "1.2", ENTRIES).items():
            archive.writestr(f"team_evaluators-1.2.dist-info/{name}", text)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--disable-pip-version-check"]
    subprocess.run([*pip, "--target", folder / "site", wheel], check=True)
    return folder / "site"


@pytest.fixture
def team(installed, monkeypatch):
    """The package can be imported; forgotten again afterwards."""
    monkeypatch.syspath_prepend(installed)
    yield
    sys.modules.pop("team_evaluators", None)


@pytest.fixture
def lay_out(tmp_path, monkeypatch):
    """Lay a distribution out as pip would, one for each call."""
    made = []

    def install(source, name="odd", **entries):
        module = f"{name}_module"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        values = {entry: f"{module}:{value}" for entry, value in entries.items()}
        for file, text in metadata(name, "1.0", values).items():
            (info / file).write_text(text)
        importlib.invalidate_caches()
        made.append(module)

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    for module in made:
        sys.modules.pop(module, None)


@pytest.fixture
def traces(tmp_path):
    """A store with one session."""
    provider = se.register(tmp_path / "traces", set_global=False)
    with (
        se.session("chat-1", tracer_provider=provider),
        provider.get_tracer("app").start_as_current_span("turn") as turn,
    ):
        turn.set_attributes({"openinference.span.kind": "AGENT", "input.value": "Hello?", "output.value": "Hello."})
    provider.shutdown()
    return tmp_path / "traces"


@pytest.mark.usefixtures("team")
def test_a_rubric_and_an_evaluator_of_an_installed_package_judge_by_name(traces):
    """A team shares its evaluators: installed, they are used as the built-in ones are."""
    assert {"calm", "length"} <= set(names())
    with StandIn() as server:
        result = se.evaluate(traces, ["calm", "length"], model="stand-in", base_url=server.base_url)
    rows = se.evaluations_df(traces).set_index("name")
    assert (result.progress.evaluated, rows.label["calm"], rows.label["length"]) == (2, "yes", "long")
    assert rows.fields["length"] == '{"n_messages": 2}'


@pytest.mark.usefixtures("team")
def test_where_an_evaluator_comes_from_is_known_without_loading_it():
    """The list of evaluators imports nobody's code to name its package."""
    sys.modules.pop("team_evaluators", None)
    assert {"calm", "length"} <= set(plugin_names())
    assert source_of("length") == plugin_package("calm") == "team-evaluators 1.2"
    assert "team_evaluators" not in sys.modules


def test_what_nobody_registers_is_unknown():
    """Neither by the registry nor by its package."""
    with pytest.raises(UnknownName, match="unknown evaluator 'lenght'"):
        evaluator_named("lenght")
    for ask in (plugin_named, plugin_package):
        with pytest.raises(InputError, match="no installed package registers an evaluator 'lenght'"):
            ask("lenght")


@pytest.mark.parametrize(
    "source", ["raise ValueError('odd')", "import sys; sys.exit(3)", "x = ", "import no_such_module"]
)
def test_a_package_that_cannot_be_imported_is_an_error_in_words(lay_out, source):
    """Also one that would end the whole program; the others can be used."""
    lay_out(source, mine="it")
    with pytest.raises(InputError, match=r"'mine' \(odd_module:it\) cannot be loaded: .*; it comes with odd 1\.0"):
        plugin_named("mine")
    assert resolve("turn_count").name == "turn_count"


ODD = """
from sessioneval.evaluators.code import evaluator

class Raises:
    identifier = "x"; annotator_kind = "CODE"; model = None; labels = {}
    def check(self): pass
    def evaluate(self, transcript): pass
    def aclose(self): pass
    @property
    def name(self): raise RuntimeError("no name")

class Named(Raises):
    name = "listed"; labels = ["a", "b"]

class Scored(Raises):
    name = "scored"; labels = {"a": "high"}

raises, listed, scored = Raises(), Named(), Scored()
capital = evaluator(name="lower")(lambda _: 1)
capital.name = "Capital"
"""


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("raises", "raises", "cannot be loaded: RuntimeError"),
        ("listed", "listed", r"has the labels \['a', 'b'\]; it must map each label to its score"),
        ("scored", "scored", "score of label 'a' is 'high'"),
        ("Capital", "capital", "evaluator name 'Capital' is not allowed"),
        ("kind", "Raises", "gives type; allowed: a Rubric or an Evaluator"),
        ("absent", "absent", "cannot be loaded: AttributeError"),
    ],
)
def test_what_is_no_evaluator_is_refused(lay_out, name, value, expected):
    """Before a run begins, not in the middle of it."""
    lay_out(ODD, **{name: value})
    with pytest.raises(InputError, match=expected):
        plugin_named(name)


def test_two_packages_with_one_name_are_told_apart_by_the_user(lay_out):
    """Which of them judges must not depend on the order of a path."""
    for package in ("odd", "even"):
        lay_out(ODD, name=package, twice="listed")
    with pytest.raises(InputError, match=r"'twice' is registered by even 1\.0 and by odd 1\.0; uninstall all but one"):
        plugin_named("twice")
    assert names().count("twice") == 1
