"""The names that `import sessioneval` promises."""

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import sessioneval as se

PROMISED = [
    "register",
    "session",
    "SessionSpanProcessor",
    "ParquetSpanExporter",
    "Store",
    "Selection",
    "DueRule",
    "sessions_df",
    "spans_df",
    "evaluations_df",
    "transcript",
    "evaluate",
    "evaluate_async",
    "estimate",
    "import_files",
    "Judge",
    "Panel",
    "Voting",
    "Rubric",
    "evaluator",
    "from_phoenix",
    "from_deepeval",
    "Evaluation",
    "Transcript",
    "Message",
    "ToolCall",
    "Session",
    "SessionEvalError",
    "__version__",
]


def test_the_public_names_are_these():
    """Adding one is a decision, losing one breaks users."""
    assert sorted(se.__all__) == sorted(PROMISED)
    assert len(set(se.__all__)) == len(se.__all__) <= 30


@pytest.mark.parametrize("name", PROMISED)
def test_every_name_can_be_used_and_is_documented(name):
    """Each is loaded on first use."""
    found = getattr(se, name)
    assert name == "__version__" or found.__doc__


def test_dir_names_what_is_not_loaded_yet():
    """Tab completion in a notebook."""
    code = "import sessioneval as se; print([name for name in se.__all__ if name not in dir(se)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_star_import_gives_the_public_names():
    """It loads everything, and works."""
    names: dict[str, object] = {}
    exec("from sessioneval import *", names)
    assert set(PROMISED) <= set(names)


def test_an_unknown_name_is_an_attribute_error():
    """`hasattr` must answer, and a typo must not look like a missing package."""
    assert not hasattr(se, "evaluat")
    with pytest.raises(AttributeError, match="module 'sessioneval' has no attribute 'evaluat'"):
        _ = se.evaluat


def test_the_version_is_the_package_s():
    """One place states it."""
    assert se.__version__ == version("sessioneval")


def test_type_checkers_see_the_same_names():
    """The imports under TYPE_CHECKING and the lazy table agree on names and homes."""
    tree = ast.parse(Path(se.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == se._MODULE_OF
    assert set(seen) | {"__version__"} == set(se.__all__)
