"""The documentation is true: its blocks run, its lists are complete, its links lead somewhere."""

import inspect
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import get_args

import markdown_page
import pytest
from cli_page import PATH as CLI_PAGE
from cli_page import page as cli_page

import sessioneval as se
from sessioneval import errors
from sessioneval.evaluators.derived_library import DERIVED
from sessioneval.evaluators.registry import names as evaluator_names
from sessioneval.model.schemas import EVALUATIONS, SPANS, STITCHES
from sessioneval.model.transcript import LossReport
from sessioneval.semconv.normalisation import DIALECTS
from sessioneval.sessions.due import SkipReason
from sessioneval.sessions.loss import REASONS
from sessioneval.testing.server import StandIn

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RUN = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
ALL = [*RUN, *sorted(DOCS.glob("*/*.md")), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
FLOORS = [
    "model",
    "semconv",
    "ingest",
    "store",
    "sessions",
    "reader",
    "instrument",
    "evaluators",
    "runs",
    "analysis",
    "cli",
    "testing",
]
RUNS_A_PAGE = "test_every_block_of_a_page_runs_and_prints_what_the_page_shows"
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
# Written so that this file does not hold them.
MACHINE = [
    *(f"/{folder}/" for folder in ("work", "root", "home")),
    *(f"{host}.org" for host in ("pypi", "pythonhosted")),
    *(f"{host}.io" for host in ("proxy.golang", "registry.npmjs")),
]


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


def coded(page):
    """Return every name that a page shows as code in its running text and tables."""
    return set(re.findall(r"`([^`\n]+)`", page))


def rows(page, heading):
    """Return the first cell of each row of the table below a heading, without its marks."""
    section = re.split(rf"^#+ {re.escape(heading)}$", page, flags=re.MULTILINE)[1]
    table = re.search(r"^\|.*\|\n\|[-:| ]+\|\n((?:\|.*\n)+)", section, re.MULTILINE)
    return [row.split("|")[1].strip().strip("`") for row in table[1].splitlines()]


@pytest.fixture(scope="module")
def runs(request, tmp_path_factory):
    """The pages that are asked for, running side by side: most of their time is the start of commands.

    They have what a reader has: a model at OPENAI_BASE_URL (the stand-in here) and its key.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL_", "OPENAI_", "SESSIONEVAL_"))}
    items = [item for item in request.session.items if getattr(item, "originalname", "") == RUNS_A_PAGE]
    with StandIn() as server, ThreadPoolExecutor(os.cpu_count()) as pool:
        reader = kept | {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "not-a-key"}
        paths = [item.callspec.params["path"] for item in items]
        yield {path: pool.submit(run, path, tmp_path_factory.mktemp(path.stem), reader) for path in paths}


def run(path, folder, environment):
    """Run a page in a process of its own."""
    command = [sys.executable, markdown_page.__file__, path]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("path", RUN, ids=name_of)
def test_every_block_of_a_page_runs_and_prints_what_the_page_shows(path, runs):
    """A reader who copies a page from top to bottom must not meet a traceback or another answer."""
    done = runs[path].result()

    assert done.returncode == 0, done.stderr[-4000:]


def test_a_block_that_is_not_run_says_why():
    """What is not run may be wrong; the reason must be good enough to write down."""
    for path in RUN:
        page = path.read_text(encoding="utf-8")
        left_out = [block for block in markdown_page.blocks(page) if not block.is_run]
        assert len(left_out) == page.count("<!-- not run:"), path


def test_output_that_differs_is_noticed():
    """The comparison forgives white space and what `...` stands for, nothing else."""
    assert markdown_page.is_like("a  b\n─── c 12 d\n", "a b\nc ... d")
    assert not markdown_page.is_like("a b c 12", "a b c 13")
    assert not markdown_page.is_like("a b and more", "a b")
    with pytest.raises(AssertionError, match="exit code 3"):
        markdown_page.run_console(("$ exit 3",))


def test_the_command_line_page_is_what_help_prints():
    """Regenerate it with `python tests/cli_page.py`."""
    assert CLI_PAGE.read_text(encoding="utf-8") == cli_page()


def test_every_public_name_has_a_line():
    """What `import sessioneval` offers can be found in one place, and nothing else is promised there."""
    assert set(rows(text_of("docs/api.md"), "Names")) == set(se.__all__)


@pytest.mark.parametrize("name", [name for name in se.__all__ if inspect.isfunction(getattr(se, name))])
def test_a_public_function_shows_an_example_or_what_it_raises(name):
    """`help()` in a notebook is the first page that people read."""
    assert re.search(r"^(Example|Raises):", inspect.getdoc(getattr(se, name)), re.MULTILINE)


@pytest.mark.parametrize(
    ("heading", "schema"),
    [("Spans", SPANS), ("Evaluations", EVALUATIONS), ("Stitches", STITCHES)],
    ids=["spans", "evals", "stitches"],
)
def test_every_column_of_the_store_is_described(heading, schema):
    """The files are the interface: whoever opens them with another tool needs their columns."""
    assert rows(text_of("docs/store.md"), heading) == schema.names


def test_every_count_of_the_loss_report_is_described():
    """A count that nobody can read is no report."""
    page = text_of("docs/transcripts.md")

    assert rows(page, "The loss report") == list(LossReport.__dataclass_fields__)
    assert rows(page, "Why a span is ignored") == list(REASONS)


def test_every_reason_to_skip_a_session_is_described():
    """'Why is there no score' has an answer, in words that the page explains."""
    assert set(rows(text_of("docs/evaluate.md"), "Why a session is skipped")) == {
        *get_args(SkipReason),
        *(reason for judge in DERIVED.values() for reason in judge.skip_reasons),
        "no_reference",
        "not applicable",
    }


def test_every_evaluator_is_listed():
    """A judge that nobody knows of judges nothing."""
    assert set(evaluator_names()) <= coded(text_of("docs/evaluators.md"))


def test_the_dialects_listed_are_those_that_are_read():
    """Whoever comes from another instrumentation looks here first."""
    assert sorted(rows(text_of("docs/import.md"), "Dialects")) == sorted(dialect.name for dialect in DIALECTS)


def test_every_exception_stands_in_the_drawn_tree():
    """The tree on top of errors.py is the page that people read."""
    drawn = set(re.findall(r"[├└]── (\w+)|^(\w+)$", errors.__doc__, re.MULTILINE))
    classes = {name for name, found in vars(errors).items() if inspect.isclass(found) and issubclass(found, Exception)}

    assert {first or second for first, second in drawn} == classes
    assert errors.__doc__.split("\n\n")[1] in text_of("docs/api.md")


@pytest.mark.parametrize("floor", FLOORS)
def test_every_floor_has_a_design_note(floor):
    """One page each, linked from the drawing of all."""
    note = text_of(f"docs/design/{floor}.md")

    assert len(note.splitlines()) <= 60
    assert "| objects | role | lifetime |" in note
    assert f"({floor}.md)" in text_of("docs/design/README.md")


def test_the_floors_described_are_those_that_are_held():
    """The drawing and the contract that CI checks must be one."""
    layers = re.search(r"layers =\n((?: +.+\n)+)", text_of(".importlinter"))[1]

    assert {*re.findall(r"\w+", layers)} == {*FLOORS, "errors"}


@pytest.mark.parametrize("path", ALL, ids=name_of)
def test_every_relative_link_leads_somewhere(path):
    """A dead link is a page that does not exist."""
    for link in _LINK.findall(path.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), link
        if anchor:
            assert anchor in {anchor_of(heading) for heading in _HEADING.findall(file.read_text(encoding="utf-8"))}, (
                link
            )


def anchor_of(heading):
    """Return the anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("path", [path for path in ALL if path.parent != ROOT or path.name == "README.md"], ids=name_of)
def test_every_page_can_be_reached_from_the_readme(path):
    """A page without a way to it is not read."""
    reached, ahead = set(), [ROOT / "README.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        links = _LINK.findall(page.read_text(encoding="utf-8"))
        ahead += [(page.parent / link.partition("#")[0]).resolve() for link in links if "://" not in link]

    assert path in reached


def test_the_readme_begins_with_the_two_commands_and_shows_code_at_once():
    """A newcomer types `make demo`; whoever only looks sees code without scrolling."""
    lines = text_of("README.md").splitlines()
    typed = [line for line in lines if line.startswith("$ ")]

    assert [line.split("#")[0].strip() for line in typed[:2]] == ["$ make demo", "$ make test"]
    assert "```python" in lines[:25]


def test_the_picture_is_small_and_readable_on_light_and_dark_pages():
    """GitHub shows it on both."""
    picture = text_of("docs/img/flow.svg")

    assert len(picture.encode()) < 8_000
    assert "prefers-color-scheme: dark" in picture
    assert "<title" in picture


def test_the_changelog_says_what_is_unreleased():
    """Users read there what the next release brings."""
    assert "\n## Unreleased\n\n### " in text_of("CHANGELOG.md")


def test_no_file_of_the_project_names_this_machine():
    """A path or a package registry of one machine in the repository breaks everybody else's checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    found = [
        f"{name_of(path)}: {mark}"
        for path in files
        if path.is_file()
        for mark in MACHINE
        if mark.encode() in path.read_bytes()
    ]

    assert found == []
